#include "smtp/received.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "codec/date.hpp"

namespace pabal::smtp {

namespace {

constexpr std::size_t kMostOfAHelo = 100;

bool is_domain_like(std::string_view name) noexcept {
  const auto fit = [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_'; };
  return !name.empty() && name.size() <= 255 && name.front() != '.' && std::ranges::all_of(name, fit);
}

bool is_literal_like(std::string_view name) noexcept {
  const auto fit = [](char c) { return is_alpha(c) || is_digit(c) || c == ':' || c == '.'; };
  return name.size() > 2 && name.size() <= 64 && name.starts_with('[') && name.ends_with(']') &&
         std::ranges::all_of(name.substr(1, name.size() - 2), fit);
}

void append_literal(std::string& out, const ReceivedFacts& facts) {
  out += facts.client_is_v6 ? "[IPv6:" : "[";
  out.append(facts.client) += ']';
}

void append_sanitised(std::string& out, std::string_view text) {
  for (const char c : text.substr(0, kMostOfAHelo)) {
    const bool fit = is_alpha(c) || is_digit(c) || std::string_view("-._:[]@/").contains(c);
    out += fit ? c : '?';
  }
}

}  // namespace

std::string_view protocol_name(Protocol protocol, bool extended, bool tls, bool authenticated, bool utf8) noexcept {
  static constexpr std::array<std::array<std::string_view, 4>, 4> names = {{
      {"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"},
      {"LMTP", "LMTPS", "LMTPA", "LMTPSA"},
      {"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
      {"UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"},
  }};
  const bool lmtp = protocol == Protocol::lmtp;
  if (!extended && !lmtp) return "SMTP";
  return names[(lmtp ? 1U : 0U) + (utf8 ? 2U : 0U)][(tls ? 1U : 0U) + (authenticated ? 2U : 0U)];
}

std::string received_field(const ReceivedFacts& facts) {
  std::string out;
  out.reserve(320);
  out += "Received: from ";
  const bool named = is_domain_like(facts.helo) || is_literal_like(facts.helo);
  if (named) {
    out += facts.helo;
    if (facts.client.empty()) {
      out += " (local)";
    } else {
      out += " (";
      append_literal(out, facts);
      out += ')';
    }
  } else {
    if (facts.client.empty()) {
      out += "localhost";
    } else {
      append_literal(out, facts);
    }
    if (!facts.helo.empty()) {
      out += " (helo=";
      append_sanitised(out, facts.helo);
      out += ')';
    }
  }
  out.append("\r\n\tby ").append(facts.host).append(" with ").append(facts.protocol);
  if (!facts.tls_version.empty()) {
    out.append(" (").append(facts.tls_version).append(" ").append(facts.tls_cipher) += ')';
  }
  out.append("\r\n\tid ").append(facts.id);
  if (facts.recipient != nullptr && (facts.utf8 || !facts.recipient->needs_smtputf8())) {
    out.append("\r\n\tfor <").append(facts.recipient->text()) += '>';
  }
  out.append("; ").append(codec::format_date(facts.time)).append("\r\n");
  return out;
}

}  // namespace pabal::smtp
