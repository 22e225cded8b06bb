#include "smtp/capabilities.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::smtp {

namespace {

constexpr std::size_t kMostMechanisms = 32;

/// The words of a line, without the empty ones.
std::vector<std::string_view> words_of(std::string_view line) {
  auto words = split(line, ' ');
  std::erase_if(words, [](std::string_view word) { return trim(word).empty(); });
  for (auto& word : words) word = trim(word);
  return words;
}

void add_mechanisms(std::span<const std::string_view> words, Capabilities& offers) {
  for (const auto word : words) {
    // RFC 4422 §3.1
    const auto fit = [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; };
    if (word.empty() || word.size() > 20 || !std::ranges::all_of(word, fit)) continue;
    if (offers.mechanisms.size() >= kMostMechanisms) return;
    if (!offers.has_mechanism(word)) offers.mechanisms.push_back(to_upper(word));
  }
}

/// RFC 9422 §3: name=value pairs, of which those that we don't know are passed over.
void add_limits(std::span<const std::string_view> words, Capabilities& offers) {
  for (const auto word : words) {
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    const auto name = word.substr(0, equals);
    const auto number = parse_decimal(word.substr(equals + 1), 999'999);  // six digits at most
    if (!number) continue;
    const auto keep = [&](std::string_view wanted, std::uint64_t& place) {
      if (equal_ignoring_case(name, wanted) && place == 0) place = *number;
    };
    keep("RCPTMAX", offers.rcpt_max);
    keep("MAILMAX", offers.mail_max);
    keep("RCPTDOMAINMAX", offers.rcpt_domain_max);
  }
}

void read_line(std::string_view line, Capabilities& offers) {
  const auto words = words_of(line);
  if (words.empty()) return;
  const auto keyword = words.front();
  const auto rest = std::span(words).subspan(1);
  const auto is = [&](std::string_view name) { return equal_ignoring_case(keyword, name); };
  if (is("PIPELINING")) {
    offers.pipelining = true;
  } else if (is("8BITMIME")) {
    offers.eight_bit_mime = true;
  } else if (is("CHUNKING")) {
    offers.chunking = true;
  } else if (is("BINARYMIME")) {
    offers.binary_mime = true;
  } else if (is("SMTPUTF8")) {
    offers.smtputf8 = true;
  } else if (is("DSN")) {
    offers.dsn = true;
  } else if (is("REQUIRETLS")) {
    offers.require_tls = true;
  } else if (is("STARTTLS")) {
    offers.starttls = true;
  } else if (is("ENHANCEDSTATUSCODES")) {
    offers.enhanced_status_codes = true;
  } else if (is("MT-PRIORITY")) {
    offers.priority = true;
  } else if (is("FUTURERELEASE")) {
    offers.future_release = true;
  } else if (is("SIZE")) {
    if (offers.size) return;
    offers.size = true;
    if (!rest.empty()) offers.max_size = parse_decimal(rest.front()).value_or(0);
  } else if (is("DELIVERBY")) {
    if (offers.deliver_by) return;
    offers.deliver_by = true;
    if (!rest.empty()) offers.min_by_time = parse_decimal(rest.front().substr(0, rest.front().find(','))).value_or(0);
  } else if (is("LIMITS")) {
    add_limits(rest, offers);
  } else if (is("AUTH")) {
    add_mechanisms(rest, offers);
  } else if (starts_with_ignoring_case(keyword, "AUTH=")) {
    const std::string_view first = keyword.substr(5);
    add_mechanisms(std::span(&first, 1), offers);
    add_mechanisms(rest, offers);
  }
}

}  // namespace

bool Capabilities::has_mechanism(std::string_view wanted) const noexcept {
  return std::ranges::any_of(mechanisms, [&](const std::string& known) { return equal_ignoring_case(known, wanted); });
}

std::string Capabilities::text() const {
  std::string out;
  const auto add = [&](bool there, std::string_view keyword) {
    if (!there) return;
    if (!out.empty()) out += ' ';
    out += keyword;
  };
  add(pipelining, "PIPELINING");
  add(size, max_size == 0 ? std::string("SIZE") : fmt::format("SIZE={}", max_size));
  add(eight_bit_mime, "8BITMIME");
  add(chunking, "CHUNKING");
  add(binary_mime, "BINARYMIME");
  add(smtputf8, "SMTPUTF8");
  add(dsn, "DSN");
  add(require_tls, "REQUIRETLS");
  add(starttls, "STARTTLS");
  add(enhanced_status_codes, "ENHANCEDSTATUSCODES");
  add(priority, "MT-PRIORITY");
  add(deliver_by, min_by_time == 0 ? std::string("DELIVERBY") : fmt::format("DELIVERBY={}", min_by_time));
  add(future_release, "FUTURERELEASE");
  add(rcpt_max > 0, fmt::format("RCPTMAX={}", rcpt_max));
  add(mail_max > 0, fmt::format("MAILMAX={}", mail_max));
  add(rcpt_domain_max > 0, fmt::format("RCPTDOMAINMAX={}", rcpt_domain_max));
  for (const auto& mechanism : mechanisms) add(true, "AUTH=" + mechanism);
  return out;
}

Capabilities parse_capabilities(const ClientReply& reply) {
  Capabilities offers;
  offers.extended = true;
  bool first = true;
  for (const auto line : split(reply.text, '\n')) {
    if (std::exchange(first, false)) {
      const auto name = trim(line);
      offers.name = name.substr(0, name.find(' '));
    } else {
      read_line(line, offers);
    }
  }
  return offers;
}

}  // namespace pabal::smtp
