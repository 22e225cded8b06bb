#include "server/imap/notifier.hpp"

#include <algorithm>

#include "account/directory.hpp"
#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/metadata.hpp"

namespace pabal::server::imap {

namespace {

using grammar::NotifyEvents;
using Kind = grammar::MailboxFilter::Kind;

bool is_of_selected(const grammar::MailboxFilter& filter) {
  return filter.kind == Kind::selected || filter.kind == Kind::selected_delayed;
}

bool any_of(const NotifyEvents& events) {
  return events.message_new || events.flag_change || events.mailbox_name || events.subscription_change ||
         events.mailbox_metadata_change;
}

bool of_messages(const NotifyEvents& events) { return events.message_new || events.flag_change; }

std::unexpected<Error> too_many() { return fail(ErrorKind::limit, "too many mailboxes to tell of"); }

}  // namespace

Notifier::Notifier(Session& session, grammar::Notify asked) : session_(&session), asked_(std::move(asked)) {
  for (const auto& group : asked_.groups) {
    if (group.events.server_metadata_change) servers_entries_ = true;
    if (is_of_selected(group.filter)) {
      selected_ = group.events;
      delayed_ = group.filter.kind == Kind::selected_delayed;
      continue;
    }
    if (!any_of(group.events)) continue;
    if (may_mean_others(group.filter, std::nullopt)) others_ = true;
    if (group.filter.kind == Kind::subscribed || group.events.subscription_change) subscriptions_ = true;
  }
}

// RFC 5465 §6: a mailbox belongs to the first group that means it.
const NotifyEvents* Notifier::events_for(const KnownMailbox& mailbox) const {
  if ((mailbox.rights & right::lookup) == 0) return nullptr;
  for (const auto& group : asked_.groups) {
    if (is_of_selected(group.filter) || !is_meant(mailbox, group.filter, std::nullopt)) continue;
    return any_of(group.events) ? &group.events : nullptr;
  }
  return nullptr;
}

bool Notifier::is_open(const Key& key) const {
  const auto& selected = session_->selected();
  return selected && selected->place.account == key.first && selected->mailbox == key.second;
}

store::Watch Notifier::watch(AccountId account) {
  return session_->store().watch(account,
                                 [account, hints = hints_, news = session_->news_of_watch()](AccountId, ChangeNumber) {
                                   hints->add(account);
                                   News::tell(news);
                                 });
}

Async<Result<void>> Notifier::begin() {
  const bool own = servers_entries_ || std::ranges::any_of(asked_.groups, [](const auto& group) {
                     return !is_of_selected(group.filter) && any_of(group.events);
                   });
  if (!own) co_return Result<void>();
  const auto place = session_->user().place;
  // Before what is looked at, so that nothing is missed.
  owners_.emplace(place.account, Owner{.place = place, .name = {}, .seen = {}, .watch = watch(place.account)});
  if (auto looked = co_await look_at(place.account, true); !looked) co_return looked;
  if (auto looked = co_await look_at_own_names(true); !looked) co_return looked;
  if (!others_) co_return Result<void>();
  rights_watch_ = watch(AccountId{});
  co_return co_await find_owners(true);
}

// Accounts that let the user look up a mailbox. Those that are new are looked at.
Async<Result<void>> Notifier::find_owners(bool silent) {
  const auto& user = session_->user();
  const auto entries = co_await session_->store().shared_with(identifiers_of(user.identifier));
  if (!entries) co_return pass(entries);
  for (const auto& entry : *entries) {
    const auto account = entry.place.account;
    if (account == user.place.account || owners_.contains(account)) continue;
    if (owners_.size() > session_->limits().max_notified_mailboxes) co_return too_many();
    const auto owner = co_await session_->shared().logins->find(account);
    if (!owner) co_return pass(owner);
    // The rows of an account that is being removed name nobody.
    if (!*owner) continue;
    owners_.emplace(account,
                    Owner{.place = {.account = account, .shard = entry.place.shard, .reader = user.place.account},
                          .name = account::login_name((*owner)->address),
                          .seen = {},
                          .watch = watch(account)});
    if (auto looked = co_await look_at(account, silent); !looked) co_return looked;
  }
  co_return Result<void>();
}

Async<Result<void>> Notifier::look_at(AccountId account, bool silent) {
  const auto found = owners_.find(account);
  if (found == owners_.end()) co_return Result<void>();
  auto& owner = found->second;
  auto changes = co_await session_->store().mailboxes_since(owner.place, owner.seen, session_->user().place.account);
  if (!changes) co_return pass(changes);
  if (auto hidden = co_await hide_children(&owner, &*changes); !hidden) co_return hidden;
  if (changes->whole) take_missing(owner, *changes);
  if (auto taken = take(owner, *changes, silent); !taken) co_return taken;
  owner.seen = changes->change;
  co_return Result<void>();
}

// A reader is told of children that he may look up.
Async<Result<void>> Notifier::hide_children(const Owner* owner, store::MailboxesChanged* changes) {
  const auto has_children = [](const auto& mailbox) { return mailbox.has_children; };
  if (!owner->place.reader || std::ranges::none_of(changes->mailboxes, has_children)) co_return Result<void>();
  const auto& identifier = session_->user().identifier;
  const auto entries = co_await session_->store().shared_with(identifiers_of(identifier));
  if (!entries) co_return pass(entries);
  std::map<std::string, std::vector<store::AccessEntry>> lists;
  for (const auto& one : *entries) {
    if (one.place.account == owner->place.account) lists[one.info.path].push_back(one.entry);
  }
  std::erase_if(lists,
                [&](const auto& one) { return (rights_by(one.second, identifier, false) & right::lookup) == 0; });
  for (auto& mailbox : changes->mailboxes) {
    const auto below = mailbox.info.path + "/";
    const auto first = lists.lower_bound(below);
    mailbox.has_children = first != lists.end() && first->first.starts_with(below);
  }
  co_return Result<void>();
}

// Where all that there are were listed, those that were told and are not among them are gone.
void Notifier::take_missing(const Owner& owner, const store::MailboxesChanged& changes) {
  std::set<MailboxId> there;
  for (const auto& mailbox : changes.mailboxes) there.insert(mailbox.info.id);
  std::vector<Key> gone;
  for (const auto& [key, told] : told_) {
    if (key.first == owner.place.account && !there.contains(key.second)) gone.push_back(key);
  }
  for (const auto& key : gone) take_gone(key);
}

// Subscribed names that no own mailbox has: those of others' mailboxes, and of none.
Async<Result<void>> Notifier::look_at_own_names(bool silent) {
  if (!subscriptions_) co_return Result<void>();
  const auto names = co_await session_->store().subscribed_names(session_->user().place);
  if (!names) co_return pass(names);
  std::set<std::string, std::less<>> now(names->begin(), names->end());
  std::vector<std::string> differ;
  std::ranges::set_symmetric_difference(now, subscribed_, std::back_inserter(differ));
  subscribed_ = std::move(now);
  if (silent || differ.empty()) co_return Result<void>();
  bool of_others = false;
  for (const auto& name : differ) {
    of_others = of_others || name.starts_with(kOtherUsers);
    if (name.starts_with(kOtherUsers)) continue;
    // One's own mailbox that has just got the name, or lost it, is told of by itself.
    const KnownMailbox nothing{.name = name,
                               .place = session_->user().place,
                               .info = {},
                               .rights = right::all,
                               .subscribed = subscribed_.contains(name)};
    const bool there = std::ranges::any_of(told_, [&](const auto& one) { return one.second.name == name; });
    const auto* const events = events_for(nothing);
    if (!there && events != nullptr && events->subscription_change) tell_gone(name, nothing.subscribed);
  }
  if (!of_others) co_return Result<void>();
  // RFC 5465 §6.4: whether those are meant may be another thing now.
  for (auto& [account, owner] : owners_) {
    if (!owner.place.reader) continue;
    owner.seen.reset();
    if (auto looked = co_await look_at(account, false); !looked) co_return looked;
  }
  co_return Result<void>();
}

Result<void> Notifier::take(const Owner& owner, const store::MailboxesChanged& changes, bool silent) {
  const auto& user = session_->user();
  for (const auto mailbox : changes.removed) take_gone({owner.place.account, mailbox});
  for (const auto& mailbox : changes.mailboxes) {
    Now now;
    now.known.place = owner.place;
    now.known.info = mailbox.info;
    now.known.name = owner.place.reader ? name_of_shared(owner.name, mailbox.info.path) : mailbox.info.path;
    now.known.rights = rights_by(mailbox.access, user.identifier, !owner.place.reader);
    now.known.subscribed = owner.place.reader ? subscribed_.contains(now.known.name) : mailbox.info.subscribed;
    now.has_children = mailbox.has_children;
    now.entries = mailbox.entries;
    if (auto taken = take_one(owner, std::move(now), silent); !taken) return taken;
  }
  if (servers_entries_ && !owner.place.reader && !silent) {
    append_metadata_change(*session_, "", changes.entries);
  }
  return {};
}

Result<void> Notifier::take_one(const Owner& owner, Now now, bool silent) {
  const auto& info = now.known.info;
  const Key key{now.known.place.account, info.id};
  const auto found = told_.find(key);
  const bool was = found != told_.end();
  const auto* const events = events_for(now.known);
  if (!was && events == nullptr) return {};
  if (!was && told_.size() >= session_->limits().max_notified_mailboxes) return too_many();
  const auto before = was ? found->second : Told{};
  if (events == nullptr) {
    told_.erase(found);
  } else {
    told_[key] = {.name = now.known.name,
                  .uid_validity = info.uid_validity,
                  .uid_next = info.uid_next,
                  .emails = info.emails,
                  .change = info.change,
                  .rights = now.known.rights,
                  .subscribed = now.known.subscribed,
                  .events = events};
  }
  if (silent) return {};
  // What either the old or the new state wants to hear of.
  const auto wants = [&](bool NotifyEvents::* event) {
    return (events != nullptr && events->*event) || (was && before.events->*event);
  };
  // A mailbox's id is the change that made it; another's comes with the right to look it up.
  const bool made = !was && (now.known.place.reader || (owner.seen && info.id.value > owner.seen->value));
  if (was && (now.known.rights & right::lookup) == 0) {
    if (before.events->mailbox_name) tell_gone(before.name, before.subscribed);
    return {};
  }
  now.no_access = events != nullptr && of_messages(*events) && (now.known.rights & right::read) == 0;
  const bool renamed = was && before.name != now.known.name;
  const bool subscription = was ? before.subscribed != now.known.subscribed : !made;
  if (((made || renamed) && wants(&NotifyEvents::mailbox_name)) ||
      (subscription && wants(&NotifyEvents::subscription_change))) {
    tell_name(now, renamed ? before.name : std::string());
  }
  if (events == nullptr) return {};
  const bool may = (now.known.rights & right::read) != 0;
  const bool might = (before.rights & right::read) != 0;
  if (was && may != might && of_messages(*events)) {
    // RFC 5465 §5.9.
    grammar::append_list(session_->out(), "LIST", may ? "" : "\\NoAccess", now.known.name, "", session_->form());
  }
  if (may && !is_open(key) && (was || made)) tell_status(now, might ? before : Told{}, *events);
  if (events->mailbox_metadata_change && (now.known.rights & kForMetadata) != 0) {
    append_metadata_change(*session_, now.known.name, now.entries);
  }
  return {};
}

void Notifier::take_gone(const Key& key) {
  const auto found = told_.find(key);
  if (found == told_.end()) return;
  if (found->second.events->mailbox_name) tell_gone(found->second.name, found->second.subscribed);
  told_.erase(found);
}

// RFC 5465 §5.4, §5.5: all attributes are right, and OLDNAME says what it was called.
void Notifier::tell_name(const Now& now, const std::string& old_name) {
  std::string attributes = now.has_children ? "\\HasChildren" : "\\HasNoChildren";
  if (now.no_access) attributes += " \\NoAccess";
  if (now.known.subscribed) attributes += " \\Subscribed";
  if (!now.known.place.reader) {
    if (const auto use = store::special_use_of(now.known.info.role); !use.empty()) attributes += " " + use;
  }
  std::string extended;
  if (!old_name.empty()) {
    extended = " (\"OLDNAME\" (";
    grammar::append_mailbox(extended, old_name, session_->form());
    extended += "))";
  }
  grammar::append_list(session_->out(), "LIST", attributes, now.known.name, extended, session_->form());
}

void Notifier::tell_gone(const std::string& name, bool subscribed) {
  grammar::append_list(session_->out(), "LIST", subscribed ? "\\NonExistent \\Subscribed" : "\\NonExistent", name, "",
                       session_->form());
}

// RFC 5465 §5.1 to §5.3.
void Notifier::tell_status(const Now& now, const Told& told, const NotifyEvents& events) {
  const auto& info = now.known.info;
  const bool came_or_went = told.uid_next != info.uid_next || told.emails != info.emails;
  grammar::StatusItems items = 0;
  if (told.uid_validity != 0 && told.uid_validity != info.uid_validity) items |= grammar::kStatusUidValidity;
  // One that was just made has nothing to tell of until a message is there.
  const bool first = told.uid_validity == 0;
  if (events.message_new && (first ? info.uid_next > 1 : came_or_went)) {
    items |= grammar::kStatusMessages | grammar::kStatusUidNext;
    if (session_->enabled().condstore) items |= grammar::kStatusHighestModseq;
  }
  if (events.flag_change && !first && told.change != info.change) {
    items |= grammar::kStatusUidValidity | grammar::kStatusHighestModseq;
  }
  if (items == 0) return;
  const auto name = grammar::MailboxName::parse(now.known.name);
  if (!name) return;
  grammar::append_status(session_->out(), *name, status_items(*session_, now.known.place, info, items),
                         session_->form());
}

Async<bool> Notifier::tell_beginning() {
  std::vector<std::pair<std::string, std::string>> statuses;
  for (const auto& [key, told] : told_) {
    if (!of_messages(*told.events)) continue;
    if ((told.rights & right::read) == 0) {
      grammar::append_list(session_->out(), "LIST", "\\NoAccess", told.name, "", session_->form());
    } else if (asked_.status && !is_open(key)) {
      const auto name = grammar::MailboxName::parse(told.name);
      if (!name) continue;
      store::MailboxInfo info;
      info.id = key.second;
      info.uid_validity = told.uid_validity;
      info.uid_next = told.uid_next;
      info.emails = told.emails;
      info.change = told.change;
      // §3.1.
      grammar::StatusItems items = grammar::kStatusUidValidity;
      if (told.events->message_new) items |= grammar::kStatusMessages | grammar::kStatusUidNext;
      if (told.events->flag_change || session_->enabled().condstore) items |= grammar::kStatusHighestModseq;
      grammar::append_status(session_->out(), *name, status_items(*session_, {}, info, items), session_->form());
    }
    if (!co_await session_->drain()) co_return false;
  }
  co_return true;
}

Async<Result<bool>> Notifier::look() {
  const auto hints = hints_->take();
  next_look_ = session_->shared().clock->steady() + kBetweenLooks;
  for (const auto account : hints) {
    Result<void> looked;
    if (!account) {
      looked = co_await find_owners(false);
    } else {
      // Names first: whether another's mailbox is subscribed is known then.
      if (account == session_->user().place.account) looked = co_await look_at_own_names(false);
      if (looked) looked = co_await look_at(account, false);
    }
    // An account that is gone has nothing to tell of.
    if (!looked && looked.error().kind != ErrorKind::not_found) co_return pass(looked);
    if (!co_await session_->drain()) co_return false;
  }
  co_return true;
}

}  // namespace pabal::server::imap
