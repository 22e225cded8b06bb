#include "server/imap/resync.hpp"

#include <algorithm>

#include "imap/response.hpp"

namespace pabal::server::imap {

namespace {

using grammar::NumberSet;

// Ranges of one line: a client may have a limit for lines, and we have a window.
constexpr std::size_t kRangesALine = 500;

ChangeNumber change_of(std::uint64_t modseq) {
  return ChangeNumber{static_cast<std::int64_t>(std::min<std::uint64_t>(modseq, INT64_MAX))};
}

// All that the client could know: 1 to UIDNEXT less one; empty where nothing ever was there.
NumberSet all_uids(const store::MailboxSnapshot& snapshot) {
  const auto next = snapshot.head().uid_next;
  return next > 1 ? NumberSet{{.first = 1, .last = next - 1}} : NumberSet();
}

// Of these UIDs those that no message has.
NumberSet without_messages(const store::MailboxSnapshot& snapshot, const NumberSet& among) {
  NumberSet out;
  for (const auto& range : among.ranges()) {
    std::uint64_t next = range.first;  // the least that isn't decided
    for (auto at = snapshot.lower_bound(range.first); at < snapshot.size() && snapshot[at].uid <= range.last;) {
      const auto run = snapshot.run(at);
      for (const auto& row : run) {
        if (row.uid > range.last) break;
        if (row.uid > next) out.add({.first = static_cast<std::uint32_t>(next), .last = row.uid - 1});
        next = std::uint64_t{row.uid} + 1;
      }
      at += run.size();
    }
    if (next <= range.last) out.add({.first = static_cast<std::uint32_t>(next), .last = range.last});
  }
  return out;
}

// §3.2.5.2: the largest UID that the client knows by the right number. Up to it nothing has vanished without its
// knowing. Between two of its numbers at least as many UIDs lie, so within a run of both the difference never falls.
std::uint32_t last_match(const store::MailboxSnapshot& snapshot, const NumberSet& numbers, const NumberSet& uids) {
  std::uint32_t found = 0;
  auto number = numbers.ranges().begin();
  auto uid = uids.ranges().begin();
  std::uint64_t number_done = 0;  // of the range
  std::uint64_t uid_done = 0;
  while (number != numbers.ranges().end() && uid != uids.ranges().end()) {
    const auto count = std::min(number->size() - number_done, uid->size() - uid_done);
    const auto first_number = number->first + number_done;
    const auto first_uid = uid->first + uid_done;
    // How many of the run are at most at the UID that they should have.
    const auto there = first_number > snapshot.size() ? 0 : std::min(count, snapshot.size() - first_number + 1);
    std::uint64_t low = 0;
    std::uint64_t high = there;
    while (low < high) {
      const auto middle = (low + high) / 2;
      if (snapshot[first_number - 1 + middle].uid <= first_uid + middle) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low > 0 && snapshot[first_number - 1 + low - 1].uid == first_uid + low - 1) {
      found = static_cast<std::uint32_t>(first_uid + low - 1);
    }
    number_done += count;
    uid_done += count;
    if (number_done == number->size()) {
      ++number;
      number_done = 0;
    }
    if (uid_done == uid->size()) {
      ++uid;
      uid_done = 0;
    }
  }
  return found;
}

// Of the UIDs asked for those that are gone since: of a change that is too long ago all that aren't there and lie above
// `known_up_to`.
NumberSet vanished(const View& view, const NumberSet& among, const store::MailboxChanges& changes,
                   std::uint32_t known_up_to) {
  const auto& snapshot = view.snapshot();
  NumberSet gone;
  if (changes.forgotten) {
    auto asked = among;
    if (known_up_to > 0) asked = among.without({{.first = 1, .last = known_up_to}});
    gone = without_messages(snapshot, asked.intersect(all_uids(snapshot)));
  } else {
    std::vector<std::uint32_t> uids;
    for (const auto uid : changes.removed) {
      // What went after the snapshot was made is told as every other removal.
      if (among.contains(uid) && !snapshot.find(uid)) uids.push_back(uid);
    }
    gone = NumberSet::of_sorted(uids);
  }
  return view.has_gone() ? gone.without(NumberSet::of_sorted(view.gone())) : gone;
}

// Those of the UIDs that have changed since.
NumberSet changed(const View& view, const NumberSet& among, const store::MailboxChanges& changes, ChangeNumber since) {
  std::vector<std::uint32_t> uids;
  if (!changes.forgotten) {
    for (const auto& row : changes.rows) {
      if (among.contains(row.uid) && view.number_of(row.uid)) uids.push_back(row.uid);
    }
  } else {
    view.visit(among, 1, [&](std::uint32_t, const store::MessageRow& row) {
      if (row.change > since) uids.push_back(row.uid);
      return true;
    });
  }
  return NumberSet::of_sorted(uids);
}

}  // namespace

Async<bool> say_vanished(Session* session, const NumberSet* uids, bool earlier) {
  const auto& ranges = uids->ranges();
  for (std::size_t at = 0; at < ranges.size(); at += kRangesALine) {
    const auto some = std::span(ranges).subspan(at, std::min(kRangesALine, ranges.size() - at));
    grammar::append_vanished(session->out(), NumberSet::of_ranges({some.begin(), some.end()}), earlier);
    if (!co_await session->drain()) co_return false;
  }
  co_return true;
}

Async<Result<bool>> tell_resync(Session* session, grammar::Qresync known) {
  auto& selected = *session->selected();
  const auto& snapshot = selected.view.snapshot();
  if (snapshot.head().uid_validity != known.uid_validity) co_return true;
  const auto since = change_of(known.modseq);
  const auto changes = co_await session->store().changes_since(selected.place, selected.mailbox, since);
  if (!changes) co_return pass(changes);
  const auto among = known.known_uids ? *known.known_uids : all_uids(snapshot);
  const auto matched = known.match ? last_match(snapshot, known.match->first, known.match->second) : 0;
  const auto gone = vanished(selected.view, among, *changes, matched);
  if (!co_await say_vanished(session, &gone, true)) co_return false;
  const auto told = changed(selected.view, among, *changes, since);
  std::uint32_t from = 1;
  while (true) {
    const bool all = selected.view.visit(told, from, [&](std::uint32_t number, const store::MessageRow& row) {
      from = row.uid + 1;
      session->append_flags_of(number, row, true);
      return session->out().size() < session->shared().limits.window_bytes;
    });
    if (all) co_return true;
    if (!co_await session->drain()) co_return false;
  }
}

Async<Result<bool>> tell_vanished(Session* session, const grammar::SequenceSet* among, std::uint64_t since) {
  const auto& selected = *session->selected();
  const auto changes = co_await session->store().changes_since(selected.place, selected.mailbox, change_of(since));
  if (!changes) co_return pass(changes);
  const auto all = all_uids(selected.view.snapshot());
  const auto asked = among->is_saved_result() ? selected.saved_search : among->resolve(all.empty() ? 0 : all.max());
  const auto gone = vanished(selected.view, asked.intersect(all), *changes, 0);
  co_return co_await say_vanished(session, &gone, true);
}

}  // namespace pabal::server::imap
