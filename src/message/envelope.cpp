#include "message/envelope.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "message/base_subject.hpp"
#include "message/encoded_word.hpp"
#include "message/header.hpp"
#include "message/media_type.hpp"

namespace pabal::message {

namespace {

enum class Field : std::uint8_t {
  auto_submitted,
  bcc,
  cc,
  date,
  disposition_notification_to,
  from,
  importance,
  in_reply_to,
  list_id,
  list_post,
  message_id,
  precedence,
  references,
  reply_to,
  sender,
  subject,
  to,
  auto_response_suppress,
  priority,
};
struct Known {
  std::string_view name;
  Field field;
};
constexpr Known kKnown[] = {
    {"auto-submitted", Field::auto_submitted},
    {"bcc", Field::bcc},
    {"cc", Field::cc},
    {"date", Field::date},
    {"disposition-notification-to", Field::disposition_notification_to},
    {"from", Field::from},
    {"importance", Field::importance},
    {"in-reply-to", Field::in_reply_to},
    {"list-id", Field::list_id},
    {"list-post", Field::list_post},
    {"message-id", Field::message_id},
    {"precedence", Field::precedence},
    {"references", Field::references},
    {"reply-to", Field::reply_to},
    {"sender", Field::sender},
    {"subject", Field::subject},
    {"to", Field::to},
    {"x-auto-response-suppress", Field::auto_response_suppress},
    {"x-priority", Field::priority},
};
static_assert(std::ranges::is_sorted(kKnown, {}, &Known::name));
constexpr std::size_t kLongestName = 27;

std::optional<Field> field_of(std::string_view name) noexcept {
  if (name.size() > kLongestName) return std::nullopt;
  std::array<char, kLongestName> lower{};
  std::ranges::transform(name, lower.begin(), ascii_lower);
  const std::string_view wanted(lower.data(), name.size());
  const auto* const at = std::ranges::lower_bound(kKnown, wanted, {}, &Known::name);
  if (at == std::end(kKnown) || at->name != wanted) return std::nullopt;
  return at->field;
}

std::string unfolded_utf8(std::string_view body) {
  auto text = unfold(body);
  return is_utf8(text) ? text : codec::guess_to_utf8(text).utf8;
}

constexpr Marks bit(Mark mark) noexcept { return static_cast<Marks>(mark); }

Marks mark_of(Field field, std::string_view body) noexcept {
  const auto word = first_token(body);
  switch (field) {
    case Field::auto_submitted:
      return equal_ignoring_case(word, "no") ? 0 : bit(Mark::auto_submitted);
    case Field::disposition_notification_to:
      return bit(Mark::wants_disposition);
    case Field::importance:
      return equal_ignoring_case(word, "high") ? bit(Mark::important) : 0;
    case Field::list_id:
    case Field::list_post:
      return bit(Mark::list);
    case Field::precedence:
      return equal_ignoring_case(word, "bulk") || equal_ignoring_case(word, "list") || equal_ignoring_case(word, "junk")
                 ? bit(Mark::bulk)
                 : 0;
    case Field::auto_response_suppress:
      return equal_ignoring_case(word, "none") ? 0 : bit(Mark::suppresses_answers);
    case Field::priority:
      return word.starts_with('1') || word.starts_with('2') ? bit(Mark::important) : 0;
    default:
      return 0;
  }
}

class Reader {
 public:
  explicit Reader(std::size_t max_addresses) : max_addresses_(max_addresses) {}

  HeaderFacts run(std::string_view section) && {
    HeaderReader reader(section);
    while (const auto field = reader.next()) {
      const auto known = field_of(field->name);
      if (!known) continue;
      facts_.marks |= mark_of(*known, field->body);
      bodies_[static_cast<std::size_t>(*known)] = field->body;  // the last one counts
    }
    auto& envelope = facts_.envelope;
    envelope.date = text(Field::date);
    envelope.subject = text(Field::subject);
    envelope.from = addresses(Field::from);
    envelope.sender = addresses(Field::sender);
    envelope.reply_to = addresses(Field::reply_to);
    envelope.to = addresses(Field::to);
    envelope.cc = addresses(Field::cc);
    envelope.bcc = addresses(Field::bcc);
    envelope.in_reply_to = text(Field::in_reply_to);
    envelope.message_id = text(Field::message_id);
    if (const auto& body = body_of(Field::references)) envelope.references = parse_message_ids(*body);
    return std::move(facts_);
  }

 private:
  [[nodiscard]] const std::optional<std::string_view>& body_of(Field field) const noexcept {
    return bodies_[static_cast<std::size_t>(field)];
  }
  [[nodiscard]] std::optional<std::string> text(Field field) const {
    const auto& body = body_of(field);
    if (!body) return std::nullopt;
    return unfolded_utf8(*body);
  }
  [[nodiscard]] Envelope::Addresses addresses(Field field) const {
    const auto& body = body_of(field);
    if (!body) return std::nullopt;
    return parse_address_list(*body, max_addresses_, NameForm::written);
  }

  std::size_t max_addresses_;
  HeaderFacts facts_;
  std::array<std::optional<std::string_view>, std::size(kKnown)> bodies_;
};

void add_ids(std::vector<std::string>& ids, std::vector<std::string> more, std::size_t max_ids) {
  for (auto& id : more) {
    if (ids.size() >= max_ids) return;
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));
  }
}

}  // namespace

HeaderFacts read_header_facts(std::string_view header_section, std::size_t max_addresses) {
  return Reader(max_addresses).run(header_section);
}

ThreadKeys thread_keys(const Envelope& envelope, std::size_t max_ids) {
  ThreadKeys keys;
  if (envelope.subject) keys.subject = thread_subject(decode_words(*envelope.subject));
  if (envelope.message_id) add_ids(keys.ids, parse_message_ids(*envelope.message_id, 1), max_ids);
  if (envelope.in_reply_to) add_ids(keys.ids, parse_message_ids(*envelope.in_reply_to, 2), max_ids);
  if (envelope.references) {
    // The thread's first letter is named first; it is asked for whatever the number of those between.
    std::vector<std::string> near(envelope.references->rbegin(), envelope.references->rend());
    if (near.size() + keys.ids.size() > max_ids && near.size() > 2) std::swap(near.back(), near[1]);
    add_ids(keys.ids, std::move(near), max_ids);
  }
  return keys;
}

}  // namespace pabal::message
