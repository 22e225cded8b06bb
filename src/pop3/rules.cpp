#include "pop3/rules.hpp"

namespace pabal::pop3 {

std::optional<Reply> refusal(Verb verb, const Facts& facts) {
  const auto& known = info(verb);
  if (facts.logged_in ? !known.after_login : !known.before_login) return no(Text::not_now);
  switch (verb) {
    case Verb::apop:
      // It needs the password itself on our side, and MD5 (RFC 1939 §7; RFC 6151): we keep neither.
      return no(Text::apop_off);
    case Verb::user:
    case Verb::pass:
      if (!facts.plaintext_allowed) return no(Text::tls_needed, Code::auth);
      return std::nullopt;
    case Verb::stls:
      if (facts.tls) return no(Text::tls_active);
      if (!facts.tls_available) return no(Text::tls_absent);
      // RFC 6856 §2.1: clients must not do this, servers may say so.
      if (facts.utf8) return no(Text::tls_after_utf8);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::string capabilities(const Facts& facts, std::span<const std::string_view> mechanisms) {
  std::string lines = "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n";
  // RFC 2449 §6.2, RFC 2595 §4: USER is announced only where it works.
  if (facts.plaintext_allowed) lines.append("USER\r\n");
  if (!mechanisms.empty()) {
    lines.append("SASL");
    for (const auto mechanism : mechanisms) lines.append(" ").append(mechanism);
    lines.append("\r\n");
  }
  if (!facts.logged_in && !facts.tls && facts.tls_available) lines.append("STLS\r\n");
  lines.append("UTF8 USER\r\nLANG\r\nIMPLEMENTATION Pabal\r\n");
  return lines;
}

}  // namespace pabal::pop3
