// NOTIFY (RFC 5465 §8) and the mailbox filters that it shares with ESEARCH (RFC 7377 §2.1).
#include <algorithm>
#include <array>

#include "imap/cursor.hpp"

namespace pabal::imap {

namespace {

// one-or-more-mailbox = mailbox / many-mailboxes
std::vector<MailboxName> one_or_more(Cursor& in) {
  std::vector<MailboxName> out;
  const auto one = [&] {
    if (auto name = in.mailbox()) out.push_back(std::move(*name));
  };
  if (!in.take('(')) {
    one();
    return out;
  }
  while (in.ok()) {
    one();
    if (in.take(')')) break;
    in.space();
  }
  return out;
}

void event(Cursor& in, NotifyEvents& events) {
  if (in.take_word("MessageNew")) {
    events.message_new = true;
    if (in.take_text(" (")) parse_fetch_items(in, events.message_new_items);
  } else if (in.take_word("MessageExpunge")) {
    events.message_expunge = true;
  } else if (in.take_word("FlagChange")) {
    events.flag_change = true;
  } else if (in.take_word("AnnotationChange")) {
    events.annotation_change = true;
  } else if (in.take_word("MailboxName")) {
    events.mailbox_name = true;
  } else if (in.take_word("SubscriptionChange")) {
    events.subscription_change = true;
  } else if (in.take_word("MailboxMetadataChange")) {
    events.mailbox_metadata_change = true;
  } else if (in.take_word("ServerMetadataChange")) {
    events.server_metadata_change = true;
  } else {
    events.unknown.emplace_back(in.atom());
  }
}

NotifyEvents event_list(Cursor& in) {
  NotifyEvents events;
  if (in.take_word("NONE")) return events;
  in.expect('(');
  while (in.ok()) {
    event(in, events);
    if (in.take(')')) break;
    in.space();
  }
  // RFC 5465 §5: new and expunged messages come together, and flag changes not without them.
  if (events.message_new != events.message_expunge) in.bad("MessageNew and MessageExpunge need each other");
  if ((events.flag_change || events.annotation_change) && !events.message_new) {
    in.bad("FlagChange needs MessageNew and MessageExpunge");
  }
  return events;
}

}  // namespace

MailboxFilter parse_mailbox_filter(Cursor& in, bool for_search) {
  using Kind = MailboxFilter::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 8> words = {{
      {"selected", Kind::selected},
      {"selected-delayed", Kind::selected_delayed},
      {"inboxes", Kind::inboxes},
      {"personal", Kind::personal},
      {"subscribed", Kind::subscribed},
      {"subtree", Kind::subtree},
      {"subtree-one", Kind::subtree_one},
      {"mailboxes", Kind::mailboxes},
  }};
  MailboxFilter filter;
  for (const auto& [word, kind] : words) {
    if (!in.take_word(word)) continue;
    filter.kind = kind;
    // RFC 7377 §2.2: selected-delayed isn't for searching; RFC 5465 knows no subtree-one.
    if (for_search ? kind == Kind::selected_delayed : kind == Kind::subtree_one) break;
    if (kind == Kind::subtree || kind == Kind::subtree_one || kind == Kind::mailboxes) {
      in.space();
      filter.mailboxes = one_or_more(in);
    }
    return filter;
  }
  in.bad("unknown mailbox filter");
  return filter;
}

Notify parse_notify(Cursor& in) {
  Notify notify;
  if (in.take_word("NONE")) {
    notify.none = true;
    return notify;
  }
  if (!in.take_word("SET")) in.bad("SET or NONE");
  in.space();
  if (in.take_word("STATUS")) {
    notify.status = true;
    in.space();
  }
  while (in.ok()) {
    Notify::Group group;
    in.expect('(');
    group.filter = parse_mailbox_filter(in, false);
    in.space();
    group.events = event_list(in);
    in.expect(')');
    notify.groups.push_back(std::move(group));
    if (in.peek() != ' ' || in.rest().find_first_not_of(' ') == std::string_view::npos) break;
    in.space();
  }
  // §6.1, §8.
  const auto of_selected = [](const Notify::Group& group) {
    return group.filter.kind == MailboxFilter::Kind::selected ||
           group.filter.kind == MailboxFilter::Kind::selected_delayed;
  };
  if (std::ranges::count_if(notify.groups, of_selected) > 1) in.bad("the selected mailbox is named twice");
  for (const auto& group : notify.groups) {
    const auto& events = group.events;
    const bool of_mailboxes = events.mailbox_name || events.subscription_change || events.mailbox_metadata_change ||
                              events.server_metadata_change;
    if (of_selected(group) && of_mailboxes) in.bad("only events of messages belong to the selected mailbox");
    if (!of_selected(group) && !events.message_new_items.empty()) {
      in.bad("items are for messages of the selected mailbox");
    }
  }
  return notify;
}

}  // namespace pabal::imap
