// What has changed in the selected mailbox, taken into the session's view and told to its client.
#include <algorithm>
#include <iterator>

#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/contexts.hpp"
#include "server/imap/flags.hpp"
#include "server/imap/metadata.hpp"
#include "server/imap/notifier.hpp"
#include "server/imap/resync.hpp"
#include "server/imap/url_auth.hpp"

namespace pabal::server::imap {

namespace {

// A number between two words, many times over.
void append_named(std::string& out, std::string_view before, std::uint64_t number, std::string_view behind) {
  out.append(before);
  grammar::append_number(out, number);
  out.append(behind);
}

}  // namespace

Async<Result<void>> Session::refresh() {
  if (!selected_) co_return Result<void>();
  auto newer = co_await shared_->store->snapshot(selected_->place, selected_->mailbox);
  if (!newer) co_return pass(newer);
  // RFC 9051 §2.3.1.1: by RENAME to a name that a younger mailbox had. A client that has it open can't be told.
  if ((*newer)->head().uid_validity != selected_->view.snapshot().head().uid_validity) {
    co_return fail(ErrorKind::state, "The mailbox was renamed.");
  }
  const bool keywords_stay = &(*newer)->keyword_sets() == &selected_->view.snapshot().keyword_sets();
  selected_->view.take(std::move(*newer));
  if (!keywords_stay) tell_new_keywords();
  tell_key_reset();
  if (enabled_.metadata) co_await look_at_metadata();
  co_return Result<void>();
}

// The first look only remembers.
Async<void> Session::look_at_metadata() {
  const auto now = selected_->view.snapshot().head().change;
  const auto before = std::exchange(selected_->metadata, now);
  if (!before || *before == now) co_return;
  const auto names = co_await shared_->store->changed_annotations(selected_->place, selected_->mailbox,
                                                                  user_->place.account, *before, now);
  if (names) {
    append_metadata_change(*this, selected_->path, *names);
    co_return;
  }
  log().warning("metadata_unreadable", {{"why", names.error().log}});
  selected_->metadata = before;
}

Async<Result<void>> Session::renew_rights() {
  if (!selected_ || !selected_->place.reader) co_return Result<void>();
  const auto access = co_await shared_->store->access_list(selected_->place, selected_->mailbox);
  if (!access) co_return pass(access);
  const auto rights = rights_by(*access, user_->identifier, false);
  if ((rights & right::read) == 0) co_return fail(ErrorKind::not_found, "not to be read any more");
  if (rights == selected_->rights) co_return Result<void>();
  const auto before = scope_of(selected_->rights);
  const auto now = scope_of(rights);
  selected_->rights = rights;
  selected_->read_only = selected_->examined || (rights & right::any_change) == 0;
  if (before.flags != now.flags || before.keywords != now.keywords) append_permanent_flags(*this);
  co_return Result<void>();
}

// A client hears of a keyword before it meets it on a message (RFC 9051 §7.3.5; ImapTest holds servers to it), and of
// none that has gone while it may still know a message with it.
void Session::tell_new_keywords() {
  const auto now = selected_->view.snapshot().keyword_names();
  auto& told = selected_->keywords;
  std::vector<std::string> all;
  std::ranges::set_union(told, now, std::back_inserter(all));
  if (all.size() == told.size()) return;
  told = std::move(all);
  out().append("* FLAGS (").append(flags_in_use(told)).append(")\r\n");
  append_permanent_flags(*this);
}

// RFC 4467 §7, RESETKEY: who has the mailbox open hears that URLs are worth nothing any more.
void Session::tell_key_reset() {
  const auto resets = shared_->url_keys.last(selected_->place.account, selected_->mailbox);
  if (resets <= selected_->key_resets) return;
  selected_->key_resets = resets;
  if (plaintext_allowed()) say(grammar::Condition::ok, kUrlMechanisms, "The key was reset.");
}

void Session::begin_fetch(std::uint32_t number, std::uint32_t uid) {
  auto& to = out();
  to.append("* ");
  grammar::append_number(to, enabled_.uid_only ? uid : number);
  to.append(enabled_.uid_only ? " UIDFETCH (" : " FETCH (");
}

void Session::append_flags_of(std::uint32_t number, const store::MessageRow& row, bool uid) {
  begin_fetch(number, row.uid);
  auto& to = out();
  // RFC 7162 §3.2.4: with QRESYNC the UID is always told.
  if ((uid || enabled_.qresync) && !enabled_.uid_only) append_named(to, "UID ", row.uid, " ");
  to.append("FLAGS (");
  append_flags(to, selected_->view.snapshot(), row, is_recent(row.uid));
  to.append(")");
  if (enabled_.condstore) append_named(to, " MODSEQ (", static_cast<std::uint64_t>(row.change.value), ")");
  to.append(")\r\n");
}

void Session::append_modseq_of(std::uint32_t number, const store::MessageRow& row, bool uid) {
  begin_fetch(number, row.uid);
  auto& to = out();
  if ((uid || enabled_.qresync) && !enabled_.uid_only) append_named(to, "UID ", row.uid, " ");
  append_named(to, "MODSEQ (", static_cast<std::uint64_t>(row.change.value), "))\r\n");
}

void Session::notify_by(std::unique_ptr<Notifier> notifier) {
  notifier_ = std::move(notifier);
  news_->wake(true);
}

std::chrono::milliseconds Session::patience() const {
  if (!notifier_ || appending_ || !notifier_->has_hints()) return std::chrono::milliseconds::max();
  const auto left = notifier_->next_look() - shared_->clock->steady();
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds(1));
}

// RFC 7162 §3.2: who leaves now, and has heard of later changes than these removals, must ask from before them.
void Session::tell_held_removals() {
  if (!enabled_.qresync || !selected_->view.has_gone()) return;
  say(grammar::Condition::ok, fmt::format("HIGHESTMODSEQ {}", selected_->synced.value),
      "Removals are still to be told.");
}

// RFC 5465: what is wanted is told at any time, not only with the answer to a command.
Async<bool> Session::tell_notified(bool keep_numbers) {
  if (selected_) {
    if (!co_await take_news()) co_return false;
    const bool tells = notifier_->selected().message_new && selected_->view.has_news(keep_numbers);
    if (!co_await tell_changes({.keep_numbers = keep_numbers, .uid = true})) co_return false;
    if (tells) tell_held_removals();
  } else {
    static_cast<void>(news_->take());
  }
  if (!notifier_->has_hints() || shared_->clock->steady() < notifier_->next_look()) co_return true;
  const auto looked = co_await notifier_->look();
  if (looked) co_return *looked;
  if (looked.error().kind != ErrorKind::limit) log().error("notify_failed", {{"why", looked.error().log}});
  // §5.8: as after NOTIFY NONE.
  say(grammar::Condition::ok, "NOTIFICATIONOVERFLOW", "No more is told unasked.");
  notify_by(std::make_unique<Notifier>(*this, grammar::Notify{.none = true, .status = false, .groups = {}}));
  co_return true;
}

Async<bool> Session::tell_changes(Telling telling) {
  if (!selected_) co_return true;
  const auto* const wanted = notifier_ && !telling.own ? &notifier_->selected() : nullptr;
  // A client that asked for nothing keeps the mailbox as it was (RFC 5465 §5).
  if (wanted != nullptr && !wanted->message_new) co_return true;
  auto* const contexts = selected_->contexts.get();
  if (contexts != nullptr && !co_await contexts->tell_gone(this)) co_return false;
  if (!co_await tell_view(telling)) co_return false;
  co_return contexts == nullptr || co_await contexts->tell_changed(this);
}

Async<bool> Session::tell_view(Telling telling) {
  const auto* const wanted = notifier_ && !telling.own ? &notifier_->selected() : nullptr;
  const bool uid = telling.uid || notifier_;
  if (!selected_->view.has_news(telling.keep_numbers)) co_return true;
  auto& view = selected_->view;
  const auto due = view.tell(telling.keep_numbers);
  if (!view.has_gone()) selected_->synced = view.snapshot().head().change;
  // RFC 7162 §3.2.10, RFC 9586 §3.4.
  if (enabled_.qresync || enabled_.uid_only) {
    if (!co_await say_vanished(this, &due.vanished, false)) co_return false;
  } else {
    for (const auto number : due.expunged) {
      grammar::append_count(out(), number, "EXPUNGE");
      if (!co_await drain()) co_return false;
    }
  }
  if (due.announce) {
    grammar::append_count(out(), due.exists, "EXISTS");
    if (!enabled_.rev2) {
      const auto first = due.arrived.ranges().front().first;
      const auto behind = due.arrived.ranges().back().last + 1;
      const auto key = recents_key(selected_->mailbox);
      const auto from = selected_->place.reader ? behind
                        : selected_->read_only  ? shared_->recents.first_unclaimed(key, first)
                                                : shared_->recents.claim(key, first, behind);
      if (from < behind) view.add_recent({from, behind - 1});
      grammar::append_count(out(), view.recent_count(), "RECENT");
    }
  }
  if (due.announce && notifier_ && !notifier_->selected().message_new_items.empty()) {
    const auto told = co_await tell_arrived(this, notifier_->selected().message_new_items, due.arrived);
    if (!told || !*told) co_return false;
  }
  if (wanted != nullptr && !wanted->flag_change) co_return true;
  const auto changed = grammar::NumberSet::of_sorted(due.changed);
  std::uint32_t from = 1;
  while (!changed.empty()) {
    const bool all = view.visit(changed, from, [&](std::uint32_t number, const store::MessageRow& row) {
      from = row.uid + 1;
      append_flags_of(number, row, uid);
      return out().size() < shared_->limits.window_bytes;
    });
    if (all) break;
    if (!co_await drain()) co_return false;
  }
  co_return true;
}

std::expected<Session::Named, Answer> Session::named_by(const grammar::SequenceSet& set, bool uid) {
  const auto& view = selected_->view;
  Named named;
  grammar::NumberSet asked;
  const bool by_number = !uid && !set.is_saved_result();
  if (set.is_saved_result()) {
    asked = selected_->saved_search;
  } else if (uid) {
    asked = set.resolve(view.largest_uid());
  } else {
    const auto numbers = set.resolve(view.exists());
    auto uids = view.uids_of(numbers);
    if (!uids) return std::unexpected(bad("There is no message of this number."));
    asked = std::move(*uids);
  }
  std::vector<std::uint32_t> there;
  view.visit(asked, 1, [&](std::uint32_t, const store::MessageRow& row) {
    there.push_back(row.uid);
    return true;
  });
  if (by_number) {
    named.some_are_gone = there.size() < set.resolve(view.exists()).count();
  }
  named.uids = grammar::NumberSet::of_sorted(there);
  return named;
}

}  // namespace pabal::server::imap
