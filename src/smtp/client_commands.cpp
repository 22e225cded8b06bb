#include "smtp/client_commands.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::smtp {

namespace {

constexpr std::size_t kLongestEnvid = 100;  // RFC 3461 §4.4
constexpr std::size_t kLongestOrcpt = 500;  // RFC 3461 §4.2

/// An address of type utf-8 (RFC 6533 §3): as it is for a server that takes UTF-8, else with \x{HEX}.
std::string encode_utf8_address(std::string_view address, bool smtputf8) {
  std::string out;
  for (std::size_t i = 0; i < address.size();) {
    const auto octet = static_cast<unsigned char>(address[i]);
    const std::size_t length = octet < 0x80 ? 1 : octet < 0xE0 ? 2 : octet < 0xF0 ? 3 : 4;
    const auto character = address.substr(i, length);
    i += length;
    if (length > 1 && smtputf8) {
      out += character;
      continue;
    }
    if (length == 1 && octet > ' ' && octet < 0x7F && octet != '+' && octet != '=') {
      out += static_cast<char>(octet);
      continue;
    }
    std::uint32_t point = length == 1 ? octet : octet & (0xFFU >> (length + 1));
    for (const char next : character.substr(1)) point = (point << 6) | (static_cast<unsigned char>(next) & 0x3FU);
    out += fmt::format("\\x{{{:02X}}}", point);
  }
  return out;
}

std::string encode_orcpt(std::string_view orcpt, bool smtputf8) {
  const auto semicolon = orcpt.find(';');
  if (semicolon == std::string_view::npos) return {};
  const auto type = orcpt.substr(0, semicolon);
  const auto address = orcpt.substr(semicolon + 1);
  const bool international = equal_ignoring_case(type, "utf-8");
  if (international && !is_utf8(address)) return {};
  return fmt::format("{};{}", type, international ? encode_utf8_address(address, smtputf8) : encode_xtext(address));
}

}  // namespace

std::string encode_xtext(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c > ' ' && c < 0x7F && c != '+' && c != '=') {
      out += c;
    } else {
      out += fmt::format("+{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string mail_command(const Mail& mail, std::string_view by, const Capabilities& offers) {
  auto out = fmt::format("MAIL FROM:<{}>", mail.sender ? mail.sender->text() : std::string());
  if (offers.size && mail.size) out += fmt::format(" SIZE={}", *mail.size);
  if (mail.body == Body::eight_bit_mime && offers.eight_bit_mime) out += " BODY=8BITMIME";
  if (mail.body == Body::binary_mime && offers.binary_mime && offers.chunking) out += " BODY=BINARYMIME";
  if (mail.smtputf8 && offers.smtputf8) out += " SMTPUTF8";
  if (offers.dsn && !mail.ret.empty()) out.append(" RET=").append(mail.ret);
  if (offers.dsn && !mail.envid.empty()) {
    if (const auto envid = encode_xtext(mail.envid); envid.size() <= kLongestEnvid) out.append(" ENVID=").append(envid);
  }
  if (mail.require_tls && offers.require_tls) out += " REQUIRETLS";
  if (mail.priority && offers.priority) out += fmt::format(" MT-PRIORITY={}", *mail.priority);
  if (!by.empty() && offers.deliver_by) out.append(" BY=").append(by);
  return out;
}

std::string rcpt_command(const Rcpt& rcpt, bool smtputf8, const Capabilities& offers) {
  auto out = fmt::format("RCPT TO:<{}>", rcpt.recipient ? rcpt.recipient->text() : std::string("postmaster"));
  if (!offers.dsn) return out;
  if (!rcpt.notify.empty()) out.append(" NOTIFY=").append(rcpt.notify);
  if (!rcpt.orcpt.empty()) {
    const auto orcpt = encode_orcpt(rcpt.orcpt, smtputf8);
    if (!orcpt.empty() && orcpt.size() <= kLongestOrcpt) out.append(" ORCPT=").append(orcpt);
  }
  return out;
}

}  // namespace pabal::smtp
