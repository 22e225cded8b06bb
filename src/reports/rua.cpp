#include "reports/rua.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/hex.hpp"
#include "mailauth/tag_list.hpp"

namespace pabal::reports {
namespace {

constexpr std::size_t kLongestUri = 2048;

/// RFC 3986 §2.1; nothing where a '%' isn't followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = codec::hex_digit(text[i + 1]);
    const int low = codec::hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

/// RFC 3986 §2: ASCII alone; all else is written in percent codes.
bool is_uri_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7F && c != '<' && c != '>' && c != '"' && c != '\\';
  });
}

/// "10m" and its like: octets (RFC 7489 §6.2: units are of 2^10).
std::optional<std::uint64_t> size_limit(std::string_view text) {
  unsigned shift = 0;
  if (!text.empty() && is_alpha(text.back())) {
    switch (ascii_lower(text.back())) {
      case 'k':
        shift = 10;
        break;
      case 'm':
        shift = 20;
        break;
      case 'g':
        shift = 30;
        break;
      case 't':
        shift = 40;
        break;
      default:
        return std::nullopt;
    }
    text.remove_suffix(1);
  }
  const auto number = parse_decimal(text, UINT64_MAX >> 1);
  if (!number) return std::nullopt;
  if (*number > (UINT64_MAX >> 1) >> shift) return UINT64_MAX >> 1;
  return *number << shift;
}

Result<ReportUri> parse_mailto(std::string_view rest) {
  // RFC 6068: one address; a subject or a body that the URI brings are none of our business.
  const auto address_text = percent_decoded(rest.substr(0, rest.find('?')));
  if (!address_text) return fail(ErrorKind::syntax, "a '%' without two hexadecimal digits");
  auto address = EmailAddress::parse(*address_text);
  if (!address) return fail(ErrorKind::syntax, address.error().peer);
  if (address->domain() == nullptr) return fail(ErrorKind::syntax, "an address without a domain");
  ReportUri uri;
  uri.kind = ReportUri::Kind::mailto;
  uri.host = address->domain()->ascii();
  uri.address = *std::move(address);
  return uri;
}

Result<ReportUri> parse_https(std::string_view rest) {
  if (!rest.starts_with("//")) return fail(ErrorKind::syntax, "https without //");
  rest.remove_prefix(2);
  const auto end = rest.find_first_of("/?#");
  auto authority = rest.substr(0, end);
  auto path = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  path = path.substr(0, path.find('#'));
  ReportUri uri;
  uri.kind = ReportUri::Kind::https;
  if (const auto colon = authority.find(':'); colon != std::string_view::npos) {
    const auto port = parse_decimal(authority.substr(colon + 1), 65535);
    if (!port || *port == 0) return fail(ErrorKind::syntax, "no port");
    uri.port = static_cast<std::uint16_t>(*port);
    authority = authority.substr(0, colon);
  }
  // Only names: a certificate must be of the host, and an address would lead into our own network.
  const auto host = Domain::parse(authority);
  if (!host || !authority.contains('.') || is_digit(authority.back())) {
    return fail(ErrorKind::syntax, "no host name");
  }
  uri.host = host->ascii();
  uri.path = (path.starts_with('/') ? "" : "/") + std::string(path);
  if (!is_ascii(uri.path)) return fail(ErrorKind::syntax, "a path that is not ASCII");
  return uri;
}

Result<ReportUri> parse_one(std::string_view text) {
  if (text.size() > kLongestUri) return fail(ErrorKind::limit, "too long");
  if (!is_uri_text(text)) return fail(ErrorKind::syntax, "characters that no URI has");
  std::optional<std::uint64_t> at_most;
  // A '!' of the URI's own is written %21 (RFC 7489 §6.2).
  if (const auto mark = text.rfind('!'); mark != std::string_view::npos) {
    at_most = size_limit(text.substr(mark + 1));
    if (!at_most) return fail(ErrorKind::syntax, "a size that is none");
    text = text.substr(0, mark);
    if (text.contains('!')) return fail(ErrorKind::syntax, "more than one '!'");
  }
  const auto colon = text.find(':');
  const auto scheme = text.substr(0, colon);
  Result<ReportUri> uri = fail(ErrorKind::unsupported, "neither mailto nor https");
  if (colon != std::string_view::npos && equal_ignoring_case(scheme, "mailto"))
    uri = parse_mailto(text.substr(colon + 1));
  if (colon != std::string_view::npos && equal_ignoring_case(scheme, "https"))
    uri = parse_https(text.substr(colon + 1));
  if (!uri) return uri;
  uri->text = std::string(text);
  uri->at_most = at_most;
  return uri;
}

}  // namespace

std::vector<ReportUri> parse_report_uris(std::string_view value, std::vector<std::string>* refused) {
  std::vector<ReportUri> found;
  std::size_t looked_at = 0;
  while (!value.empty() || looked_at == 0) {
    const auto comma = value.find(',');
    const auto text = trim(value.substr(0, comma));
    value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
    if (++looked_at > 10 * kMostReportUris) break;
    if (text.empty()) continue;
    auto uri = parse_one(text);
    std::string why = uri ? "" : uri.error().peer;
    if (uri && std::ranges::any_of(found, [&](const auto& other) { return other.text == uri->text; })) continue;
    if (uri && found.size() == kMostReportUris) why = fmt::format("more than {} places", kMostReportUris);
    if (why.empty()) {
      found.push_back(*std::move(uri));
    } else if (refused != nullptr) {
      refused->push_back(fmt::format("{}: {}", printable(text, 100), why));
    }
  }
  return found;
}

Result<std::string> parse_tlsrpt_record(const std::vector<std::string>& texts) {
  // RFC 8460 §3: "v=TLSRPTv1" first, fields in any order, and extensions that are ignored.
  const std::string* record = nullptr;
  for (const auto& text : texts) {
    const auto version = trim(std::string_view(text).substr(0, text.find(';')));
    if (version != "v=TLSRPTv1") continue;
    if (record != nullptr) return fail(ErrorKind::not_found, "more than one TLSRPTv1 record");
    record = &text;
  }
  if (record == nullptr) return fail(ErrorKind::not_found, "no TLSRPTv1 record");
  for (const auto field : split(*record, ';')) {
    const auto text = trim(field);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || trim(text.substr(0, equals)) != "rua") continue;
    const auto value = trim(text.substr(equals + 1));
    if (!value.empty()) return std::string(value);
  }
  return fail(ErrorKind::syntax, "the TLSRPTv1 record has no rua");
}

std::string owner_of(const PublicSuffix* suffixes, std::string_view name) {
  const auto domain = Domain::parse(name);
  if (!domain) return to_lower(name);
  return suffixes != nullptr ? suffixes->registrable(*domain).value_or(*domain).ascii() : domain->ascii();
}

Async<Consent> consent_of(dns::Resolver& resolver, const PublicSuffix& suffixes, Domain domain, ReportUri place) {
  const auto host = Domain::parse(place.host);
  if (!host) co_return Consent{.answer = Consent::Answer::refused, .why = place.host + " is no domain"};
  const auto mine = suffixes.registrable(domain).value_or(domain);
  const auto theirs = suffixes.registrable(*host).value_or(*host);
  if (mine == theirs) co_return Consent{.answer = Consent::Answer::own, .why = {}};
  const auto question = fmt::format("{}._report._dmarc.{}", domain.ascii(), host->ascii());
  const auto name = dns::Name::parse(question);
  if (!name) co_return Consent{.answer = Consent::Answer::refused, .why = question + " is too long a name"};
  const auto answer = co_await resolver.resolve(*name, dns::Type::txt);
  Consent consent;
  if (!answer.is_definite()) {
    consent.answer = Consent::Answer::unknown;
    consent.why = fmt::format("TXT {}: {}", question, dns::words_of(answer.status));
    co_return consent;
  }
  for (const auto& text : answer.all<dns::Txt>()) {
    const auto record = text.joined();
    const auto tags = mailauth::TagList::parse(record);
    if (!tags || tags->all().empty() || tags->all().front().name != "v" || tags->all().front().value != "DMARC1")
      continue;
    consent.answer = Consent::Answer::agreed;
    if (const auto rua = tags->find("rua")) {
      consent.instead = parse_report_uris(*rua);
      // It may name another place of its own alone: else it could point reports at anybody.
      std::erase_if(consent.instead, [&](const ReportUri& other) { return other.host != place.host; });
    }
    break;
  }
  consent.why = fmt::format("TXT {}: {}", question,
                            consent.answer == Consent::Answer::agreed ? "agrees" : "no record that agrees");
  co_return consent;
}

}  // namespace pabal::reports
