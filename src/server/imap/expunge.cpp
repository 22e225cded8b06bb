// EXPUNGE and UID EXPUNGE (RFC 9051 §6.4.3, §6.4.9).
#include "server/imap/commands.hpp"
#include "server/imap/message_limit.hpp"
#include "server/imap/uids.hpp"

namespace pabal::server::imap {

Async<Answer> expunge(Session* session, Command command) {
  auto& selected = *session->selected();
  if ((selected.rights & right::expunge) == 0) co_return no("You may not expunge here.", "NOPERM");
  store::UidRanges uids = {{}};
  std::string limited;
  if (command.uid) {
    auto named = session->named_by(std::get<grammar::Expunge>(command.arguments).set, true);
    if (!named) co_return named.error();
    limited = keep_to_limit(*session, named->uids);
    uids = ranges_of(named->uids);
  }
  const auto gone = co_await session->patiently(
      command.tag, session->store().expunge_deleted(selected.place, selected.mailbox, std::move(uids)));
  if (!gone) co_return refused(gone.error());
  if (auto looked = co_await session->refresh(); !looked) co_return refused(looked.error());
  if (!limited.empty()) co_return ok("As many as are allowed.", std::move(limited));
  co_return ok("Done.", session->enabled().condstore && !gone->uids.empty()
                            ? fmt::format("HIGHESTMODSEQ {}", gone->change.value)
                            : std::string());
}

}  // namespace pabal::server::imap
