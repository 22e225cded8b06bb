// NOTIFY (RFC 5465).
#include <algorithm>

#include "server/imap/commands.hpp"
#include "server/imap/notifier.hpp"

namespace pabal::server::imap {

namespace {

// RFC 5465 §3.1: all that there is, where one was asked for that isn't.
constexpr std::string_view kEvents =
    "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange "
    "ServerMetadataChange)";

bool has_unknown(const grammar::Notify& asked) {
  return std::ranges::any_of(
      asked.groups, [](const auto& group) { return group.events.annotation_change || !group.events.unknown.empty(); });
}

}  // namespace

Async<Answer> notify(Session* session, Command command) {
  auto& asked = std::get<grammar::Notify>(command.arguments);
  if (has_unknown(asked)) co_return no("There is no such event here.", std::string(kEvents));
  auto notifier = std::make_unique<Notifier>(*session, std::move(asked));
  if (const auto begun = co_await notifier->begin(); !begun) {
    if (begun.error().kind == ErrorKind::limit) co_return no("Too many mailboxes.", "NOTIFICATIONOVERFLOW");
    co_return refused(begun.error());
  }
  // What has happened until now belongs to what was wanted until now (§3.1: as a NOOP).
  if (const auto looked = co_await session->refresh(); !looked) co_return refused(looked.error());
  if (!co_await session->tell_changes({.uid = false, .own = true})) co_return lost();
  if (!co_await notifier->tell_beginning()) co_return lost();
  session->notify_by(std::move(notifier));
  co_return ok("Done.");
}

}  // namespace pabal::server::imap
