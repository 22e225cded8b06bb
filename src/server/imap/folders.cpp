// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8; RFC 6154; RFC 8474).
#include "base/text.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/mailboxes.hpp"

namespace pabal::server::imap {

namespace {

// RFC 9208 §4: a limit that QUOTA tells of.
Answer not_made(const Error& error) {
  if (error.kind == ErrorKind::limit) return no("Too many mailboxes.", "OVERQUOTA");
  return refused(error);
}

}  // namespace

Async<Answer> create(Session* session, Command command) {
  auto& arguments = std::get<grammar::Create>(command.arguments);
  if (!arguments.mailbox.may_be_created()) co_return no("Such a name can't be given.", "CANNOT");
  std::string role;
  for (const auto& use : arguments.special_use) {
    const auto found = store::role_of_special_use(use);
    // RFC 6154 §3: one that can't be given refuses the whole.
    if (!found || !role.empty()) co_return no("Not this special use.", "USEATTR");
    role = *found;
  }
  const auto room = co_await find_room(session, arguments.mailbox.text());
  if (!room) co_return room.error();
  // Special uses are the owner's affair.
  if (room->place.reader && !role.empty()) co_return no("Not in another's mailboxes.", "USEATTR");
  auto made = co_await session->store().create_mailbox(room->place, room->path, std::move(role));
  if (!made && made.error().kind == ErrorKind::state) co_return no("Another mailbox has this special use.", "USEATTR");
  if (!made) co_return not_made(made.error());
  co_return ok("Made.", fmt::format("MAILBOXID (F{})", made->id.value));
}

Async<Answer> delete_mailbox(Session* session, Command command) {
  const auto& name = std::get<grammar::OnMailbox>(command.arguments).mailbox;
  const auto found = co_await find_mailbox(session, name.text(), right::delete_mailbox);
  if (!found) co_return found.error();
  const auto gone = co_await session->store().delete_mailbox(found->place, found->info.path, found->info.id);
  if (!gone && gone.error().kind == ErrorKind::state) co_return no("There are mailboxes below it.", "HASCHILDREN");
  if (!gone) co_return refused(gone.error());
  const auto& selected = session->selected();
  if (selected && selected->place.account == found->place.account && selected->mailbox == found->info.id) {
    session->selected().reset();
    session->say(grammar::Condition::ok, "CLOSED", "It was the open one.");
  }
  co_return ok("Deleted.");
}

Async<Answer> rename(Session* session, Command command) {
  auto& arguments = std::get<grammar::Rename>(command.arguments);
  if (!arguments.to.may_be_created()) co_return no("Such a name can't be given.", "CANNOT");
  const auto found = co_await find_mailbox(session, arguments.from.text(), right::delete_mailbox);
  if (!found) co_return found.error();
  // All messages of INBOX move to a mailbox with another list of rights (RFC 9051 §6.3.6): that is more than a name.
  constexpr auto kTake = right::read | right::delete_messages | right::expunge;
  if (found->place.reader && found->info.path == "INBOX" && (found->rights & kTake) != kTake) {
    co_return not_permitted();
  }
  const auto room = co_await find_room(session, arguments.to.text());
  if (!room) co_return room.error();
  if (room->place.account != found->place.account) co_return no("Mailboxes stay with their owner.", "CANNOT");
  const auto done =
      co_await session->store().rename_mailbox(found->place, found->info.path, room->path, found->info.id);
  if (!done) co_return not_made(done.error());
  // Under the new name the open one's UIDs may be worth nothing.
  const auto& selected = session->selected();
  if (selected && selected->place.account == found->place.account) {
    const auto looked = co_await session->refresh();
    if (!looked && looked.error().kind == ErrorKind::state) {
      session->selected().reset();
      session->say(grammar::Condition::ok, "CLOSED", "The mailbox was renamed.");
    }
  }
  co_return ok("Renamed.");
}

Async<Answer> subscribe(Session* session, Command command) {
  const auto& name = std::get<grammar::OnMailbox>(command.arguments).mailbox;
  const auto done =
      co_await session->store().subscribe(session->user().place, name.text(), command.verb == Verb::subscribe);
  if (!done) co_return refused(done.error());
  co_return ok("Done.");
}

}  // namespace pabal::server::imap
