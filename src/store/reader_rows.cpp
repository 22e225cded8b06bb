// What a reader of another's mailbox has seen there. \Seen is each reader's own (RFC 4314 §5.2 leaves it to the server;
// most do so): a list of UIDs a reader and mailbox, as ranges in one row. When it changes, the messages take a new
// change number as for any other flag, so that MODSEQ and snapshots need to know nothing of readers. UIDs of messages
// that are gone stay in it: they are never given again.
#include <algorithm>

#include "store/change_log.hpp"
#include "store/delivery_rows.hpp"
#include "store/mailbox_rows.hpp"
#include "store/pending_flags.hpp"

namespace pabal::store {

namespace {

bool contains(const UidRanges& ranges, std::uint32_t uid) noexcept {
  const auto behind = std::ranges::upper_bound(ranges, uid, {}, &UidRange::first);
  return behind != ranges.begin() && std::prev(behind)->last >= uid;
}

// Ranges as rising numbers: where each begins and where what is behind it begins.
Result<void> write_seen(db::Connection& connection, const Place& place, MailboxId mailbox, const UidRanges& seen) {
  std::vector<std::int64_t> bounds;
  bounds.reserve(2 * seen.size());
  for (const auto& range : seen) {
    bounds.push_back(range.first);
    bounds.push_back(std::int64_t{range.last} + 1);
  }
  auto set = connection.run(
      "INSERT INTO reader_seen (account_id, mailbox_id, reader, seen) VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, "
      "mailbox_id, reader) DO UPDATE SET seen = excluded.seen",
      {place.account.value, mailbox.value, place.reader.value, db::Octets{encode_numbers(bounds)}});
  if (!set) return pass(set);
  return {};
}

Result<UidRanges> decode_seen(std::string_view octets) {
  auto bounds = decode_numbers(octets);
  if (!bounds) return pass(bounds);
  UidRanges seen;
  seen.reserve(bounds->size() / 2);
  for (std::size_t i = 0; i + 1 < bounds->size(); i += 2) {
    const auto first = (*bounds)[i];
    const auto last = (*bounds)[i + 1] - 1;
    if (last > UINT32_MAX) return fail(ErrorKind::io, "local error", "reader_seen: not a list of UIDs");
    seen.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last)});
  }
  return seen;
}

UidRanges without(const UidRanges& from, const UidRanges& gone) {
  UidRanges left;
  auto next = gone.begin();
  for (auto range : from) {
    while (next != gone.end() && next->last < range.first) ++next;
    bool rest = true;
    for (auto at = next; at != gone.end() && at->first <= range.last; ++at) {
      if (at->first > range.first) left.push_back({range.first, at->first - 1});
      if (at->last >= range.last) {
        rest = false;
        break;
      }
      range.first = at->last + 1;
    }
    if (rest) left.push_back(range);
  }
  return left;
}

UidRanges ranges_of(const std::vector<std::uint32_t>& rising) {
  UidRanges ranges;
  for (const auto uid : rising) {
    if (!ranges.empty() && ranges.back().last + 1 == uid) {
      ranges.back().last = uid;
    } else {
      ranges.push_back({uid, uid});
    }
  }
  return ranges;
}

// Sets or clears \Seen of these messages for the reader, under a change of theirs.
Result<ChangeNumber> mark(db::Connection& connection, const Place& place, MailboxId mailbox, const UidRanges& seen,
                          const std::vector<std::uint32_t>& marked, bool on) {
  const auto uids = ranges_of(marked);
  auto change = take_changes(connection, place.account);
  if (!change) return pass(change);
  // What is pending for them is older than this change: it would no longer count.
  if (auto folded = fold_flags(connection, place.account, mailbox, uids); !folded) return pass(folded);
  for (const auto& range : uids) {
    auto touched = connection.run(
        "UPDATE membership SET change = $1 WHERE account_id = $2 AND mailbox_id = $3 AND uid BETWEEN $4 AND $5",
        {change->value, place.account.value, mailbox.value, std::int64_t{range.first}, std::int64_t{range.last}});
    if (!touched) return pass(touched);
  }
  auto now = seen;
  if (on) {
    now.insert(now.end(), uids.begin(), uids.end());
    now = normalised(std::move(now));
  } else {
    now = without(seen, uids);
  }
  if (auto written = write_seen(connection, place, mailbox, now); !written) return pass(written);
  const std::vector<std::int64_t> rising(marked.begin(), marked.end());
  auto logged = log_change(connection, ChangeLog::changed, place.account, mailbox, *change, rising);
  if (!logged) return pass(logged);
  if (auto counted = count_mailbox(connection, place.account, mailbox, *change, {}); !counted) return pass(counted);
  return change;
}

// The bits of a set, those that came as names included.
Flags bits_of(const FlagSet& set) noexcept {
  auto bits = set.flags;
  for (const auto& name : set.keywords) bits |= flag_of_keyword(name);
  return bits;
}

bool is_prefix(const MailboxSnapshot::KeywordSets& a, const MailboxSnapshot::KeywordSets& b) {
  return a.size() <= b.size() && std::ranges::equal(a, std::span(b).first(a.size()));
}

}  // namespace

Result<UidRanges> read_seen(db::Connection& connection, const Place& place, MailboxId mailbox) {
  UidRanges seen;
  auto read =
      each_row(connection, "SELECT seen FROM reader_seen WHERE account_id = $1 AND mailbox_id = $2 AND reader = $3",
               {place.account.value, mailbox.value, place.reader.value}, [&](const db::Rows& row) -> Result<void> {
                 auto ranges = decode_seen(row.octets(0));
                 if (!ranges) return pass(ranges);
                 seen = std::move(*ranges);
                 return {};
               });
  if (!read) return pass(read);
  return seen;
}

void show_seen(const UidRanges& seen, std::span<MessageRow> rows) {
  auto range = seen.begin();
  for (auto& row : rows) {
    while (range != seen.end() && range->last < row.uid) ++range;
    const bool is = range != seen.end() && range->first <= row.uid;
    row.set_flags(is ? row.flags() | flag::seen : row.flags() & ~flag::seen);
  }
}

Result<std::uint64_t> count_unseen(db::Connection& connection, const Place& place, MailboxId mailbox) {
  auto seen = read_seen(connection, place, mailbox);
  if (!seen) return pass(seen);
  std::uint64_t unseen = 0;
  auto range = seen->begin();
  auto counted =
      each_row(connection, "SELECT uid FROM membership WHERE account_id = $1 AND mailbox_id = $2 ORDER BY uid",
               {place.account.value, mailbox.value}, [&](const db::Rows& row) -> Result<void> {
                 while (range != seen->end() && std::int64_t{range->last} < row.integer(0)) ++range;
                 if (range == seen->end() || std::int64_t{range->first} > row.integer(0)) ++unseen;
                 return {};
               });
  if (!counted) return pass(counted);
  return unseen;
}

Result<std::shared_ptr<const MailboxSnapshot>> read_as_seen(db::Connection& connection, const Place& place,
                                                            const std::shared_ptr<const MailboxSnapshot>& owners,
                                                            const std::shared_ptr<const MailboxSnapshot>& old) {
  auto seen = read_seen(connection, place, owners->head().mailbox);
  if (!seen) return pass(seen);
  // What the reader saw before is what he sees now, where no message's change is newer.
  const bool goes_on = old && old->head().uid_validity == owners->head().uid_validity &&
                       is_prefix(old->keyword_sets(), owners->keyword_sets());
  std::vector<MessageRow> rows;
  if (!goes_on) rows.reserve(owners->size());
  std::vector<std::uint32_t> removed;
  std::size_t before = 0;
  for (std::size_t at = 0; at < owners->size();) {
    const auto run = owners->run(at);
    at += run.size();
    for (const auto& row : run) {
      if (!goes_on || row.change > old->head().change) rows.push_back(row);
      if (!goes_on) continue;
      for (; before < old->size() && (*old)[before].uid < row.uid; ++before) removed.push_back((*old)[before].uid);
      if (before < old->size() && (*old)[before].uid == row.uid) ++before;
    }
  }
  show_seen(*seen, rows);
  if (!goes_on) return MailboxSnapshot::make(owners->head(), rows, owners->keyword_sets());
  for (; before < old->size(); ++before) removed.push_back((*old)[before].uid);
  return old->with(owners->head(), rows, removed, owners->keyword_sets());
}

Result<FlagsChanged> change_flags_of_reader(db::Connection& connection, const Place& place, MailboxId mailbox,
                                            const FlagChange& change) {
  // The account's row first, so that nothing that is read here changes before it is written.
  auto held = take_changes(connection, place.account, 0);
  if (!held) return pass(held);
  auto info = read_mailbox(connection, place.account, mailbox);
  if (!info) return pass(info);
  auto seen = read_seen(connection, place, mailbox);
  if (!seen) return pass(seen);
  auto rows = read_memberships(connection, place.account, mailbox, normalised(change.uids));
  if (!rows) return pass(rows);
  const bool named = (bits_of(change.flags) & change.scope.flags & flag::seen) != 0;
  const bool touches = named || (change.how == FlagsHow::replace && (change.scope.flags & flag::seen) != 0);
  const bool on = named && change.how != FlagsHow::remove;
  std::vector<std::uint32_t> marked;
  for (const auto& row : *rows) {
    const bool stays = change.unchanged_since && row.change > change.unchanged_since->value;
    if (touches && !stays && contains(*seen, row.uid) != on) marked.push_back(row.uid);
  }
  // All but \Seen changes as it does for the owner.
  auto others = change;
  others.scope.flags &= ~flag::seen;
  auto changed = change_flags(connection, place.account, mailbox, others);
  if (!changed) return pass(changed);
  if (!marked.empty()) {
    auto number = mark(connection, place, mailbox, *seen, marked, on);
    if (!number) return pass(number);
    changed->change = *number;
  }
  if (changed->change == info->change) return changed;
  // What this has changed, as the reader sees it now.
  auto now = read_seen(connection, place, mailbox);
  if (!now) return pass(now);
  auto difference = read_changes(connection, place.account, mailbox, info->change);
  if (!difference) return pass(difference);
  show_seen(*now, difference->rows);
  changed->changed = std::move(difference->rows);
  changed->keywords = std::move(difference->keywords);
  return changed;
}

Result<void> fit_copies(db::Connection& connection, const Place& from, const UidRanges& seen, const Place& to,
                        FlagScope scope, Copied& copied) {
  const bool readers = from.reader || to.reader;
  if (copied.uids.empty() || (scope.all() && !readers)) return {};
  std::vector<std::uint32_t> all;
  std::vector<std::uint32_t> unseen;
  std::vector<std::uint32_t> read;
  for (const auto& one : copied.uids) {
    all.push_back(one.to);
    if (from.reader) (contains(seen, one.from) ? read : unseen).push_back(one.to);
  }
  const Place owner{to.account, to.shard};
  const auto apply = [&](const Place& place, const std::vector<std::uint32_t>& uids, FlagsHow how, Flags flags,
                         FlagScope only) -> Result<void> {
    if (uids.empty()) return {};
    FlagChange change{.uids = ranges_of(uids), .how = how, .flags = {.flags = flags, .keywords = {}}, .scope = only};
    auto done = place.reader ? change_flags_of_reader(connection, place, copied.mailbox, change)
                             : change_flags(connection, place.account, copied.mailbox, change);
    if (!done) return pass(done);
    copied.change = std::max(copied.change, done->change);
    return {};
  };
  if (!from.reader && to.reader) {
    // What the copier's own mailbox showed as seen.
    auto rows = read_memberships(connection, to.account, copied.mailbox, ranges_of(all));
    if (!rows) return pass(rows);
    for (const auto& row : *rows) {
      auto is = is_seen(row.keywords);
      if (!is) return pass(is);
      if (*is) read.push_back(row.uid);
    }
  }
  if ((scope.flags & flag::seen) == 0) read.clear();
  // The flags that may not come along, and for the owner of the target also \Seen where it is another's.
  auto going = scope;
  if (to.reader) going.flags &= ~flag::seen;
  const FlagScope dropped{.flags = ~going.flags, .keywords = !going.keywords};
  if (!going.all()) {
    if (auto done = apply(owner, all, FlagsHow::replace, 0, dropped); !done) return done;
  }
  const FlagScope only_seen{.flags = flag::seen, .keywords = false};
  if (!to.reader && from.reader && (scope.flags & flag::seen) != 0) {
    if (auto done = apply(owner, unseen, FlagsHow::remove, flag::seen, only_seen); !done) return done;
  }
  if (!readers) return {};
  return apply(to, read, FlagsHow::add, flag::seen, only_seen);
}

Result<void> move_seen(db::Connection& connection, AccountId account, MailboxId from, const Copied& copied) {
  if (copied.uids.empty()) return {};
  struct Of {
    AccountId reader;
    UidRanges seen;
  };
  std::vector<Of> readers;
  auto read = each_row(connection, "SELECT reader, seen FROM reader_seen WHERE account_id = $1 AND mailbox_id = $2",
                       {account.value, from.value}, [&](const db::Rows& row) -> Result<void> {
                         auto ranges = decode_seen(row.octets(1));
                         if (!ranges) return pass(ranges);
                         readers.push_back({AccountId{row.integer(0)}, std::move(*ranges)});
                         return {};
                       });
  if (!read) return pass(read);
  for (const auto& one : readers) {
    const Place place{account, {}, one.reader};
    auto there = read_seen(connection, place, copied.mailbox);
    if (!there) return pass(there);
    const auto before = there->size();
    for (const auto& uid : copied.uids) {
      if (contains(one.seen, uid.from)) there->push_back({uid.to, uid.to});
    }
    if (there->size() == before) continue;
    if (auto set = write_seen(connection, place, copied.mailbox, normalised(std::move(*there))); !set) return set;
  }
  return {};
}

}  // namespace pabal::store
