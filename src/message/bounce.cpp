#include "message/bounce.hpp"

#include <algorithm>
#include <set>

#include "base/json.hpp"
#include "base/text.hpp"
#include "codec/charset.hpp"
#include "message/arf.hpp"
#include "message/bounce_rules.hpp"
#include "message/dsn.hpp"
#include "message/encoded_word.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kMostText = 256U << 10;
constexpr std::size_t kMostRecipients = 1'000;
constexpr std::size_t kLongestReason = 1'000;

bool is_address_character(char c) noexcept {
  return is_alpha(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos;
}

// `local@domain` at the front, in brackets or quotes or bare; how many octets it takes, or 0.
std::size_t read_address(std::string_view text, std::string& address) {
  std::size_t begin = 0;
  while (begin < text.size() && begin < 4 && std::string_view("<\"'(").find(text[begin]) != std::string_view::npos)
    ++begin;
  std::size_t at = begin;
  while (at < text.size() && at - begin < 320 && is_address_character(text[at])) ++at;
  if (at == begin || at >= text.size() || text[at] != '@') return 0;
  std::size_t end = at + 1;
  const bool literal = end < text.size() && text[end] == '[';
  while (end < text.size() && end - at < 260 &&
         (is_alpha(text[end]) || is_digit(text[end]) || text[end] == '-' || text[end] == '.' || text[end] == '_' ||
          static_cast<unsigned char>(text[end]) >= 0x80 ||
          (literal && (text[end] == '[' || text[end] == ']' || text[end] == ':'))))
    ++end;
  std::string_view found = text.substr(begin, end - begin);
  while (found.ends_with('.')) found.remove_suffix(1);
  if (found.ends_with('@')) return 0;
  address = found;
  while (end < text.size() && std::string_view(">\"')").find(text[end]) != std::string_view::npos) ++end;
  return end;
}

bool contains(std::string_view lower_text, std::string_view lower_words) {
  return lower_words.empty() || lower_text.find(lower_words) != std::string_view::npos;
}

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = static_cast<unsigned char>(c) <= ' ' || c == 0x7F;
    if (space && (out.empty() || out.back() == ' ')) continue;
    if (out.size() >= kLongestReason) break;
    out += space ? ' ' : c;
  }
  while (out.ends_with(' ')) out.pop_back();
  // Not in the middle of a character.
  while (!out.empty() && !is_utf8(out)) out.pop_back();
  return out;
}

// The message, taken apart as far as the rules look at it.
struct Letter {
  FieldGroup fields;
  std::string from;      ///< lower case
  std::string subject;   ///< lower case, decoded
  std::string text;      ///< before the returned message
  std::string lower;     ///< of text
  std::string words;     ///< the beginning of text, on one line
  std::string returned;  ///< what stands behind: as much of it as is text

  Letter(std::string_view message, const MimeTree& tree);
};

std::string tags_away(std::string_view html) {
  std::string out;
  bool tag = false;
  for (const char c : html) {
    if (c == '<') {
      tag = true;
      out += '\n';
    } else if (c == '>') {
      tag = false;
    } else if (!tag) {
      out += c;
    }
  }
  return out;
}

std::string readable_text(std::string_view message, const Part& part) {
  std::string octets = decoded_body(
      message.substr(0, part.body_begin + std::min<std::uint64_t>(part.body_end - part.body_begin, 2 * kMostText)),
      [&] {
        Part cut = part;
        cut.body_end = std::min<std::uint64_t>(part.body_end, part.body_begin + 2 * kMostText);
        return cut;
      }());
  const auto type = parse_parameters(part.content_type);
  const auto* charset = type.find("charset");
  std::string text = codec::to_utf8(octets, charset == nullptr ? "" : *charset).utf8;
  return equal_ignoring_case(part.subtype, "html") ? tags_away(text) : text;
}

Letter::Letter(std::string_view message, const MimeTree& tree) {
  const Part& root = tree.root();
  auto groups = read_field_groups(
      message.substr(root.header_begin, std::min<std::uint64_t>(root.body_begin - root.header_begin, kMostText)));
  if (!groups.empty()) fields = std::move(groups.front());
  if (const auto* field = find_field(fields, "From")) from = to_lower(decode_text(*field));
  if (const auto* field = find_field(fields, "Subject")) subject = to_lower(decode_text(*field));
  std::string all;
  for (const auto& part : tree.parts) {
    if (all.size() > kMostText) break;
    const bool childless = part.kind == PartKind::multipart && part.first_child == Part::none;
    if (part.kind == PartKind::message) {
      // What is returned: its header is enough.
      if (part.first_child != Part::none && returned.empty()) {
        const Part& child = tree.parts[part.first_child];
        returned = message.substr(child.header_begin,
                                  std::min<std::uint64_t>(child.body_begin - child.header_begin, kMostText));
      }
      break;
    }
    if (equal_ignoring_case(part.subtype, "rfc822-headers")) {
      returned = readable_text(message, part);
    } else if (childless || (part.kind == PartKind::leaf && equal_ignoring_case(part.type, "text"))) {
      all += readable_text(message, part);
      all += '\n';
    }
  }
  if (all.size() > kMostText) all.resize(kMostText);
  // Up to where the returned message begins.
  std::size_t at = 0;
  std::size_t end = all.size();
  while (at < all.size() && end == all.size()) {
    const std::size_t next = std::min(all.find('\n', at), all.size() - 1) + 1;
    const auto line = trim(std::string_view(all).substr(at, next - at));
    for (const auto mark : returned_message_marks()) {
      if (starts_with_ignoring_case(line, mark)) end = at;
    }
    at = next;
  }
  text = all.substr(0, end);
  if (returned.empty()) returned = all.substr(end);
  lower = to_lower(text);
  words = one_line(text);
}

bool fits(const BounceRule& rule, const Letter& letter) {
  if (!contains(letter.from, rule.from) || !contains(letter.subject, rule.subject) ||
      !contains(letter.lower, rule.body))
    return false;
  if (rule.header.empty()) return true;
  const auto colon = rule.header.find(':');
  const auto* field = find_field(letter.fields, rule.header.substr(0, colon));
  return field != nullptr && contains(to_lower(*field), trim(rule.header.substr(colon + 1)));
}

void judge(BouncedRecipient& recipient) {
  if (recipient.status.empty()) recipient.status = find_status(recipient.text);
  if (recipient.smtp_code == 0) recipient.smtp_code = find_smtp_code(recipient.text);
  recipient.reason = bounce_reason(recipient.text, recipient.status, recipient.smtp_code);
}

// Recipients of a text, each address once; the last one's reason goes on till the next.
class Collector {
 public:
  // `line`: the whole line, of which the address is part.
  void add(const std::string& address, std::string_view line) {
    if (found_.size() >= kMostRecipients) return;
    const auto lower = to_lower(address);
    if (lower == left_out_) {
      if (own_.address.empty()) own_ = {address, {}, 0, BounceReason::unknown, std::string(line)};
      return;
    }
    if (!seen_.insert(lower).second) {
      more(line);
      return;
    }
    found_.push_back({address, {}, 0, BounceReason::unknown, std::string(line)});
  }
  void more(std::string_view line) {
    if (!found_.empty() && found_.back().text.size() < 4 * kLongestReason) found_.back().text.append("\n").append(line);
  }
  void leave_out(const std::string& address) { left_out_ = to_lower(address); }
  [[nodiscard]] bool empty() const noexcept { return found_.empty() && own_.address.empty(); }
  // `fallback` is the reason of those that have no words of their own.
  [[nodiscard]] std::vector<BouncedRecipient> take(std::string_view fallback) && {
    // Who writes to himself.
    if (found_.empty() && !own_.address.empty()) found_.push_back(std::move(own_));
    for (auto& recipient : found_) {
      recipient.text = one_line(recipient.text);
      if (recipient.text.size() <= recipient.address.size() + 4) recipient.text = std::string(fallback);
      judge(recipient);
      if (recipient.reason == BounceReason::unknown && recipient.status.empty()) {
        BouncedRecipient other = recipient;
        other.text = std::string(fallback);
        judge(other);
        if (other.reason != BounceReason::unknown) recipient = std::move(other);
      }
    }
    return std::move(found_);
  }

 private:
  std::vector<BouncedRecipient> found_;
  BouncedRecipient own_;  ///< the one that is left out, if it stood there
  std::string left_out_;
  std::set<std::string> seen_;
};

template <class Take>
void for_each_line(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    take(trim(text.substr(0, end)));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
}

// An address that begins the line, with what may stand before it: brackets, bullets, ">>>".
std::string address_at_front(std::string_view line) {
  while (!line.empty() && (line[0] == '*' || line[0] == '-' || line[0] == '>' || line[0] == ' ')) line.remove_prefix(1);
  std::string address;
  const std::size_t taken = read_address(line, address);
  if (taken == 0) return {};
  // What goes on as a sentence in the middle of a word is none.
  const bool ends =
      taken >= line.size() || std::string_view(" :;,[<\t(.\r").find(line[taken]) != std::string_view::npos;
  return ends ? address : std::string();
}

void collect_lines(std::string_view text, Collector& into) {
  for_each_line(text, [&](std::string_view line) {
    line = line.substr(0, line.find_last_not_of('\r') + 1);
    if (line.empty()) return;
    const std::string address = address_at_front(line);
    if (address.empty()) {
      into.more(line);
    } else {
      into.add(address, line);
    }
  });
}

void collect_labels(std::string_view text, std::string_view lower, std::string_view label, Collector& into) {
  std::size_t at = 0;
  while ((at = lower.find(label, at)) != std::string_view::npos) {
    at += label.size();
    std::string_view rest = text.substr(at);
    while (!rest.empty() && static_cast<unsigned char>(rest[0]) <= ' ') rest.remove_prefix(1);
    std::string address;
    if (read_address(rest, address) == 0) continue;
    // Its words go to the next label.
    const std::size_t end = std::min(lower.find(label, at), lower.size());
    into.add(address, text.substr(at, std::min(end - at, 4 * kLongestReason)));
  }
}

// "550 <a@x>... User unknown", "421 example.com (smtp)... Deferred"
void collect_transcript(std::string_view text, Collector& into) {
  for_each_line(text, [&](std::string_view line) {
    while (line.starts_with("<<<") || line.starts_with(">>>")) line = trim(line.substr(3));
    if (line.size() < 5 || (line[0] != '4' && line[0] != '5') || !is_digit(line[1]) || !is_digit(line[2])) return;
    std::string address;
    if (read_address(trim(line.substr(4)), address) != 0) into.add(address, line);
  });
}

// The recipients that the returned message itself names.
std::string recipient_of_returned(std::string_view returned) {
  for (const auto& group : read_field_groups(returned.substr(0, 64U << 10))) {
    for (const auto name : {"X-Failed-Recipients", "X-HmXmrOriginalRecipient", "To", "Cc", "Delivered-To"}) {
      const auto* field = find_field(group, name);
      if (field == nullptr) continue;
      for (std::size_t i = 0; i < field->size(); ++i) {
        std::string address;
        if ((i == 0 || !is_address_character((*field)[i - 1])) &&
            read_address(std::string_view(*field).substr(i), address) != 0)
          return address;
      }
    }
  }
  return {};
}

// The sender of what comes back is named in the words of many, and is no recipient.
void leave_out_sender(const Letter& letter, Collector& into) {
  const auto* field = find_field(letter.fields, "To");
  if (field == nullptr) return;
  std::string sender;
  const auto at = field->find('<');
  if (read_address(std::string_view(*field).substr(at == std::string::npos ? 0 : at), sender) != 0)
    into.leave_out(sender);
}

// The one address that begins a line of the words; empty where there is none, or more.
std::string only_recipient_in_words(const Letter& letter) {
  Collector into;
  leave_out_sender(letter, into);
  collect_lines(letter.text, into);
  const auto found = std::move(into).take({});
  return found.size() == 1 ? found.front().address : std::string();
}

std::vector<BouncedRecipient> apply(const BounceRule& rule, const Letter& letter) {
  std::size_t begin = 0;
  if (!rule.begin.empty()) {
    const auto at = letter.lower.find(rule.begin);
    if (at != std::string::npos) begin = at + rule.begin.size();
  }
  Collector into;
  const auto text = std::string_view(letter.text).substr(begin);
  leave_out_sender(letter, into);
  switch (rule.style) {
    case RecipientStyle::line:
      collect_lines(text, into);
      break;
    case RecipientStyle::label:
      collect_labels(text, std::string_view(letter.lower).substr(begin), rule.label, into);
      break;
    case RecipientStyle::transcript:
      collect_transcript(text, into);
      break;
  }
  // Exim's field names them all.
  if (into.empty()) {
    if (const auto* field = find_field(letter.fields, "X-Failed-Recipients")) {
      for (const auto each : split(*field, ',')) {
        std::string address;
        if (read_address(trim(each), address) != 0) into.add(address, "");
      }
    }
  }
  return std::move(into).take(letter.words);
}

// `alone`: the report is of no other recipient.
BouncedRecipient from_report(const RecipientReport& report, bool alone, const Letter& letter) {
  BouncedRecipient out;
  std::string_view address = report.final_recipient.text;
  // An alias behind which the real one was found: the sender knows the one it wrote to.
  if (address.find('@') == std::string_view::npos && !report.original_recipient.empty())
    address = report.original_recipient.text;
  if (std::string plain; read_address(address, plain) != 0) {
    out.address = plain;
  } else {
    // sendmail names a host alone ("RFC822; @mx.example.org") where the route to it failed; its words name the
    // recipient.
    if (alone && address.starts_with('@')) out.address = only_recipient_in_words(letter);
    if (out.address.empty()) out.address = one_line(address);
  }
  out.status = report.status;
  out.text = one_line(report.diagnostic.text);
  out.smtp_code = find_smtp_code(out.text);
  // "5.0.0" says no more than "5".
  const auto better = find_status(out.text);
  if (!better.empty() && (out.status.empty() || out.status.ends_with(".0.0"))) out.status = better;
  out.reason = bounce_reason(out.text, out.status, out.smtp_code);
  if (out.reason == BounceReason::unknown || out.text.empty()) {
    const auto& words = letter.words;
    if (out.text.empty()) out.text = words;
    if (out.reason == BounceReason::unknown) out.reason = bounce_reason(words, out.status, out.smtp_code);
  }
  return out;
}

Bounce from_dsn(const DeliveryReport& report, std::string rule, const Letter& letter) {
  Bounce bounce{std::move(rule), BounceKind::success, {}};
  bool failed = false;
  bool delayed = false;
  for (const auto& each : report.recipients) {
    if (bounce.recipients.size() >= kMostRecipients) break;
    const bool bad_status = each.status.starts_with('5') || each.status.starts_with('4');
    failed |= each.action == DsnAction::failed || (each.action == DsnAction::unknown && bad_status);
    delayed |= each.action == DsnAction::delayed;
    bounce.recipients.push_back(from_report(each, report.recipients.size() == 1, letter));
  }
  if (delayed) bounce.kind = BounceKind::delay;
  if (failed) bounce.kind = BounceKind::failure;
  return bounce;
}

// Amazon's notifications, which are JSON in a text.
std::optional<Bounce> from_sns(const Letter& letter) {
  const auto begin = letter.text.find("{\"notificationType\":");
  if (begin == std::string::npos) return std::nullopt;
  const auto end = letter.text.find("\n--", begin);
  const auto parsed = parse_json(letter.text.substr(begin, end == std::string::npos ? end : end - begin));
  if (!parsed || !parsed->is_object()) return std::nullopt;
  const auto text_in = [](const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  const auto& root = parsed->get_object();
  const std::string type = text_in(root, "notificationType");
  struct Form {
    std::string_view type;
    std::string_view object;
    std::string_view list;
    BounceKind kind;
  };
  static constexpr Form forms[] = {{"Bounce", "bounce", "bouncedRecipients", BounceKind::failure},
                                   {"Complaint", "complaint", "complainedRecipients", BounceKind::complaint},
                                   {"Delivery", "delivery", "recipients", BounceKind::success}};
  for (const auto& form : forms) {
    if (type != form.type) continue;
    Bounce bounce{"amazon-sns", form.kind, {}};
    const auto* object = root.if_contains(form.object);
    if (object == nullptr || !object->is_object()) return bounce;
    const auto* list = object->get_object().if_contains(form.list);
    if (list == nullptr || !list->is_array()) return bounce;
    for (const auto& each : list->get_array()) {
      if (bounce.recipients.size() >= kMostRecipients) break;
      BouncedRecipient recipient;
      if (each.is_string()) recipient.address = std::string(each.get_string());
      if (each.is_object()) {
        recipient.address = text_in(each.get_object(), "emailAddress");
        recipient.status = text_in(each.get_object(), "status");
        recipient.text = one_line(text_in(each.get_object(), "diagnosticCode"));
      }
      judge(recipient);
      bounce.recipients.push_back(std::move(recipient));
    }
    return bounce;
  }
  return std::nullopt;
}

std::optional<Bounce> from_arf(std::string_view message, const MimeTree& tree, const Letter& letter) {
  const auto arf = read_arf(message, tree);
  if (!arf) return std::nullopt;
  Bounce bounce{"rfc5965", BounceKind::complaint, {}};
  for (const auto& each : arf->report.recipients) {
    std::string address;
    if (read_address(each, address) != 0)
      bounce.recipients.push_back({address, {}, 0, BounceReason::unknown, arf->report.type});
  }
  if (bounce.recipients.empty()) {
    auto address = recipient_of_returned(arf->returned.octets);
    if (address.empty()) address = recipient_of_returned(letter.returned);
    if (!address.empty()) bounce.recipients.push_back({address, {}, 0, BounceReason::unknown, arf->report.type});
  }
  return bounce;
}

bool is_auto_reply(const Letter& letter) {
  if (const auto* field = find_field(letter.fields, "Auto-Submitted"))
    return starts_with_ignoring_case(*field, "auto-replied");
  return find_field(letter.fields, "X-Autoreply") != nullptr ||
         (find_field(letter.fields, "X-Auto-Response-Suppress") != nullptr &&
          (letter.subject.starts_with("automatic reply") || letter.subject.starts_with("out of office")));
}

}  // namespace

std::optional<Bounce> recognise_bounce(std::string_view message, const MimeTree& tree) {
  const Letter letter(message, tree);
  if (auto bounce = from_arf(message, tree, letter)) return bounce;
  if (const auto dsn = read_dsn(message, tree)) return from_dsn(dsn->report, "rfc3464", letter);
  if (auto bounce = from_sns(letter)) return bounce;
  // The report's fields within the text, where the structure was lost. `returned` begins at their first.
  const bool daemon = contains(letter.from, "mailer-daemon") || contains(letter.from, "postmaster") ||
                      contains(letter.from, "mail delivery");
  if (daemon) {
    if (const auto report = read_delivery_status(letter.returned);
        report &&
        (starts_with_ignoring_case(letter.returned, "re") || starts_with_ignoring_case(letter.returned, "final")))
      return from_dsn(*report, "rfc3464-in-text", letter);
  }
  std::optional<Bounce> first;
  for (const auto& rule : bounce_rules()) {
    if (!fits(rule, letter)) continue;
    Bounce bounce{std::string(rule.name), rule.kind, apply(rule, letter)};
    if (!bounce.recipients.empty()) return bounce;
    if (!first) first = std::move(bounce);
  }
  if (first) {
    if (auto address = recipient_of_returned(letter.returned); !address.empty()) {
      BouncedRecipient recipient{std::move(address), {}, 0, BounceReason::unknown, letter.words};
      judge(recipient);
      first->recipients.push_back(std::move(recipient));
    }
    return first;
  }
  if (is_auto_reply(letter)) return Bounce{"rfc3834", BounceKind::auto_reply, {}};
  return std::nullopt;
}

}  // namespace pabal::message
