#include "smtp/parameters.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/timestamp.hpp"

namespace pabal::smtp {

namespace {

using Outcome = std::expected<void, Reply>;

bool is_keyword(std::string_view text) noexcept {
  const auto letter = [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; };
  return !text.empty() && text.front() != '-' && std::ranges::all_of(text, letter);
}

// esmtp-value: printable but "=" and space; UTF-8 too, for addresses (RFC 6531 §3.3, RFC 6533 §3).
bool is_value(std::string_view text) noexcept {
  const auto allowed = [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '=' && c != 0x7F; };
  return !text.empty() && std::ranges::all_of(text, allowed);
}

Outcome bad_value(std::string_view keyword) {
  return std::unexpected(Reply(501, "5.5.4", fmt::format("Syntax error in the {} parameter", keyword)));
}
Outcome unknown(std::string_view keyword) {
  return std::unexpected(Reply(555, "5.5.4", fmt::format("Unknown parameter {}", printable(keyword, 40))));
}

// RFC 3461 §4.2 and §4.4: what xtext stands for is printable ASCII. Anything else, CR LF above all, would be trouble in
// the header fields of a notice later on.
bool is_plain(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7E; });
}

// RFC 6533 §3: an address of type utf-8 may be UTF-8, without controls (C1 among them) all the same.
bool is_original_address(std::string_view type, std::string_view text) noexcept {
  if (!equal_ignoring_case(type, "utf-8")) return is_plain(text);
  if (!is_utf8(text)) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octet = static_cast<unsigned char>(text[i]);
    if (octet < 0x20 || octet == 0x7F) return false;
    if (octet == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) return false;
  }
  return true;
}

// Where an xtext parameter has room for it; `most` is the limit of its RFC.
Outcome keep_xtext(const Parameter& parameter, std::size_t most, std::string& place) {
  auto text = parameter.value && parameter.value->size() <= most ? decode_xtext(*parameter.value) : std::nullopt;
  if (!text || !is_plain(*text)) return bad_value(parameter.keyword);
  place = *std::move(text);
  return {};
}

// RFC 3461 §4.1: NEVER alone, or a list of the others, each once.
bool is_notify(std::string_view value) {
  if (equal_ignoring_case(value, "NEVER")) return true;
  bool success = false;
  bool failure = false;
  bool delay = false;
  for (const auto part : split(value, ',')) {
    bool* seen = equal_ignoring_case(part, "SUCCESS")   ? &success
                 : equal_ignoring_case(part, "FAILURE") ? &failure
                 : equal_ignoring_case(part, "DELAY")   ? &delay
                                                        : nullptr;
    if (seen == nullptr || std::exchange(*seen, true)) return false;
  }
  return true;
}

Outcome apply_body(const Parameter& parameter, const ParseRules& rules, Mail& mail) {
  const auto value = parameter.value.value_or("");
  if (equal_ignoring_case(value, "7BIT")) {
    mail.body = Body::seven_bit;
  } else if (equal_ignoring_case(value, "8BITMIME")) {
    mail.body = Body::eight_bit_mime;
  } else if (equal_ignoring_case(value, "BINARYMIME")) {
    if (!rules.binary_mime) return std::unexpected(Reply(555, "5.6.3", "BODY=BINARYMIME is not offered"));
    mail.body = Body::binary_mime;
  } else {
    return bad_value("BODY");
  }
  return {};
}

Outcome apply_size(const Parameter& parameter, Mail& mail) {
  // RFC 1870 §3: up to 20 digits; what doesn't fit 64 bits is simply too big.
  const auto value = parameter.value.value_or("");
  if (value.empty() || value.size() > 20 || !std::ranges::all_of(value, is_digit)) return bad_value("SIZE");
  mail.size = parse_decimal(value).value_or(UINT64_MAX);
  return {};
}

Outcome apply_priority(const Parameter& parameter, Mail& mail) {
  const auto value = parameter.value.value_or("");
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < -9 || number > 9) {
    return bad_value("MT-PRIORITY");
  }
  mail.priority = number;
  return {};
}

// RFC 4865 §4: one of the two, once.
Outcome apply_hold_for(const Parameter& parameter, Mail& mail) {
  const auto value = parameter.value.value_or("");
  const auto seconds = value.size() <= 9 ? parse_decimal(value) : std::nullopt;
  if (!seconds || mail.hold_until) return bad_value("HOLDFOR");
  mail.hold_for = std::chrono::seconds(*seconds);
  return {};
}
Outcome apply_hold_until(const Parameter& parameter, Mail& mail) {
  const auto time = codec::parse_timestamp(parameter.value.value_or(""));
  if (!time || mail.hold_for) return bad_value("HOLDUNTIL");
  mail.hold_until = *time;
  return {};
}

// RFC 2852 §4: a signed number of up to nine digits, ";", N or R, and T perhaps. What is to be returned must have some
// time (§4.1.3).
Outcome apply_by(const Parameter& parameter, Mail& mail) {
  auto value = parameter.value.value_or("");
  const bool negative = value.starts_with('-');
  if (negative || value.starts_with('+')) value.remove_prefix(1);
  const auto semicolon = std::min(value.find(';'), value.size());
  const auto seconds = semicolon <= 9 ? parse_decimal(value.substr(0, semicolon)) : std::nullopt;
  const auto mode = to_upper(value.substr(std::min(semicolon + 1, value.size())));
  if (!seconds || (mode != "N" && mode != "R" && mode != "NT" && mode != "RT")) return bad_value("BY");
  By by{.time = std::chrono::seconds(*seconds), .returns = mode.front() == 'R', .traced = mode.size() == 2};
  if (negative) by.time = -by.time;
  if (by.returns && by.time.count() <= 0) return bad_value("BY");
  mail.by = by;
  return {};
}

Outcome apply_one(const Parameter& parameter, const ParseRules& rules, Mail& mail) {
  const auto is = [&](std::string_view name) { return equal_ignoring_case(parameter.keyword, name); };
  if (is("SIZE")) return apply_size(parameter, mail);
  if (is("BODY")) return apply_body(parameter, rules, mail);
  if (is("SMTPUTF8")) {
    if (parameter.value) return bad_value("SMTPUTF8");
    mail.smtputf8 = true;
    return {};
  }
  if (is("AUTH")) return keep_xtext(parameter, 500, mail.auth);
  if (is("RET") && rules.dsn) {
    mail.ret = to_upper(parameter.value.value_or(""));
    return mail.ret == "FULL" || mail.ret == "HDRS" ? Outcome() : bad_value("RET");
  }
  if (is("ENVID") && rules.dsn) return keep_xtext(parameter, 100, mail.envid);
  if (is("REQUIRETLS") && rules.require_tls) {
    if (parameter.value) return bad_value("REQUIRETLS");
    mail.require_tls = true;
    return {};
  }
  if (is("MT-PRIORITY") && rules.priority) return apply_priority(parameter, mail);
  if (is("HOLDFOR") && rules.future_release) return apply_hold_for(parameter, mail);
  if (is("HOLDUNTIL") && rules.future_release) return apply_hold_until(parameter, mail);
  if (is("BY") && rules.deliver_by) return apply_by(parameter, mail);
  return unknown(parameter.keyword);
}

Outcome apply_one(const Parameter& parameter, const ParseRules& rules, Rcpt& rcpt) {
  const auto is = [&](std::string_view name) { return equal_ignoring_case(parameter.keyword, name); };
  if (is("NOTIFY") && rules.dsn) {
    if (!is_notify(parameter.value.value_or(""))) return bad_value("NOTIFY");
    rcpt.notify = *parameter.value;
    return {};
  }
  if (is("ORCPT") && rules.dsn) {
    // RFC 3461 §4.2: the type is plain, what follows the semicolon is xtext.
    const auto value = parameter.value.value_or("");
    const auto semicolon = value.find(';');
    if (value.size() > 500 || semicolon == std::string_view::npos || !is_keyword(value.substr(0, semicolon))) {
      return bad_value("ORCPT");
    }
    const auto address = decode_xtext(value.substr(semicolon + 1));
    if (!address || address->empty() || !is_original_address(value.substr(0, semicolon), *address)) {
      return bad_value("ORCPT");
    }
    rcpt.orcpt = std::string(value.substr(0, semicolon + 1)) + *address;
    return {};
  }
  return unknown(parameter.keyword);
}

template <class Target>
Outcome apply_all(const std::vector<Parameter>& parameters, const ParseRules& rules, Target& target) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    for (std::size_t before = 0; before < i; ++before) {
      if (equal_ignoring_case(parameters[before].keyword, parameters[i].keyword)) {
        return std::unexpected(Reply(501, "5.5.4", "A parameter is given twice"));
      }
    }
    if (auto applied = apply_one(parameters[i], rules, target); !applied) return applied;
  }
  return {};
}

// The end of the mailbox that begins at text[0]: the first `stop` outside a quoted string.
std::size_t find_unquoted(std::string_view text, std::string_view stops) noexcept {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && stops.contains(text[i])) {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::optional<RawPath> cut_path(std::string_view text, bool missing_brackets) noexcept {
  RawPath path;
  if (!text.starts_with('<')) {
    if (!missing_brackets || text.empty() || text.front() == ' ') return std::nullopt;
    const auto end = std::min(find_unquoted(text, " <>"), text.size());
    path.mailbox = text.substr(0, end);
    path.rest = text.substr(end);
    return path;
  }
  text.remove_prefix(1);
  const auto end = find_unquoted(text, ">");
  if (end == std::string_view::npos) return std::nullopt;
  path.mailbox = text.substr(0, end);
  path.rest = text.substr(end + 1);
  if (path.mailbox.starts_with('@')) {
    // A-d-l ":" Mailbox: "@a.example,@b.example:user@c.example"
    const auto colon = find_unquoted(path.mailbox, ":");
    if (colon == std::string_view::npos || colon + 1 == path.mailbox.size()) return std::nullopt;
    path.mailbox.remove_prefix(colon + 1);
  }
  return path;
}

std::optional<std::vector<Parameter>> cut_parameters(std::string_view text) {
  std::vector<Parameter> parameters;
  while (!text.empty()) {
    if (text.front() != ' ') return std::nullopt;
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) break;
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    const auto equals = word.find('=');
    Parameter parameter{.keyword = word.substr(0, equals), .value = std::nullopt};
    if (equals != std::string_view::npos) {
      // ORCPT and ENVID may hold "=" only as +3D; AUTH is xtext too.
      parameter.value = word.substr(equals + 1);
      if (!is_value(*parameter.value)) return std::nullopt;
    }
    if (!is_keyword(parameter.keyword)) return std::nullopt;
    parameters.push_back(parameter);
  }
  return parameters;
}

std::optional<std::string> decode_xtext(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;  // capitals only
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '+') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

Outcome apply_parameters(const std::vector<Parameter>& parameters, const ParseRules& rules, Mail& mail) {
  return apply_all(parameters, rules, mail);
}
Outcome apply_parameters(const std::vector<Parameter>& parameters, const ParseRules& rules, Rcpt& rcpt) {
  return apply_all(parameters, rules, rcpt);
}

}  // namespace pabal::smtp
