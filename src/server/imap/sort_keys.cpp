#include "server/imap/sort_keys.hpp"

#include "message/base_subject.hpp"
#include "message/header_forms.hpp"

namespace pabal::server::imap {

namespace {

using Criterion = pabal::imap::SortCriterion;

std::int64_t seconds_of(SystemTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

void append_number(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>((number >> shift) & 0xFF);
}
// Negative ones before the others.
void append_signed(std::string& out, std::int64_t number) {
  append_number(out, static_cast<std::uint64_t>(number) ^ (std::uint64_t{1} << 63));
}

// One that begins another stands before it: the end is an octet below all others. NUL is in no text of a header.
void append_text(std::string& out, codec::Collation collation, std::string_view text) {
  const auto begin = out.size();
  codec::append_key(out, collation, text.substr(0, kMostSortOctets));
  if (out.size() - begin > kMostSortOctets) out.resize(begin + kMostSortOctets);
  out += '\0';
}

// The first address, or the group that stands in its place (as ENVELOPE has it).
struct First {
  std::string name;
  std::string mailbox;
  std::string address;
};
First first_of(const message::Envelope::Addresses& addresses) {
  if (!addresses) return {};
  for (const auto& group : *addresses) {
    if (group.named) {
      const auto name = message::text_form(group.name);
      return {.name = name, .mailbox = name, .address = name};
    }
    if (group.mailboxes.empty()) continue;
    const auto& mailbox = group.mailboxes.front();
    return {
        .name = message::text_form(mailbox.name), .mailbox = mailbox.local_part, .address = message::email_of(mailbox)};
  }
  return {};
}

std::string text_of(Criterion::Key key, const message::Derived* derived) {
  if (derived == nullptr || !derived->envelope) return {};
  const auto& envelope = *derived->envelope;
  switch (key) {
    case Criterion::Key::subject:
      return envelope.subject ? message::base_subject(message::text_form(*envelope.subject)).text : std::string();
    case Criterion::Key::from:
      return first_of(envelope.from).mailbox;
    case Criterion::Key::to:
      return first_of(envelope.to).mailbox;
    case Criterion::Key::cc:
      return first_of(envelope.cc).mailbox;
    case Criterion::Key::display_from:
    case Criterion::Key::display_to: {
      auto first = first_of(key == Criterion::Key::display_from ? envelope.from : envelope.to);
      return first.name.empty() ? std::move(first.address) : std::move(first.name);
    }
    default:
      return {};
  }
}

}  // namespace

std::int64_t sent_seconds(const message::Derived* derived, SystemTime received) {
  return derived != nullptr && derived->sent ? derived->sent->seconds : seconds_of(received);
}

void append_sort_key(std::string& out, std::span<const Criterion> criteria, codec::Collation collation,
                     const SortFacts& facts) {
  for (const auto& criterion : criteria) {
    const auto begin = out.size();
    switch (criterion.key) {
      case Criterion::Key::arrival:
        append_signed(out, seconds_of(facts.received));
        break;
      case Criterion::Key::date:
        append_signed(out, sent_seconds(facts.derived, facts.received));
        break;
      case Criterion::Key::size:
        append_number(out, facts.size);
        break;
      case Criterion::Key::relevancy:
        // RFC 6203 §5: the best come first.
        append_number(out, UINT32_MAX - facts.relevancy);
        break;
      default:
        append_text(out, collation, text_of(criterion.key, facts.derived));
        break;
    }
    if (!criterion.reverse) continue;
    for (auto i = begin; i < out.size(); ++i) out[i] = static_cast<char>(~static_cast<unsigned char>(out[i]));
  }
}

}  // namespace pabal::server::imap
