// STORE (RFC 9051 §6.4.6; UNCHANGEDSINCE, RFC 7162 §3.1.3).
#include "server/imap/commands.hpp"
#include "server/imap/flags.hpp"
#include "server/imap/uids.hpp"

namespace pabal::server::imap {

namespace {

// RFC 9051 §6.4.6: the flags are told even where they were so before, unless the client wants silence. RFC 7162 §3.1.3:
// the new MODSEQ is told then too. What others changed in the meantime is told in any case.
Async<bool> tell_stored(Session* session, grammar::NumberSet uids, ChangeNumber change, bool silent, bool uid) {
  auto& view = session->selected()->view;
  const bool modseq = session->enabled().condstore;
  std::uint32_t from = 1;
  while (true) {
    std::vector<std::uint32_t> told;
    const bool all = view.visit(uids, from, [&](std::uint32_t number, const store::MessageRow& row) {
      from = row.uid + 1;
      if (silent && row.change > change) return true;
      told.push_back(row.uid);
      if (!silent) {
        session->append_flags_of(number, row, uid);
      } else if (modseq && row.change == change) {
        session->append_modseq_of(number, row, uid);
      }
      return session->out().size() < session->shared().limits.window_bytes;
    });
    view.known(grammar::NumberSet::of_sorted(told), view.snapshot());
    if (all) co_return true;
    if (!co_await session->drain()) co_return false;
  }
}

// The UIDs themselves, or the numbers by which the client knows them.
std::string named(const View& view, std::vector<std::uint32_t> uids, bool uid) {
  if (uid) return grammar::NumberSet::of_sorted(uids).text();
  std::vector<std::uint32_t> numbers;
  for (const auto one : uids) {
    if (const auto number = view.number_of(one)) numbers.push_back(*number);
  }
  return grammar::NumberSet::of_sorted(numbers).text();
}

}  // namespace

Async<Answer> store_flags(Session* session, Command command) {
  const auto& arguments = std::get<grammar::Store>(command.arguments);
  const auto uids = session->uids_of(arguments.set, command.uid);
  if (!uids) co_return uids.error();
  auto& selected = *session->selected();
  if (arguments.unchanged_since) session->enabled().condstore = true;
  store::FlagChange change{.uids = ranges_of(*uids),
                           .how = store::FlagsHow::replace,
                           .flags = flags_of(arguments.flags),
                           .unchanged_since = std::nullopt};
  if (arguments.how == grammar::Store::How::add) change.how = store::FlagsHow::add;
  if (arguments.how == grammar::Store::How::remove) change.how = store::FlagsHow::remove;
  if (arguments.unchanged_since) {
    change.unchanged_since =
        ChangeNumber{static_cast<std::int64_t>(std::min<std::uint64_t>(*arguments.unchanged_since, INT64_MAX))};
  }
  const auto done = co_await session->store().change_flags(session->user().place, selected.mailbox, std::move(change));
  if (!done) co_return refused(done.error());
  if (auto looked = co_await session->refresh(); !looked) co_return refused(looked.error());
  if (!co_await tell_stored(session, *uids, done->change, arguments.silent, command.uid)) co_return lost();
  auto answer = ok("Done.");
  if (!done->modified.empty()) {
    answer = ok("Some were changed in between.", "MODIFIED " + named(selected.view, done->modified, command.uid));
  }
  co_return answer;
}

}  // namespace pabal::server::imap
