// STORE (RFC 9051 §6.4.6; UNCHANGEDSINCE, RFC 7162 §3.1.3).
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/flags.hpp"
#include "server/imap/message_limit.hpp"
#include "server/imap/uids.hpp"

namespace pabal::server::imap {

namespace {

// A flag set with names in the form in which they are compared, and those that have bits as bits.
struct Comparable {
  store::Flags flags = 0;
  std::set<std::string> keywords;

  Comparable(store::Flags bits, const std::vector<std::string>& names) : flags(bits) {
    for (const auto& name : names) {
      const auto bit = store::flag_of_keyword(name);
      flags |= bit;
      if (bit == 0) keywords.insert(to_lower(name));
    }
  }
  friend bool operator==(const Comparable&, const Comparable&) = default;
};

// What a client that knew `was` takes the flags for after its command.
Comparable expected(Comparable was, store::FlagsHow how, const Comparable& flags) {
  if (how == store::FlagsHow::replace) return flags;
  if (how == store::FlagsHow::add) {
    was.flags |= flags.flags;
    was.keywords.insert(flags.keywords.begin(), flags.keywords.end());
    return was;
  }
  was.flags &= ~flags.flags;
  for (const auto& name : flags.keywords) was.keywords.erase(name);
  return was;
}

// What the client knew, and what it did.
struct Stored {
  std::shared_ptr<const store::MailboxSnapshot> before;
  std::vector<std::uint32_t> untold;  ///< what it didn't know of that
  store::FlagsHow how = store::FlagsHow::replace;
  Comparable flags{0, {}};
  store::FlagsChanged done;
  bool alone = false;  ///< the client knew all, and nobody else had a hand in it

  /// The row as this command left it; null where it left it alone. `at` is where the one before was found: rows are
  /// asked for in their order.
  [[nodiscard]] const store::MessageRow* mine(std::uint32_t uid, std::size_t& at) const {
    const auto& rows = done.changed;
    if (at < rows.size() && rows[at].uid < uid) ++at;
    if (at < rows.size() && rows[at].uid < uid) {
      at = static_cast<std::size_t>(std::ranges::lower_bound(rows, uid, {}, &store::MessageRow::uid) - rows.begin());
    }
    return at == rows.size() || rows[at].uid != uid ? nullptr : &rows[at];
  }
  /// The client can't but know how the row is now.
  [[nodiscard]] bool foreseen(const store::MessageRow& row, const store::MessageRow& left) const {
    if (alone) return left.change == row.change;
    const auto was = before->find(row.uid);
    if (!was || left.change != row.change || std::ranges::binary_search(untold, row.uid)) return false;
    const auto& old = (*before)[*was];
    return expected({old.flags(), before->keywords(old)}, how, flags) ==
           Comparable(left.flags(), done.keywords[left.keywords]);
  }
};

// RFC 9051 §6.4.6: the flags are told even where they were so before, unless the client wants silence; then only where
// others had changed them without its knowing. RFC 7162 §3.1.3: the new MODSEQ is told in silence, too.
Async<bool> tell_stored(Session* session, const grammar::NumberSet* uids, const Stored* stored, bool silent, bool uid) {
  auto& view = session->selected()->view;
  const bool modseq = session->enabled().condstore;
  std::uint32_t from = 1;
  // What others changed since is told in its turn, as is all that isn't told here.
  if (silent && stored->alone && !modseq) co_return true;
  std::vector<std::uint32_t> told;
  std::size_t at = 0;
  while (true) {
    const bool all = view.visit(*uids, from, [&](std::uint32_t number, const store::MessageRow& row) {
      from = row.uid + 1;
      const auto* mine = silent ? stored->mine(row.uid, at) : nullptr;
      // What it left alone is told like every other change.
      if (silent && mine == nullptr) return true;
      told.push_back(row.uid);
      if (!silent || !stored->foreseen(row, *mine)) {
        session->append_flags_of(number, row, uid);
      } else if (modseq) {
        session->append_modseq_of(number, row, uid);
      }
      return session->out().size() < session->shared().limits.window_bytes;
    });
    if (all) break;
    if (!co_await session->drain()) co_return false;
  }
  view.known(grammar::NumberSet::of_sorted(told), view.snapshot());
  co_return true;
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
  auto messages = session->named_by(arguments.set, command.uid);
  if (!messages) co_return messages.error();
  auto limited = keep_to_limit(*session, messages->uids);
  auto& selected = *session->selected();
  if (arguments.unchanged_since) session->enabled().condstore = true;
  auto how = store::FlagsHow::replace;
  if (arguments.how == grammar::Store::How::add) how = store::FlagsHow::add;
  if (arguments.how == grammar::Store::How::remove) how = store::FlagsHow::remove;
  auto flags = flags_of(arguments.flags);
  Stored stored{.before = selected.view.pointer(),
                .untold = selected.view.untold(),
                .how = how,
                .flags = Comparable(flags.flags, flags.keywords),
                .done = {}};
  // RFC 4314 §4: what may not be changed stays as it is; only where that is all there is to do it is refused.
  const auto scope = scope_of(selected.rights);
  const bool asked = flags.flags != 0 || !flags.keywords.empty();
  if (!scope.all()) flags = permitted(std::move(flags), scope);
  const bool left = flags.flags != 0 || !flags.keywords.empty();
  if ((asked && !left) || (scope.flags == 0 && !scope.keywords)) co_return no("You may not change these.", "NOPERM");
  store::FlagChange change{
      .uids = ranges_of(messages->uids), .how = how, .flags = std::move(flags), .unchanged_since = {}, .scope = scope};
  if (arguments.unchanged_since) {
    const auto most = std::min<std::uint64_t>(*arguments.unchanged_since, INT64_MAX);
    change.unchanged_since = ChangeNumber{static_cast<std::int64_t>(most)};
  }
  auto done = co_await session->patiently(
      command.tag, session->store().change_flags(selected.place, selected.mailbox, std::move(change)));
  if (!done) co_return refused(done.error());
  stored.done = std::move(*done);
  // New keywords have to be told first, as refresh() does.
  if (stored.done.snapshot && scope.all() && stored.untold.empty() &&
      selected.view.snapshot().head().change == stored.done.before &&
      selected.view.snapshot().keyword_sets() == stored.done.snapshot->keyword_sets()) {
    stored.alone = true;
    selected.view.take_own(stored.done.snapshot);
  }
  if (auto looked = co_await session->refresh(); !looked) co_return refused(looked.error());
  if (!co_await tell_stored(session, &messages->uids, &stored, arguments.silent, command.uid)) co_return lost();
  auto answer = limited.empty() ? ok("Done.") : ok("As many as are allowed.", limited);
  if (!stored.done.modified.empty()) {
    // An answer has one code.
    if (!limited.empty()) {
      session->say(grammar::Condition::ok, limited, "As many as are allowed.");
    }
    answer = ok("Some were changed in between.", "MODIFIED " + named(selected.view, stored.done.modified, command.uid));
  }
  co_return answer;
}

}  // namespace pabal::server::imap
