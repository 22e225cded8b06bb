#include "queue/notice.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "message/encoded_word.hpp"
#include "message/header.hpp"
#include "net/endpoint.hpp"

namespace pabal::queue {

namespace {

using message::BounceReason;
using message::DsnAction;

struct Sentence {
  BounceReason reason;
  std::string_view english;
  std::string_view korean;
};

constexpr std::array kSentences = {
    Sentence{BounceReason::unknown_user, "There is no such address there. Please look at how it is spelled.",
             "받는 쪽에 그런 주소가 없습니다. 주소를 바르게 적었는지 확인해 주십시오."},
    Sentence{BounceReason::mailbox_full, "The recipient's mailbox is full.", "받는 분의 편지함이 가득 찼습니다."},
    Sentence{BounceReason::mailbox_disabled, "The recipient's mailbox is not in use any more.",
             "받는 분의 편지함은 더 이상 사용되지 않습니다."},
    Sentence{BounceReason::host_unknown,
             "The part of the address behind the @ does not exist, or takes no mail. Please look at how it is spelled.",
             "주소의 @ 뒷부분(도메인)이 없거나 메일을 받지 않습니다. 바르게 적었는지 확인해 주십시오."},
    Sentence{BounceReason::unreachable, "The recipient's mail server could not be reached.",
             "받는 쪽 메일 서버에 연결할 수 없었습니다."},
    Sentence{BounceReason::expired, "It was tried again and again, for as long as this server tries.",
             "여러 번 다시 시도했지만 정해진 기간 안에 전달하지 못했습니다."},
    Sentence{BounceReason::spam, "The recipient's mail server takes the letter for spam.",
             "받는 쪽 메일 서버가 이 편지를 스팸으로 보았습니다."},
    Sentence{BounceReason::blocked, "The recipient's mail server takes no letters from here, by a rule of its own.",
             "받는 쪽 메일 서버가 자체 규칙에 따라 이곳에서 보내는 편지를 받지 않습니다."},
    Sentence{BounceReason::authentication,
             "The recipient's mail server doubts that the letter is from the address that it names.",
             "받는 쪽 메일 서버가 보낸 사람 주소를 확인하지 못했습니다."},
    Sentence{BounceReason::too_big, "The letter is too big for the recipient's mail server.",
             "편지가 너무 커서 받는 쪽 메일 서버가 받지 않습니다."},
    Sentence{BounceReason::rate_limited, "The recipient's mail server takes no more letters for the moment.",
             "받는 쪽 메일 서버가 지금은 편지를 더 받지 않습니다."},
    Sentence{BounceReason::relay_denied, "The server that was asked does not take mail for this address.",
             "해당 서버는 이 주소로 가는 메일을 받지 않습니다."},
    Sentence{BounceReason::loop, "The letter went round in a circle.", "편지가 서버 사이를 맴돌고 있습니다."},
    Sentence{BounceReason::virus, "The recipient's mail server takes the letter for harmful software.",
             "받는 쪽 메일 서버가 이 편지에 악성 코드가 있다고 보았습니다."},
    Sentence{BounceReason::malformed, "The recipient's mail server did not understand the letter or the address.",
             "받는 쪽 메일 서버가 편지나 주소의 형식을 이해하지 못했습니다."},
    Sentence{BounceReason::system, "The recipient's mail server has trouble of its own.",
             "받는 쪽 메일 서버에 문제가 있습니다."},
};
constexpr std::string_view kRefusedEnglish = "The recipient's mail server did not take it.";
constexpr std::string_view kRefusedKorean = "받는 쪽 메일 서버가 편지를 받지 않았습니다.";

// What this server says itself, by what stands behind the class of its status (RFC 3463, RFC 5248's registry).
struct OwnSentence {
  std::string_view status;
  std::string_view english;
  std::string_view korean;
};

constexpr std::array kOwnSentences = {
    OwnSentence{".3.3",
                "You asked for its delivery by a certain time (DELIVERBY), which the recipient's mail server does not "
                "look at.",
                "정해진 시각까지 전달해 달라고 하셨지만(DELIVERBY), 받는 쪽 메일 서버는 그 기능을 쓰지 않습니다."},
    OwnSentence{".4.3", "The recipient's domain could not be looked up (DNS).",
                "받는 쪽 도메인을 찾아볼 수 없었습니다(DNS)."},
    OwnSentence{".4.4", "The recipient's domain names no mail server that can be found (DNS).",
                "받는 쪽 도메인에서 메일 서버를 찾을 수 없습니다(DNS)."},
    OwnSentence{".4.7", "The time that you gave for its delivery is over.", "정하신 전달 시각이 지났습니다."},
    OwnSentence{".6.3",
                "The recipient's mail server takes plain characters alone, and this letter can't be brought into that "
                "form unharmed.",
                "받는 쪽 메일 서버는 7비트 편지만 받는데, 이 편지는 그대로 바꿀 수 없습니다."},
    OwnSentence{".6.7",
                "An address or the header has letters like 한 or é, which the recipient's mail server does not take "
                "(SMTPUTF8).",
                "주소나 편지 머리글에 한글 같은 문자가 있는데, 받는 쪽 메일 서버는 이를 받지 않습니다(SMTPUTF8)."},
    OwnSentence{".7.10",
                "It may go over a connection alone that is encrypted to a server that has proven who it is (TLS), and "
                "there is no such one.",
                "확인된 서버와의 암호화된 연결(TLS)로만 보낼 수 있는 편지인데, 그런 연결을 할 수 없습니다."},
    OwnSentence{".7.30",
                "You asked that it goes over verified TLS all its way (REQUIRETLS), which the recipient's mail server "
                "does not promise.",
                "모든 구간에서 확인된 TLS로만 보내 달라고 하셨지만(REQUIRETLS), 받는 쪽 메일 서버가 이를 보장하지 "
                "않습니다."},
    OwnSentence{".7.4",
                "It may go over an encrypted connection (TLS) alone, which the recipient's mail server does not offer.",
                "암호화된 연결(TLS)로만 보낼 수 있는 편지인데, 받는 쪽 메일 서버가 이를 제공하지 않습니다."},
    OwnSentence{
        ".7.5",
        "No secure connection (TLS) to the recipient's mail server could be made: it did not prove who it is, or "
        "broke off.",
        "받는 쪽 메일 서버와 안전한 연결(TLS)을 맺지 못했습니다. 서버가 확인되지 않았거나 연결이 끊겼습니다."},
};

bool has_hangul(std::string_view utf8) noexcept {
  // U+AC00 to U+D7A3 are EA B0 80 to ED 9E A3.
  for (std::size_t i = 0; i + 2 < utf8.size(); ++i) {
    const auto first = static_cast<unsigned char>(utf8[i]);
    const auto second = static_cast<unsigned char>(utf8[i + 1]);
    if (first < 0xEA || first > 0xED) continue;
    if (first == 0xEA && second < 0xB0) continue;
    if (first == 0xED && second > 0x9E) continue;
    return true;
  }
  return false;
}

std::string domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string() : to_lower(address.substr(at + 1));
}

std::string subject_of(std::string_view head) {
  const message::HeaderFields fields(head, 0, 1000);
  auto subject = message::decode_text(fields.body("Subject"));
  // Cut where a letter ends, not within one.
  std::size_t most = std::min<std::size_t>(subject.size(), 150);
  while (most > 0 && most < subject.size() && (static_cast<unsigned char>(subject[most]) & 0xC0) == 0x80) --most;
  const bool cut = most < subject.size();
  subject.resize(most);
  return std::string(trim(subject)) + (cut ? "…" : "");
}

std::string id_of(std::string_view head) {
  const message::HeaderFields fields(head, 0, 1000);
  const auto value = trim(fields.body("Message-ID"));
  const auto open = value.find('<');
  const auto close = value.find('>', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return {};
  return std::string(value.substr(open + 1, close - open - 1));
}

std::string subject_line(DsnAction action, Language language, std::string_view subject) {
  const bool korean = language == Language::korean;
  std::string_view what;
  switch (action) {
    case DsnAction::delayed:
      what = korean ? "아직 전달 중인 편지" : "Your letter is still on its way";
      break;
    case DsnAction::relayed:
    case DsnAction::delivered:
    case DsnAction::expanded:
      what = korean ? "전달된 편지" : "Your letter was handed on";
      break;
    case DsnAction::failed:
    case DsnAction::unknown:
      what = korean ? "전달하지 못한 편지" : "Your letter could not be delivered";
      break;
  }
  return subject.empty() ? std::string(what) : fmt::format("{}: {}", what, subject);
}

std::string opening(DsnAction action, Language language) {
  const bool korean = language == Language::korean;
  switch (action) {
    case DsnAction::delayed:
      return korean ? "보내신 편지를 아래 주소로 아직 전달하지 못했습니다. 계속 시도하고 있으니 다시 보내지 않으셔도 "
                      "됩니다."
                    : "Your letter has not reached these recipients yet. It is still being tried: there is no need to "
                      "send it again.";
    case DsnAction::relayed:
      return korean
                 ? "보내신 편지를 아래 주소의 메일 서버에 넘겼습니다. 그 서버는 더 이상의 소식을 알려 주지 않습니다."
                 : "Your letter was handed to the mail servers of these recipients, which will not tell what becomes "
                   "of it.";
    case DsnAction::delivered:
    case DsnAction::expanded:
      return korean ? "보내신 편지가 아래 편지함에 들어갔습니다."
                    : "Your letter was put into these recipients' mailboxes.";
    case DsnAction::failed:
    case DsnAction::unknown:
      break;
  }
  return korean ? "보내신 편지를 아래 주소로 전달하지 못했습니다."
                : "Your letter could not be delivered to these recipients.";
}

std::string closing(const NoticeFacts& facts, Language language, message::Returned::Kind returned) {
  const bool korean = language == Language::korean;
  if (facts.action == DsnAction::delayed) {
    return fmt::format(
        fmt::runtime(korean ? "{}까지 계속 시도합니다. 그때까지 전달하지 못하면 다시 알려 드리겠습니다."
                            : "It is tried until {}. If it can't be delivered by then, you will be told."),
        codec::format_date(facts.retry_until));
  }
  // True whether its header comes with it or was taken out on the way.
  const std::string_view discreet =
      facts.telling == Telling::all ? ""
      : korean ? "모든 구간에서 확인된 TLS로만 보내 달라고 하신 편지이므로(REQUIRETLS) 그 내용은 여기에 적지 않습니다."
               : "You asked that the letter goes over verified TLS all its way (REQUIRETLS), so these words don't "
                 "say what it is about.";
  if (facts.action != DsnAction::failed) return std::string(discreet);
  std::string text = korean ? "이 편지는 다시 시도하지 않습니다." : "It is not tried any more.";
  if (!discreet.empty()) return text.append(" ").append(discreet);
  if (returned == message::Returned::Kind::message) {
    text += korean ? " 보내신 편지를 아래에 덧붙입니다." : " What you wrote is attached.";
  } else if (returned == message::Returned::Kind::headers) {
    text += korean ? " 보내신 편지의 머리글을 아래에 덧붙입니다." : " The header of what you wrote is attached.";
  }
  return text;
}

// The name of the host that spoke, as RFC 3464 §2.3.5 has it: an address stands in brackets. Who listens on a Unix
// socket is on this host, and where that socket lies is nobody's business.
std::string mta_name(const NoticeFacts& facts, const NoticeRecipient& recipient) {
  const auto& host = recipient.remote_host;
  if (host.starts_with("unix:")) return facts.hostname;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error) return host;
  return fmt::format("[{}{}]", address.is_v6() ? "IPv6:" : "", host);
}

// Why one was not reached, a sentence a line.
std::string why(const NoticeRecipient& recipient, Language language) {
  const auto line = [](std::string_view words) { return fmt::format("  {}\n", words); };
  // It was to go back at a time, and was not tried "for as long as this server tries".
  if (recipient.gave_up && recipient.status == "5.4.7") return line(own_sentence(recipient.status, language));
  std::string text;
  if (recipient.gave_up) text += line(sentence(BounceReason::expired, language));
  if (!recipient.smtp) {
    if (const auto own = own_sentence(recipient.status, language); !own.empty() && !recipient.gave_up) {
      return text + line(own);
    }
  }
  const auto reason = message::bounce_reason(recipient.diagnostic, recipient.status, 0);
  if (!recipient.gave_up || reason != BounceReason::expired) text += line(sentence(reason, language));
  return text;
}

std::string human_text(const NoticeFacts& facts, Language language, std::string_view subject,
                       message::Returned::Kind returned) {
  const bool korean = language == Language::korean;
  std::string text = fmt::format(
      fmt::runtime(korean ? "{}의 메일 시스템입니다.\n\n" : "This is the mail system at {}.\n\n"), facts.hostname);
  text += opening(facts.action, language) + "\n\n";
  if (!subject.empty()) text += fmt::format("  {}: {}\n", korean ? "제목" : "Subject", subject);
  text += fmt::format("  {}: {}\n", korean ? "받은 시각" : "Received", codec::format_date(facts.letter->arrived));
  for (const auto& recipient : facts.recipients) {
    text += fmt::format("\n<{}>\n", recipient.address);
    if (facts.action == DsnAction::failed || facts.action == DsnAction::delayed) text += why(recipient, language);
    if (recipient.diagnostic.empty()) continue;
    const auto words = printable(recipient.diagnostic, 1000);
    if (recipient.smtp && !recipient.remote_host.empty()) {
      text += fmt::format(fmt::runtime(korean ? "  {}의 응답: {}\n" : "  {} said: {}\n"), mta_name(facts, recipient),
                          words);
    } else {
      text += fmt::format("  ({})\n", words);
    }
  }
  if (const auto end = closing(facts, language, returned); !end.empty()) text += "\n" + end + "\n";
  return text;
}

message::TypedValue typed_address(std::string_view address) {
  return {is_ascii(address) ? "rfc822" : "utf-8", std::string(address)};
}

message::RecipientReport report_of(const NoticeFacts& facts, const NoticeRecipient& recipient) {
  message::RecipientReport report;
  if (const auto semicolon = recipient.original_recipient.find(';'); semicolon != std::string::npos) {
    report.original_recipient = {to_lower(std::string_view(recipient.original_recipient).substr(0, semicolon)),
                                 recipient.original_recipient.substr(semicolon + 1)};
  }
  report.final_recipient = typed_address(recipient.address);
  report.action = facts.action;
  report.status = recipient.status;
  if (!recipient.remote_host.empty()) report.remote_mta = {"dns", mta_name(facts, recipient)};
  if (!recipient.diagnostic.empty() && facts.action != DsnAction::delivered && recipient.smtp) {
    report.diagnostic = {"smtp", printable(recipient.diagnostic, 1000)};
  } else if (!recipient.diagnostic.empty()) {
    report.diagnostic = {"x-pabal", printable(recipient.diagnostic, 1000)};
  }
  report.last_attempt = codec::Date{facts.now, 0, false};
  if (facts.action == DsnAction::delayed) report.will_retry_until = codec::Date{facts.retry_until, 0, false};
  report.final_log_id = facts.letter->id;
  return report;
}

}  // namespace

std::string_view sentence(BounceReason reason, Language language) noexcept {
  const bool korean = language == Language::korean;
  const auto found = std::ranges::find(kSentences, reason, &Sentence::reason);
  if (found == kSentences.end()) return korean ? kRefusedKorean : kRefusedEnglish;
  return korean ? found->korean : found->english;
}

std::string_view own_sentence(std::string_view status, Language language) noexcept {
  const auto detail = status.substr(std::min<std::size_t>(status.size(), 1));
  const auto found = std::ranges::find(kOwnSentences, detail, &OwnSentence::status);
  if (found == kOwnSentences.end()) return {};
  return language == Language::korean ? found->korean : found->english;
}

Language language_of(std::string_view author, std::string_view head) {
  const auto domain = domain_of(author);
  if (domain.ends_with(".kr") || domain.ends_with(".xn--3e0b707e") || has_hangul(domain)) return Language::korean;
  const message::HeaderFields fields(head, 0, 1000);
  for (const auto tag : split(fields.body("Content-Language"), ',')) {
    const auto lower = to_lower(trim(tag));
    if (lower == "ko" || lower.starts_with("ko-")) return Language::korean;
  }
  const auto type = to_lower(fields.body("Content-Type"));
  for (const std::string_view charset : {"euc-kr", "ks_c_5601", "ksc5601", "cp949", "windows-949", "iso-2022-kr"}) {
    if (type.contains(charset)) return Language::korean;
  }
  return has_hangul(message::decode_text(fields.body("Subject"))) ? Language::korean : Language::english;
}

Result<WrittenNotice> write_notice(const NoticeFacts& facts, Random& random) {
  const auto& letter = *facts.letter;
  auto author = EmailAddress::parse(letter.author, 255);
  if (!author) return pass(author);
  auto system = EmailAddress::parse("MAILER-DAEMON@" + facts.hostname);
  if (!system) return pass(system);
  const auto language = language_of(letter.author, facts.content);
  const auto subject = facts.telling == Telling::all ? subject_of(facts.content) : std::string();
  const bool wide = letter.smtputf8 || author->needs_smtputf8();
  const auto style = wide ? message::HeaderStyle::utf8 : message::HeaderStyle::ascii;

  WrittenNotice written;
  // A stranger's words stand in the text alone: our signature shall not be shown around over a Subject of his making.
  written.subject = subject_line(facts.action, language, letter.account ? subject : std::string());
  const auto id = message::make_message_id(facts.now, random, facts.hostname);
  written.message_id = "<" + id + ">";
  written.smtputf8 = wide;

  message::DsnSpec spec{
      .envelope = {.from = {language == Language::korean ? "메일 시스템" : "Mail system", *std::move(system)},
                   .to = {"", *std::move(author)},
                   .subject = written.subject,
                   .date = facts.now,
                   .message_id = id,
                   .in_reply_to = id_of(facts.content)},
      .human_text = {},
      .report = {},
      .returned = {}};
  spec.report.envelope_id = letter.envelope_id;
  spec.report.reporting_mta = {"dns", facts.hostname};
  spec.report.arrival = codec::Date{letter.arrived, 0, false};
  for (const auto& recipient : facts.recipients) spec.report.recipients.push_back(report_of(facts, recipient));

  const auto header_end = message::header_size(facts.content);
  using Kind = message::Returned::Kind;
  // What is returned must be such that it can be written; where it isn't, its header, or nothing.
  for (const auto kind : {Kind::message, Kind::headers, Kind::none}) {
    if (kind == Kind::message && !(facts.whole && facts.action == DsnAction::failed && facts.telling == Telling::all)) {
      continue;
    }
    if (kind == Kind::headers && (!header_end || facts.telling == Telling::nothing)) continue;
    spec.human_text = human_text(facts, language, subject, kind);
    spec.returned.kind = kind;
    spec.returned.content = kind == Kind::none
                                ? nullptr
                                : message::source_of(std::string(
                                      kind == Kind::message ? facts.content : facts.content.substr(0, *header_end)));
    const auto message = message::make_dsn(spec, style);
    if (!message) return pass(message);
    auto text = message->text(random, {.carriage = message::Carriage::eight_bit});
    if (!text && kind != Kind::none) continue;
    if (!text) return pass(text);
    written.content = *std::move(text);
    break;
  }
  written.form = is_ascii(written.content) ? store::ContentForm::seven_bit : store::ContentForm::eight_bit;
  return written;
}

std::string notice_trace(std::string_view about, std::string_view author, const store::Notice& notice,
                         DsnAction action) {
  json::object trace;
  trace["event"] = "notice";
  trace["id"] = notice.id;
  trace["about"] = about;
  trace["action"] = message::name_of(action);
  trace["sender"] = "";
  trace["recipients"] = json::array{json::object{{"address", author}}};
  trace["message_id"] = notice.message_id;
  trace["size"] = notice.content.size();
  return json::serialize(trace);
}

}  // namespace pabal::queue
