// SELECT, EXAMINE, CLOSE and UNSELECT (RFC 9051 §6.3.2, §6.3.3, §6.4.1, §6.4.2).
#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/flags.hpp"
#include "server/imap/resync.hpp"

namespace pabal::server::imap {

namespace {

void say_mailbox(Session& session, const store::MailboxSnapshot& snapshot, const store::MailboxInfo& mailbox,
                 bool read_only, std::size_t recent) {
  auto& out = session.out();
  append_flags_in_use(out, flags_in_use(snapshot), read_only);
  grammar::append_count(out, snapshot.size(), "EXISTS");
  if (!session.enabled().rev2) {
    grammar::append_count(out, recent, "RECENT");
    // RFC 3501 §7.1; RFC 9586 §3.5: not as a number.
    const auto unseen = session.enabled().uid_only ? std::nullopt : snapshot.first_unseen();
    if (unseen) {
      grammar::append_untagged(out, grammar::Condition::ok, fmt::format("UNSEEN {}", *unseen + 1), "First unseen.");
    }
  }
  const auto& head = snapshot.head();
  grammar::append_untagged(out, grammar::Condition::ok, fmt::format("UIDVALIDITY {}", head.uid_validity), "Valid.");
  grammar::append_untagged(out, grammar::Condition::ok, fmt::format("UIDNEXT {}", head.uid_next), "Next.");
  grammar::append_untagged(out, grammar::Condition::ok, fmt::format("HIGHESTMODSEQ {}", head.change.value), "Highest.");
  grammar::append_untagged(out, grammar::Condition::ok, fmt::format("MAILBOXID (F{})", mailbox.id.value), "Id.");
  if (session.enabled().rev2) {
    // RFC 9051 §6.3.2: the LIST that tells its name and attributes.
    grammar::append_list(out, "LIST", "", mailbox.path, "", session.form());
  }
}

}  // namespace

Async<Answer> select(Session* session, Command command) {
  auto& arguments = std::get<grammar::Select>(command.arguments);
  const bool read_only = command.verb == Verb::examine;
  // RFC 9051 §6.3.2: the present one is left even where the new one can't be had.
  if (session->selected()) {
    session->selected().reset();
    grammar::append_untagged(session->out(), grammar::Condition::ok, "CLOSED", "The other mailbox is closed.");
  }
  const auto place = session->user().place;
  const auto found = co_await session->store().find_mailbox(place, arguments.mailbox.text());
  if (!found) co_return refused(found.error());
  auto recent_from = found->first_recent_uid;
  bool stored = false;
  if (!read_only && !session->enabled().rev2) {
    const auto taken = co_await session->store().take_recent(place, found->id);
    // A store that takes no writes keeps nobody from reading.
    if (taken) recent_from = *taken;
    stored = taken.has_value();
  }
  static_cast<void>(session->news().take());
  const auto snapshot = co_await session->store().snapshot(place, found->id);
  if (!snapshot) co_return refused(snapshot.error());
  if (arguments.condstore) session->enabled().condstore = true;
  const auto behind = (*snapshot)->head().uid_next;
  const auto key = session->recents_key(found->id);
  auto& recents = session->shared().recents;
  if (read_only || session->enabled().rev2) {
    recent_from = recents.first_unclaimed(key, recent_from);
  } else {
    recent_from = recents.claim(key, recent_from, behind);
    if (stored) recents.settle(key, found->uid_next);
  }
  const auto recent = (*snapshot)->size() - (*snapshot)->lower_bound(recent_from);
  say_mailbox(*session, **snapshot, *found, read_only, recent);
  session->selected().emplace(Selected{.mailbox = found->id,
                                       .path = found->path,
                                       .read_only = read_only,
                                       .synced = (*snapshot)->head().change,
                                       .keyword_sets = (*snapshot)->keyword_sets().size(),
                                       .flags_told = std::hash<std::string>()(flags_in_use(**snapshot)),
                                       .view = View(*snapshot),
                                       .saved_search = {}});
  if (recent_from < behind) session->selected()->view.add_recent({recent_from, behind - 1});
  if (arguments.qresync) {
    const auto told = co_await tell_resync(session, std::move(*arguments.qresync));
    if (!told) {
      session->selected().reset();
      co_return refused(told.error());
    }
    if (!*told) co_return lost();
  }
  co_return ok(read_only ? "Opened to look." : "Opened.", read_only ? "READ-ONLY" : "READ-WRITE");
}

Async<Answer> close(Session* session, Command command) {
  auto& selected = *session->selected();
  if (command.verb == Verb::close && !selected.read_only) {
    const auto gone = co_await session->store().expunge_deleted(session->user().place, selected.mailbox, {{}});
    if (!gone) co_return refused(gone.error());
  }
  session->selected().reset();
  co_return ok("Closed.");
}

}  // namespace pabal::server::imap
