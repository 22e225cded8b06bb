#include "address/email_address.hpp"

#include <arpa/inet.h>
#include <array>
#include <stdexcept>

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include "base/text.hpp"

namespace pabal {

namespace {

constexpr std::array<bool, 128> make_atext() {
  std::array<bool, 128> table{};
  for (std::size_t c = 0; c < table.size(); ++c) {
    const char as_char = static_cast<char>(c);
    table[c] = is_alpha(as_char) || is_digit(as_char) ||
               std::string_view("!#$%&'*+-/=?^_`{|}~").find(as_char) != std::string_view::npos;
  }
  return table;
}
constexpr std::array<bool, 128> atext = make_atext();

// RFC 5322 §3.2.3 atext, with RFC 6531 §3.3's UTF8-non-ascii.
bool is_atext(char c) noexcept {
  const auto value = static_cast<unsigned char>(c);
  return value >= 128 || atext[value];
}

bool is_dot_string(std::string_view local) noexcept {
  if (local.empty() || local.front() == '.' || local.back() == '.') return false;
  char before = '\0';
  for (const char c : local) {
    if (c == '.' ? before == '.' : !is_atext(c)) return false;
    before = c;
  }
  return true;
}

std::unexpected<Error> refuse(std::string_view why, std::string_view text) {
  return fail(ErrorKind::syntax, "invalid address: " + std::string(why),
              "invalid address " + printable(text, 320) + ": " + std::string(why));
}

// True if the UTF-8 text has controls (also those of ISO 8859's upper half), line or paragraph separators or code
// points that are no characters: none of them can be written in a header or shown safely.
bool has_unsafe(std::string_view text) noexcept {
  if (is_ascii(text)) {
    for (const char c : text) {
      if (c < ' ' || c == '\x7F') return true;
    }
    return false;
  }
  const auto length = static_cast<std::int32_t>(text.size());
  std::int32_t i = 0;
  while (i < length) {
    UChar32 c = 0;
    U8_NEXT(text.data(), i, length, c);
    if (c < 0 || U_IS_UNICODE_NONCHAR(c)) return true;
    if ((U_GET_GC_MASK(c) & (U_GC_CC_MASK | U_GC_ZL_MASK | U_GC_ZP_MASK)) != 0) return true;
  }
  return false;
}

struct LocalPart {
  std::string value;   // without quoting
  std::size_t octets;  // of the text that it took
};

// Quoted-string (RFC 5321 §4.1.2): qtextSMTP and quoted-pairSMTP; an escape is of a printable ASCII character.
Result<LocalPart> read_quoted(std::string_view text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"') return LocalPart{std::move(value), i + 1};
    if (c == '\\') {
      if (++i == text.size()) break;
      c = text[i];
      if (static_cast<unsigned char>(c) >= 0x80) return refuse("only ASCII can be escaped", text);
    }
    if ((c >= 0 && c < ' ') || c == '\x7F') return refuse("a control character", text);
    value += c;
  }
  return refuse("the quoted string does not end", text);
}

Result<LocalPart> read_local_part(std::string_view text) {
  if (text.starts_with('"')) return read_quoted(text);
  const auto end = text.find('@');
  if (end == std::string_view::npos) return refuse("no domain", text);
  const auto local = text.substr(0, end);
  if (!is_dot_string(local)) return refuse("the local part", text);
  return LocalPart{std::string(local), end};
}

std::string on_the_wire(std::string_view local) {
  if (is_dot_string(local)) return std::string(local);
  std::string out = "\"";
  for (const char c : local) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

// Snum: one to three digits, at most 255 (RFC 5321 §4.1.3).
bool is_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 4) return false;
  for (const auto part : parts) {
    if (part.size() > 3 || !parse_decimal(part, 255)) return false;
  }
  return true;
}

bool is_ipv6(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return false;
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1 && text.find('\0') == std::string_view::npos;
}

// General-address-literal: Standardized-tag ":" 1*dcontent.
bool is_general(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  const auto tag = text.substr(0, colon);
  for (const char c : tag) {
    if (!is_alpha(c) && !is_digit(c) && c != '-') return false;
  }
  if (tag.back() == '-') return false;
  for (const char c : text.substr(colon + 1)) {
    if (c < '!' || c > '~' || c == '[' || c == '\\' || c == ']') return false;
  }
  return true;
}

constexpr std::string_view ipv6_tag = "IPv6:";

}  // namespace

Result<AddressLiteral> AddressLiteral::parse(std::string_view text) {
  const auto refuse_literal = [&] {
    return fail(ErrorKind::syntax, "invalid address literal", "invalid address literal " + printable(text));
  };
  if (text.size() > 255) return refuse_literal();
  const bool valid = starts_with_ignoring_case(text, ipv6_tag) ? is_ipv6(text.substr(ipv6_tag.size()))
                                                               : is_ipv4(text) || is_general(text);
  if (!valid) return refuse_literal();
  return AddressLiteral{std::string(text)};
}

std::optional<std::string_view> AddressLiteral::ip() const noexcept {
  const std::string_view all = text;
  if (starts_with_ignoring_case(all, ipv6_tag)) return all.substr(ipv6_tag.size());
  if (all.find(':') != std::string_view::npos) return std::nullopt;
  return all;
}

Result<EmailAddress> EmailAddress::parse(std::string_view text, std::size_t local_part_limit) {
  // A U-label takes more octets than its A-label now and then, so the exact limit comes below.
  if (text.size() > 4 * max_octets) return refuse("too long", text);
  if (!is_utf8(text)) return refuse("not UTF-8", text);
  auto local = read_local_part(text);
  if (!local) return pass(local);
  if (local->octets > local_part_limit) return refuse("the local part is too long", text);
  if (has_unsafe(local->value)) return refuse("a character that addresses cannot have", text);
  const auto rest = text.substr(local->octets);
  if (rest.size() < 2 || rest[0] != '@') return refuse("no domain", text);
  const auto host = rest.substr(1);

  std::variant<Domain, AddressLiteral> where = AddressLiteral{};
  std::size_t host_octets = 0;
  if (host.front() == '[') {
    if (host.back() != ']') return refuse("the address literal does not end", text);
    auto literal = AddressLiteral::parse(host.substr(1, host.size() - 2));
    if (!literal) return pass(literal);
    host_octets = host.size();
    where = *std::move(literal);
  } else {
    auto domain = Domain::parse(host);
    if (!domain) return pass(domain);
    host_octets = domain->ascii().size();
    where = *std::move(domain);
  }
  if (local->octets + 1 + host_octets > max_octets) return refuse("longer than 254 octets", text);
  return EmailAddress(std::move(local->value), std::move(where));
}

Result<EmailAddress> EmailAddress::make(std::string_view local_part, const Domain& domain) {
  return parse(on_the_wire(local_part) + '@' + domain.ascii());
}

std::string EmailAddress::text() const {
  std::string out = on_the_wire(local_part_);
  if (const Domain* name = domain()) return out.append("@").append(name->ascii());
  return out.append("@[").append(literal()->text).append("]");
}

std::string EmailAddress::display() const {
  const Domain* name = domain();
  return name == nullptr ? text() : on_the_wire(local_part_) + '@' + name->unicode();
}

bool EmailAddress::needs_smtputf8() const noexcept { return !is_ascii(local_part_); }

std::string canonical_local_part(std::string_view local_part) {
  if (is_ascii(local_part)) return to_lower(local_part);
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* form_c = icu::Normalizer2::getNFCInstance(status);
  const icu::Normalizer2* form_d = icu::Normalizer2::getNFDInstance(status);
  if (U_FAILURE(status)) throw std::runtime_error("ICU has no data for normalisation");  // a broken installation
  // Taken apart first, for the letters that fold differently composed and not (Unicode §3.13, D145).
  const icu::UnicodeString whole =
      icu::UnicodeString::fromUTF8(icu::StringPiece(local_part.data(), static_cast<std::int32_t>(local_part.size())));
  icu::UnicodeString folded = form_d->normalize(whole, status);
  folded.foldCase();
  const icu::UnicodeString composed = form_c->normalize(folded, status);
  if (U_FAILURE(status)) throw std::runtime_error("ICU could not normalise");  // only for want of memory
  std::string out;
  composed.toUTF8String(out);
  return out;
}

}  // namespace pabal
