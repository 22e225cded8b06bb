#include "message/header_forms.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iterator>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "codec/date.hpp"
#include "codec/unicode.hpp"
#include "message/encoded_word.hpp"
#include "message/trace_fields.hpp"

namespace pabal::message {

namespace {

constexpr std::uint8_t bit(HeaderForm form) noexcept {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(form));
}
constexpr std::uint8_t kAddresses = bit(HeaderForm::addresses) | bit(HeaderForm::grouped_addresses);

struct Known {
  std::string_view name;
  std::uint8_t forms = 0;  ///< besides raw
};
// The fields of RFC 5322 §3.6 and RFC 2369, in order of name.
constexpr Known kKnown[] = {
    {"bcc", kAddresses},
    {"cc", kAddresses},
    {"comments", bit(HeaderForm::text)},
    {"date", bit(HeaderForm::date)},
    {"from", kAddresses},
    {"in-reply-to", bit(HeaderForm::message_ids)},
    {"keywords", bit(HeaderForm::text)},
    {"list-archive", bit(HeaderForm::urls)},
    {"list-help", bit(HeaderForm::urls)},
    {"list-owner", bit(HeaderForm::urls)},
    {"list-post", bit(HeaderForm::urls)},
    {"list-subscribe", bit(HeaderForm::urls)},
    {"list-unsubscribe", bit(HeaderForm::urls)},
    {"message-id", bit(HeaderForm::message_ids)},
    {"received", 0},
    {"references", bit(HeaderForm::message_ids)},
    {"reply-to", kAddresses},
    {"resent-bcc", kAddresses},
    {"resent-cc", kAddresses},
    {"resent-date", bit(HeaderForm::date)},
    {"resent-from", kAddresses},
    {"resent-message-id", bit(HeaderForm::message_ids)},
    {"resent-reply-to", kAddresses},
    {"resent-sender", kAddresses},
    {"resent-to", kAddresses},
    {"return-path", 0},
    {"sender", kAddresses},
    {"subject", bit(HeaderForm::text)},
    {"to", kAddresses},
};
static_assert(std::ranges::is_sorted(kKnown, {}, &Known::name));
constexpr std::size_t kLongestKnown = 17;

}  // namespace

std::string_view name_of(HeaderForm form) noexcept {
  static constexpr std::array<std::string_view, kHeaderForms.size()> names = {
      "Raw", "Text", "Addresses", "GroupedAddresses", "MessageIds", "Date", "URLs"};
  return names[static_cast<std::size_t>(form)];
}

bool is_allowed(std::string_view field_name, HeaderForm form) noexcept {
  if (form == HeaderForm::raw || field_name.size() > kLongestKnown) return true;
  std::array<char, kLongestKnown> lower{};
  std::ranges::transform(field_name, lower.begin(), ascii_lower);
  const std::string_view name(lower.data(), field_name.size());
  const auto* const at = std::ranges::lower_bound(kKnown, name, {}, &Known::name);
  if (at == std::end(kKnown) || at->name != name) return true;
  return (at->forms & bit(form)) != 0;
}

std::string clean_utf8(std::string_view octets) {
  std::string out = is_utf8(octets) ? std::string(octets) : codec::repair_utf8(octets).utf8;
  std::erase(out, '\0');
  return out;
}

std::string raw_form(std::string_view field_body) { return clean_utf8(field_body); }

std::string text_form(std::string_view field_body) {
  std::string unfolded;
  unfolded.reserve(field_body.size());
  std::ranges::copy_if(field_body, std::back_inserter(unfolded),
                       [](char c) { return c != '\r' && c != '\n' && c != '\0'; });
  unfolded.erase(0, std::min(unfolded.find_first_not_of(" \t"), unfolded.size()));
  return clean_utf8(decode_words(unfolded));
}

std::vector<MailboxSpec> addresses_form(std::string_view field_body) {
  std::vector<MailboxSpec> out;
  for (auto& group : parse_address_list(field_body)) {
    std::ranges::move(group.mailboxes, std::back_inserter(out));
  }
  return out;
}

std::optional<std::vector<std::string>> message_ids_form(std::string_view field_body) {
  auto ids = parse_message_ids(field_body);
  if (ids.empty()) return std::nullopt;
  for (auto& id : ids) id = clean_utf8(id);
  return ids;
}

std::string json_date(std::int64_t seconds, int offset_minutes) {
  namespace chrono = std::chrono;
  const auto local = chrono::sys_seconds(chrono::seconds(seconds)) + chrono::minutes(offset_minutes);
  const auto day = chrono::floor<chrono::days>(local);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(local - day);
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (offset_minutes == 0) return out + "Z";
  const int offset = std::abs(offset_minutes);
  return out + fmt::format("{}{:02}:{:02}", offset_minutes < 0 ? '-' : '+', offset / 60, offset % 60);
}

std::optional<std::string> date_form(std::string_view field_body) {
  const auto date = codec::parse_any_date(field_body);
  if (!date) return std::nullopt;
  return json_date(std::chrono::floor<std::chrono::seconds>(date->time).time_since_epoch().count(),
                   date->offset_minutes);
}

std::optional<std::vector<std::string>> urls_form(std::string_view field_body) {
  auto urls = parse_list_urls(field_body);
  if (urls.empty()) return std::nullopt;
  return urls;
}

std::string email_of(const MailboxSpec& mailbox) {
  const std::string address = mailbox.address();
  return clean_utf8(address.find("=?") == std::string::npos ? address : decode_words(address));
}

}  // namespace pabal::message
