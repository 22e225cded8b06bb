#include "reports/failure_report.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.hpp"
#include "codec/hex.hpp"
#include "mailauth/tag_list.hpp"
#include "message/arf.hpp"
#include "message/content_source.hpp"
#include "message/header.hpp"
#include "message/mailboxes.hpp"

namespace pabal::reports {
namespace {

constexpr std::size_t kMostText = 4000;
constexpr std::size_t kMostAddresses = 10;  ///< of a field
constexpr std::size_t kMostSignatures = 5;
constexpr std::size_t kMostFields = 1000;

std::string number_of(std::string_view local, const Redaction& redaction) {
  std::string hash(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (HMAC(EVP_sha256(), redaction.key.data(), static_cast<int>(redaction.key.size()),
           reinterpret_cast<const unsigned char*>(local.data()), local.size(),
           reinterpret_cast<unsigned char*>(hash.data()), &size) == nullptr) {
    throw std::bad_alloc();
  }
  hash.resize(10);
  return codec::hex(hash);
}

/// Where the local part that ends at `at` begins.
std::size_t begin_of_local(std::string_view text, std::size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t')) --at;  // RFC 5322 §3.4.1: blanks may stand there
  // Quoted, it may have quotes of its own with a backslash before them: from the first of all, so that nothing of it
  // stays, whatever goes with it.
  if (at > 0 && text[at - 1] == '"') return text.find('"');
  const auto before = at > 0 ? text.find_last_of(" \t\r\n=;(<>,:\"", at - 1) : std::string_view::npos;
  return before == std::string_view::npos ? 0 : before + 1;
}

/// One line of printable ASCII, or nothing.
std::string plain_line(std::string_view body, std::size_t most) {
  const auto text = trim(body);
  const bool is_plain = text.size() <= most && std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  return is_plain ? std::string(text) : std::string();
}

/// "<number@domain>, …" of all addresses that can be read.
std::string redacted_addresses(std::string_view body, const Redaction& redaction) {
  std::string out;
  const auto addresses = message::addresses_in(body, kMostAddresses);
  if (!addresses) return out;
  for (const auto& address : *addresses) {
    if (address.domain() == nullptr) continue;
    out += fmt::format("{}<{}@{}>", out.empty() ? "" : ", ", number_of(to_lower(address.local_part()), redaction),
                       address.domain()->ascii());
  }
  return out;
}

/// How it was made; neither the copied header fields (z=) nor whose it is (i=).
std::string redacted_signature(std::string_view body) {
  const auto tags = mailauth::TagList::parse(body);
  if (!tags) return {};
  std::string out;
  for (const auto& tag : tags->all()) {
    if (tag.name == "z" || tag.name == "i") continue;
    const auto value = mailauth::without_white_space(tag.value);
    if (value.size() > 1000 || !is_ascii(value)) return {};
    out += fmt::format("{}{}={}", out.empty() ? "" : "; ", tag.name, value);
  }
  return out.size() <= kMostText ? out : std::string();
}

bool is_temporary(const JudgedLetter& letter) {
  return std::ranges::any_of(letter.dkim, [](const auto& one) { return one.result == "temperror"; }) ||
         std::ranges::any_of(letter.spf, [](const auto& one) { return one.result == "temperror"; });
}

bool signature_failed(const JudgedDkim& one) {
  return one.result == "fail" || one.result == "policy" || one.result == "permerror";
}
bool spf_failed(const JudgedSpf& one) { return one.result == "fail" || one.result == "softfail"; }

std::string_view delivery_result(Disposition disposition) {
  switch (disposition) {
    case Disposition::none:
      return "delivered";
    case Disposition::quarantine:
      return "spam";
    case Disposition::reject:
      return "reject";
  }
  return "other";
}

message::AuthFailure failure_of(const JudgedLetter& letter, std::string_view failure) {
  message::AuthFailure out;
  out.failure = failure;
  out.delivery_result = delivery_result(letter.disposition);
  out.identity_alignment = letter.dkim_aligned && letter.spf_aligned ? "dkim, spf"
                           : letter.dkim_aligned                     ? "dkim"
                           : letter.spf_aligned                      ? "spf"
                                                                     : "none";
  auto chosen = std::ranges::find_if(letter.dkim, signature_failed);
  if (chosen == letter.dkim.end()) chosen = letter.dkim.begin();
  if (chosen != letter.dkim.end()) {
    out.dkim_domain = printable(chosen->domain, 255);
    out.dkim_identity = "@" + out.dkim_domain;
    out.dkim_selector = printable(chosen->selector, 255);
  }
  for (const auto& one : letter.spf) {
    // RFC 6591 §3.2.6; a record is what its domain publishes.
    if (one.record.empty() || one.record.size() > 500 || !is_ascii(one.record) || one.record.contains('"')) continue;
    out.spf_dns.push_back(fmt::format("txt : {} : \"{}\"", printable(one.domain, 255), printable(one.record, 500)));
  }
  return out;
}

}  // namespace

std::optional<std::string_view> failure_to_tell(const JudgedLetter& letter) {
  if (letter.policy.ruf.empty() || is_temporary(letter)) return std::nullopt;
  bool none_aligned = false;
  bool not_all_aligned = false;
  bool signatures = false;
  bool spf = false;
  const std::string_view options = letter.policy.fo.empty() ? std::string_view("0") : letter.policy.fo;
  for (const auto option : split(options, ':')) {
    const auto name = to_lower(trim(option));
    none_aligned = none_aligned || name == "0";
    not_all_aligned = not_all_aligned || name == "1";
    signatures = signatures || name == "d";
    spf = spf || name == "s";
  }
  if (none_aligned && !letter.dkim_aligned && !letter.spf_aligned) return "dmarc";
  if (not_all_aligned && (!letter.dkim_aligned || !letter.spf_aligned)) return "dmarc";
  if (signatures && std::ranges::any_of(letter.dkim, signature_failed)) return "signature";
  if (spf && std::ranges::any_of(letter.spf, spf_failed)) return "spf";
  return std::nullopt;
}

bool is_from_machine(std::string_view header) {
  const message::HeaderFields fields(header, 0, kMostFields);
  for (const auto& field : fields.all()) {
    const auto body = to_lower(trim(field.body));
    if (equal_ignoring_case(field.name, "Auto-Submitted") && !body.starts_with("no")) return true;
    if (equal_ignoring_case(field.name, "Content-Type") && body.starts_with("multipart/report")) return true;
    if (equal_ignoring_case(field.name, "Return-Path") && body == "<>") return true;
  }
  return false;
}

std::string redacted(std::string_view text, const Redaction& redaction) {
  text = text.substr(0, kMostText);
  std::string out;
  std::size_t done = 0;
  for (auto at = text.find('@'); at != std::string_view::npos && out.size() < kMostText; at = text.find('@', at + 1)) {
    const auto begin = std::max(begin_of_local(text, at), done);
    out += text.substr(done, begin - done);
    if (at > begin) out += number_of(to_lower(text.substr(begin, at - begin)), redaction);
    done = at;
  }
  if (out.size() < kMostText) out += text.substr(done);
  if (out.size() > kMostText) out.resize(kMostText);
  return out;
}

std::string redacted_header(std::string_view header, const Redaction& redaction) {
  const message::HeaderFields fields(header, 0, kMostFields);
  std::string out;
  std::size_t signatures = 0;
  for (const auto& field : fields.all()) {
    const auto is = [&](std::string_view name) { return equal_ignoring_case(field.name, name); };
    std::string_view name;
    std::string value;
    if (is("From") || is("Sender")) {
      name = is("From") ? "From" : "Sender";
      value = redacted_addresses(field.body, redaction);
    } else if (is("Date") || is("Message-ID")) {
      name = is("Date") ? "Date" : "Message-ID";
      value = plain_line(field.body, 250);
    } else if (is("DKIM-Signature") && signatures < kMostSignatures) {
      ++signatures;
      name = "DKIM-Signature";
      value = redacted_signature(field.body);
    }
    if (!value.empty() && out.size() < 4 * kMostText) out += fmt::format("{}: {}\r\n", name, value);
  }
  return out;
}

Result<std::string> write_failure_letter(const Reporter& reporter, const JudgedLetter& letter, std::string_view failure,
                                         const ReportLetter& to, const Redaction& redaction, Random& random) {
  message::FeedbackReport report;
  report.type = "auth-failure";
  report.user_agent = "Pabal";
  report.mail_from =
      letter.envelope_from.empty() ? "<>" : fmt::format("<redacted@{}>", printable(letter.envelope_from, 255));
  report.arrival = codec::Date{.time = letter.time};
  report.reporting_mta = {.type = "dns", .text = reporter.hostname};
  report.source_ip = letter.source_ip;
  report.authentication_results.push_back(redacted(letter.authentication_results, redaction));
  report.domains.push_back(letter.policy.domain);
  report.auth_failure = failure_of(letter, failure);
  auto header = redacted_header(letter.header, redaction);
  if (header.empty()) header = "X-Nothing: can be told of its header\r\n";
  message::ArfSpec spec{
      .envelope = {.from = {.name = reporter.organization, .address = reporter.address},
                   .to = {.name = {}, .address = to.to},
                   .subject =
                       fmt::format("DMARC failure report: {} by {}", letter.policy.domain, reporter.organization),
                   .date = to.now,
                   .message_id = message::make_message_id(to.now, random, reporter.hostname),
                   .in_reply_to = {}},
      .human_text = fmt::format(
          "This is a DMARC failure report (RFC 7489, RFC 6591) of {} about a letter whose From field\n"
          "names {}. It was made by a machine. What would tell of our people was left out: the letter's\n"
          "text, subject and recipients, and the local parts of addresses, each of which is a number here.\n",
          reporter.organization, letter.policy.domain),
      .report = std::move(report),
      .returned = {.kind = message::Returned::Kind::headers, .content = message::source_of(std::move(header))}};
  auto written = message::make_arf(std::move(spec), message::HeaderStyle::ascii);
  if (!written) return pass(written);
  return written->text(random);
}

}  // namespace pabal::reports
