#include "account/srs.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <sodium.h>

#include "base/text.hpp"

namespace pabal::account {

namespace {

// Case is lost on the way now and then, so one of each letter alone.
constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kHashDigits = 8;   // 40 bits: a guess costs a connection
constexpr std::int64_t kDays = 32 * 32;  // the date begins anew after these
constexpr std::int64_t kDaysAhead = 1;   // another node's clock may be so much ahead

std::optional<std::int64_t> value_of(char c) noexcept {
  const auto at = kDigits.find(to_lower(std::string_view(&c, 1)).front());
  if (at == std::string_view::npos) return std::nullopt;
  return static_cast<std::int64_t>(at);
}

std::int64_t day_of(SystemTime now) noexcept {
  return std::chrono::floor<std::chrono::days>(now).time_since_epoch().count() % kDays;
}

// What stands before the separator, which goes too; nothing without one.
std::optional<std::string_view> cut(std::string_view& text) noexcept {
  const auto at = text.find('=');
  if (at == std::string_view::npos) return std::nullopt;
  const auto part = text.substr(0, at);
  text.remove_prefix(at + 1);
  return part;
}

// "SRS0=" and its like; other systems write '-' and '+' behind the number.
bool begins(std::string_view local, char number) noexcept {
  return local.size() > 5 && starts_with_ignoring_case(local, "SRS") && local[3] == number &&
         (local[4] == '=' || local[4] == '-' || local[4] == '+');
}

std::optional<EmailAddress> made(std::string_view local, const Domain& domain) {
  const auto any = EmailAddress::make("x", domain);
  if (!any) return std::nullopt;
  // As text, since only a reverse-path may have so long a local part.
  std::string text;
  const bool quoted =
      std::ranges::any_of(local, [](char c) { return c == ' ' || std::string_view("\"(),:;<>@[\\]").contains(c); });
  if (quoted) text += '"';
  for (const char c : local) {
    if (quoted && (c == '"' || c == '\\')) text += '\\';
    text += c;
  }
  if (quoted) text += '"';
  auto address = EmailAddress::parse(text + "@" + domain.ascii(), kSrsLocalPartOctets);
  if (!address) return std::nullopt;
  return *std::move(address);
}

}  // namespace

Srs::Srs(std::string_view secret, std::chrono::days valid)
    : valid_days_(std::min<std::int64_t>(valid.count(), kDays / 2)) {
  constexpr std::string_view label = "Pabal SRS key 1";
  key_.resize(crypto_generichash_KEYBYTES);
  crypto_generichash_state state{};
  auto* const out = reinterpret_cast<unsigned char*>(key_.data());
  crypto_generichash_init(&state, reinterpret_cast<const unsigned char*>(label.data()), label.size(), key_.size());
  crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(secret.data()), secret.size());
  crypto_generichash_final(&state, out, key_.size());
}

std::string Srs::hash_of(std::string_view kind, std::string_view rest) const {
  const std::string text = std::string(kind) + "\n" + to_lower(rest);
  std::array<unsigned char, crypto_generichash_BYTES> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                     reinterpret_cast<const unsigned char*>(key_.data()), key_.size());
  std::string digits;
  for (std::size_t i = 0; i < kHashDigits; ++i) digits += kDigits[hash[i] % 32];
  return digits;
}

bool Srs::has_form(const EmailAddress& address) noexcept {
  return address.domain() != nullptr && (begins(address.local_part(), '0') || begins(address.local_part(), '1'));
}

std::optional<EmailAddress> Srs::forward(const EmailAddress& sender, const Domain& domain, SystemTime now) const {
  if (sender.domain() == nullptr || *sender.domain() == domain) return std::nullopt;
  const std::string& local = sender.local_part();
  std::string rest;
  char kind = '1';
  if (begins(local, '0')) {
    rest = fmt::format("{}={}", sender.domain()->ascii(), local.substr(4));
  } else if (begins(local, '1')) {
    auto given = std::string_view(local).substr(5);
    if (!cut(given)) return std::nullopt;  // their hash, which says nothing to us
    rest = given;
  } else {
    kind = '0';
    const auto day = static_cast<std::size_t>(day_of(now));
    rest = fmt::format("{}{}={}={}", kDigits[day / 32], kDigits[day % 32], sender.domain()->ascii(), local);
  }
  auto address = made(fmt::format("SRS{}={}={}", kind, hash_of({&kind, 1}, rest), rest), domain);
  // Nobody is given an address that would lead nowhere (what others made may be nonsense behind their names).
  if (!address || !reverse(*address, now)) return std::nullopt;
  return address;
}

Result<EmailAddress> Srs::reverse(const EmailAddress& recipient, SystemTime now) const {
  const auto no = [&](std::string_view why) {
    return fail(ErrorKind::not_found, "no such mailbox here", fmt::format("SRS address {}: {}", recipient.text(), why));
  };
  if (!has_form(recipient)) return no("not of the form");
  const char kind = recipient.local_part()[3];
  auto rest = std::string_view(recipient.local_part()).substr(5);
  const auto hash = cut(rest);
  if (!hash || to_lower(*hash) != hash_of({&kind, 1}, rest)) return no("another hash");
  if (kind == '1') {
    const auto host = cut(rest);
    const auto domain = host ? Domain::parse(*host) : Result<Domain>(no("no host"));
    if (!domain || rest.size() < 2) return no("no host");
    const auto address = made(fmt::format("SRS0{}", rest), *domain);
    if (!address) return no("no address");
    return *address;
  }
  const auto date = cut(rest);
  const auto host = cut(rest);
  if (!date || !host || date->size() != 2 || rest.empty()) return no("not of the form");
  const auto high = value_of(date->front());
  const auto low = value_of(date->back());
  const auto domain = Domain::parse(*host);
  if (!high || !low || !domain) return no("not of the form");
  const auto age = (day_of(now) + kDaysAhead - (*high * 32 + *low) + kDays) % kDays - kDaysAhead;
  if (age > valid_days_) {
    return fail(ErrorKind::policy, "this address is not valid any more",
                fmt::format("SRS address {} is {} days old", recipient.text(), age));
  }
  const auto address = made(rest, *domain);
  if (!address) return no("no address");
  return *address;
}

}  // namespace pabal::account
