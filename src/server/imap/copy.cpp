// COPY and MOVE (RFC 9051 §6.4.7, §6.4.8).
#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/mailboxes.hpp"
#include "server/imap/message_limit.hpp"
#include "server/imap/uids.hpp"

namespace pabal::server::imap {

namespace {

// The UIDs as they were written: those of the source rise, and so do those of the target.
std::string code_of(const store::Copied& copied) {
  std::vector<std::uint32_t> from;
  std::vector<std::uint32_t> to;
  for (const auto& pair : copied.uids) {
    from.push_back(pair.from);
    to.push_back(pair.to);
  }
  return grammar::copy_uid_code(copied.uid_validity, grammar::NumberSet::of_sorted(from).text(),
                                grammar::NumberSet::of_sorted(to).text());
}

// RFC 9738 §3.1: of a COPY nothing is done where more are named than may be saved at once; the UID from which on the
// rest could have been.
std::optional<Answer> too_many(const Session& session, const grammar::NumberSet& uids) {
  const auto limit = session.limits().most_saved();
  if (limit == 0 || uids.count() <= limit) return std::nullopt;
  return no("Too many messages.", limit_code(limit, lowest_of(uids, limit)));
}

// RFC 9051 §6.4.7: one that isn't there may be made.
Answer not_there(Answer answer) {
  if (answer.code == "NONEXISTENT") answer.code = "TRYCREATE";
  return answer;
}

Answer failed(const Error& error) {
  auto answer = refused(error);
  if (error.kind == ErrorKind::not_found) answer.code = "TRYCREATE";
  return answer;
}

}  // namespace

Async<Answer> copy(Session* session, Command command) {
  const auto& arguments = std::get<grammar::Copy>(command.arguments);
  const auto named = session->named_by(arguments.set, command.uid);
  if (!named) co_return named.error();
  // RFC 9051 §6.4.7: a COPY that fails leaves the target as it was. UIDs that aren't there are passed over; numbers
  // whose letters are gone (RFC 5530: the client looks with NOOP) aren't.
  if (named->some_are_gone) co_return no("Some of the messages are gone.", "EXPUNGEISSUED");
  if (auto refused = too_many(*session, named->uids)) co_return std::move(*refused);
  const auto target = co_await find_mailbox(session, arguments.mailbox.text(), right::insert);
  if (!target) co_return not_there(target.error());
  const auto& selected = *session->selected();
  const auto done = co_await session->patiently(
      command.tag, session->store().copy(selected.place, selected.mailbox, ranges_of(named->uids), target->place,
                                         target->info.path, scope_of(target->rights)));
  if (!done) co_return failed(done.error());
  co_return ok("Copied.", done->uids.empty() ? std::string() : code_of(*done));
}

Async<Answer> move(Session* session, Command command) {
  const auto& arguments = std::get<grammar::Copy>(command.arguments);
  auto named = session->named_by(arguments.set, command.uid);
  if (!named) co_return named.error();
  const auto& selected = *session->selected();
  // RFC 6851 §4.5: the rights of COPY, of setting \Deleted and of EXPUNGE.
  constexpr auto kLeave = right::delete_messages | right::expunge;
  if ((selected.rights & kLeave) != kLeave) co_return not_permitted();
  const auto target = co_await find_mailbox(session, arguments.mailbox.text(), right::insert);
  if (!target) co_return not_there(target.error());
  auto limited = keep_to_limit(*session, named->uids);
  const auto done = co_await session->patiently(
      command.tag, session->store().move(selected.place, selected.mailbox, ranges_of(named->uids), target->place,
                                         target->info.path, scope_of(target->rights)));
  if (!done) co_return failed(done.error());
  // RFC 6851 §4.3: the new UIDs are told before the removals.
  if (!done->uids.empty()) {
    session->say(grammar::Condition::ok, code_of(*done), "Moved.");
  }
  if (auto looked = co_await session->refresh(); !looked) co_return refused(looked.error());
  if (!limited.empty()) co_return ok("As many as are allowed.", std::move(limited));
  // RFC 7162 §3.2: a removal as EXPUNGE's.
  const bool told = session->enabled().condstore && !done->uids.empty();
  co_return ok("Moved.", told ? fmt::format("HIGHESTMODSEQ {}", done->source_change.value) : std::string());
}

}  // namespace pabal::server::imap
