// SELECT, EXAMINE, CLOSE and UNSELECT (RFC 9051 §6.3.2, §6.3.3, §6.4.1, §6.4.2).
#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/flags.hpp"
#include "server/imap/mailboxes.hpp"
#include "server/imap/resync.hpp"
#include "server/imap/started.hpp"
#include "server/imap/url_auth.hpp"

namespace pabal::server::imap {

namespace {

void say_mailbox(Session& session, const store::MailboxSnapshot& snapshot, const store::MailboxInfo& mailbox,
                 std::string_view name, std::size_t recent) {
  auto& out = session.out();
  grammar::append_count(out, snapshot.size(), "EXISTS");
  if (!session.enabled().rev2) {
    grammar::append_count(out, recent, "RECENT");
    // RFC 3501 §7.1; RFC 9586 §3.5: not as a number.
    const auto unseen = session.enabled().uid_only ? std::nullopt : snapshot.first_unseen();
    if (unseen) {
      session.say(grammar::Condition::ok, fmt::format("UNSEEN {}", *unseen + 1), "First unseen.");
    }
  }
  const auto& head = snapshot.head();
  session.say(grammar::Condition::ok, fmt::format("UIDVALIDITY {}", head.uid_validity), "Valid.");
  session.say(grammar::Condition::ok, fmt::format("UIDNEXT {}", head.uid_next), "Next.");
  session.say(grammar::Condition::ok, fmt::format("HIGHESTMODSEQ {}", head.change.value), "Highest.");
  // RFC 4467 §8: not where others could listen.
  if (session.facts().plaintext_allowed) {
    session.say(grammar::Condition::ok, kUrlMechanisms, "Mechanisms.");
  }
  session.say(grammar::Condition::ok, fmt::format("MAILBOXID (F{})", mailbox.id.value), "Id.");
  if (session.enabled().rev2) {
    // RFC 9051 §6.3.2: the LIST that tells its name and attributes.
    grammar::append_list(out, "LIST", "", name, "", session.form());
  }
}

// RFC 4314 §5.1.1: what the user may change.
std::string permanent_flags(const std::vector<std::string>& keywords, bool examined, Rights rights) {
  const auto scope = scope_of(rights);
  if (examined || (rights & right::any_change) == 0) return "PERMANENTFLAGS ()";
  const auto flags = flags_in_use(keywords, scope);
  return fmt::format("PERMANENTFLAGS ({}{}{})", flags, scope.keywords && !flags.empty() ? " " : "",
                     scope.keywords ? "\\*" : "");
}

// The first UID that the store knew nobody was told of, if it is now told that all are. Mostly there is none, and no
// write.
Async<std::optional<std::uint32_t>> take_recent(Session* session, store::Place place, store::MailboxInfo mailbox,
                                                bool takes) {
  if (!takes || mailbox.first_recent_uid == mailbox.uid_next) co_return std::nullopt;
  const auto taken = co_await session->store().take_recent(place, mailbox.id);
  // A store that takes no writes keeps nobody from reading.
  if (!taken) co_return std::nullopt;
  co_return *taken;
}

}  // namespace

void append_permanent_flags(Session& session) {
  const auto& selected = *session.selected();
  session.say(grammar::Condition::ok, permanent_flags(selected.keywords, selected.examined, selected.rights), "Flags.");
}

Async<Answer> select(Session* session, Command command) {
  auto& arguments = std::get<grammar::Select>(command.arguments);
  const bool examined = command.verb == Verb::examine;
  // RFC 9051 §6.3.2: the present one is left even where the new one can't be had.
  if (session->selected()) {
    session->selected().reset();
    session->say(grammar::Condition::ok, "CLOSED", "The other mailbox is closed.");
  }
  // Before what is looked at, so that nothing is missed.
  static_cast<void>(session->news().take());
  const auto located = co_await locate(session, arguments.mailbox.text());
  if (!located) co_return refused(located.error());
  store::Watch watch;
  if (located->place.reader) {
    watch = session->store().watch(located->place.account,
                                   [news = session->news_of_watch()](AccountId, ChangeNumber) { News::tell(news); });
  }
  const auto opened = co_await find_mailbox(session, arguments.mailbox.text(), right::read);
  if (!opened) co_return opened.error();
  const auto place = opened->place;
  const auto* found = &opened->info;
  const bool takes_recent = !examined && !place.reader && !session->enabled().rev2;
  const auto resets = session->shared().url_keys.now();
  const auto [taken, snapshot] =
      co_await both(co_await asio::this_coro::executor, take_recent(session, place, *found, takes_recent),
                    session->store().snapshot(place, found->id));
  if (!snapshot) co_return refused(snapshot.error());
  auto recent_from = taken.value_or(found->first_recent_uid);
  const bool stored = taken || found->first_recent_uid == found->uid_next;
  if (arguments.condstore) session->enabled().condstore = true;
  const auto behind = (*snapshot)->head().uid_next;
  const auto key = session->recents_key(found->id);
  auto& recents = session->shared().recents;
  if (place.reader) {
    // Messages are recent to their owner alone.
    recent_from = behind;
  } else if (!takes_recent) {
    recent_from = recents.first_unclaimed(key, recent_from);
  } else {
    recent_from = recents.claim(key, recent_from, behind);
    if (stored) recents.settle(key, found->uid_next);
  }
  const auto recent = (*snapshot)->size() - (*snapshot)->lower_bound(recent_from);
  const auto rights = opened->rights;
  const auto& name = place.reader ? arguments.mailbox.text() : found->path;
  auto keywords = (*snapshot)->keyword_names();
  session->out().append("* FLAGS (").append(flags_in_use(keywords)).append(")\r\n");
  session->say(grammar::Condition::ok, permanent_flags(keywords, examined, rights), "Flags.");
  say_mailbox(*session, **snapshot, *found, name, recent);
  session->selected().emplace(Selected{.place = place,
                                       .mailbox = found->id,
                                       .path = name,
                                       .rights = rights,
                                       .examined = examined,
                                       .read_only = examined || (rights & right::any_change) == 0,
                                       .synced = (*snapshot)->head().change,
                                       .keywords = std::move(keywords),
                                       .view = View(*snapshot),
                                       .saved_search = {},
                                       .watch = std::move(watch),
                                       .key_resets = resets});
  if (recent_from < behind) session->selected()->view.add_recent({recent_from, behind - 1});
  if (arguments.qresync) {
    const auto told = co_await tell_resync(session, std::move(*arguments.qresync));
    if (!told) {
      session->selected().reset();
      co_return refused(told.error());
    }
    if (!*told) co_return lost();
  }
  if (session->enabled().metadata) {
    if (const auto looked = co_await session->refresh(); !looked) co_return refused(looked.error());
  }
  // RFC 4314 §5.2: what only the reader himself sees makes no mailbox writable.
  const bool written = !examined && (rights & right::shared_change) != 0;
  co_return ok(examined ? ClientText("Opened to look.") : ClientText("Opened."), written ? "READ-WRITE" : "READ-ONLY");
}

Async<Answer> close(Session* session, Command command) {
  auto& selected = *session->selected();
  // RFC 4314 §4: without the right to expunge CLOSE only closes.
  if (command.verb == Verb::close && !selected.read_only && (selected.rights & right::expunge) != 0) {
    const auto gone = co_await session->store().expunge_deleted(selected.place, selected.mailbox, {{}});
    if (!gone) co_return refused(gone.error());
  }
  session->selected().reset();
  co_return ok("Closed.");
}

}  // namespace pabal::server::imap
