// The flags of very many messages change: they are looked up in a snapshot, and one row says what became of them all.
#include <algorithm>
#include <unordered_map>

#include "store/change_log.hpp"
#include "store/mailbox_rows.hpp"
#include "store/pending_flags.hpp"

namespace pabal::store {

namespace {

// What becomes of all messages with the same flags.
struct Became {
  Flags flags = 0;
  std::uint32_t set = 0;
  bool same = false;
};

// Goes through the rows of a snapshot.
class ManyFlags {
 public:
  ManyFlags(const MailboxSnapshot& snapshot, const KeywordTable& table, const FlagEffect& effect)
      : snapshot_(&snapshot), table_(&table), effect_(&effect), sets_(table, {}) {}

  Result<void> take(const UidRanges& ranges, std::optional<ChangeNumber> unchanged_since) {
    for (const auto& range : ranges) {
      for (auto at = snapshot_->lower_bound(range.first); at < snapshot_->size();) {
        const auto rows = snapshot_->run(at, range.last);
        if (rows.empty() || rows.front().uid > range.last) break;
        at += rows.size();
        for (const auto& row : rows) {
          if (unchanged_since && row.change > *unchanged_since) {
            modified.push_back(row.uid);
          } else if (auto taken = take(row); !taken) {
            return taken;
          }
        }
      }
    }
    return {};
  }
  MailboxSnapshot::KeywordSets sets() && { return std::move(sets_).sets(); }

  std::vector<MessageRow> changed;
  std::vector<std::uint32_t> modified;
  MailboxCounts counts;

 private:
  Result<void> take(const MessageRow& row) {
    const auto key = (std::uint64_t{row.keywords} << 32) | row.flags();
    if (key != last_key_ || changed_.empty()) {
      auto known = changed_.find(key);
      if (known == changed_.end()) {
        auto became = became_of(row);
        if (!became) return pass(became);
        known = changed_.emplace(key, *became).first;
      }
      last_key_ = key;
      last_ = known->second;
    }
    if (last_.same) return {};
    auto now = row;
    now.keywords = last_.set;
    now.set_flags(last_.flags);
    const auto gained = [&](Flags one) {
      return ((now.flags() & one) != 0 ? 1 : 0) - ((row.flags() & one) != 0 ? 1 : 0);
    };
    counts.unseen -= gained(flag::seen);
    counts.deleted += gained(flag::deleted);
    counts.deleted_bytes += gained(flag::deleted) * static_cast<std::int64_t>(row.size());
    changed.push_back(now);
    return {};
  }

  Result<Became> became_of(const MessageRow& row) {
    const bool deleted = (row.flags() & flag::deleted) != 0;
    const auto before = table_->find({.flags = row.flags(), .keywords = snapshot_->keywords(row)});
    const auto after = effect_->keywords(before);
    const bool deleted_after = effect_->is_deleted(deleted);
    auto found = sets_.take(encode_keywords(after));
    if (!found) return pass(found);
    return Became{.flags = found->flags | (deleted_after ? flag::deleted : 0),
                  .set = found->set,
                  .same = deleted == deleted_after && before.flags == after.flags && before.own == after.own};
  }

  const MailboxSnapshot* snapshot_;
  const KeywordTable* table_;
  const FlagEffect* effect_;
  KeywordSetMaker sets_;
  std::unordered_map<std::uint64_t, Became> changed_;
  std::uint64_t last_key_ = 0;
  Became last_;
};

// Whether a message of the mailbox stands in others too, whose rows would have to be written as well.
Result<bool> has_shared(db::Connection& connection, AccountId account, MailboxId mailbox) {
  auto one = connection.number(kFirstSharedUid, {account.value, mailbox.value});
  if (!one) return pass(one);
  return one->has_value();
}

Result<bool> has_room(db::Connection& connection, AccountId account, MailboxId mailbox) {
  auto count = connection.number("SELECT COUNT(*) FROM pending_flags WHERE account_id = $1 AND mailbox_id = $2",
                                 {account.value, mailbox.value});
  if (!count) return pass(count);
  return count->value_or(0) < static_cast<std::int64_t>(kMostPending);
}

std::size_t within(const MailboxSnapshot& snapshot, const UidRanges& ranges) noexcept {
  std::size_t count = 0;
  for (const auto& range : ranges) {
    const auto end = range.last == UINT32_MAX ? snapshot.size() : snapshot.lower_bound(range.last + 1);
    count += end - std::min(snapshot.lower_bound(range.first), end);
  }
  return count;
}

UidRanges uids_of(std::span<const MessageRow> rows) {
  UidRanges uids;
  for (const auto& row : rows) {
    if (!uids.empty() && uids.back().last + 1 == row.uid) {
      uids.back().last = row.uid;
    } else {
      uids.push_back({row.uid, row.uid});
    }
  }
  return uids;
}

}  // namespace

Result<std::optional<FlagsChanged>> change_many_flags(db::Connection& connection, AccountId account, MailboxId mailbox,
                                                      const FlagChange& change,
                                                      std::shared_ptr<const MailboxSnapshot> base, std::size_t from) {
  const auto ranges = normalised(change.uids);
  if (!base || within(*base, ranges) < from) return std::nullopt;
  // The account's row first, so that nothing that is read here changes before it is written.
  if (auto held = take_changes(connection, account, 0); !held) return pass(held);
  auto shared = has_shared(connection, account, mailbox);
  if (!shared) return pass(shared);
  auto room = has_room(connection, account, mailbox);
  if (!room) return pass(room);
  if (*shared || !*room) return std::nullopt;
  auto read = read_snapshot(connection, account, mailbox, std::move(base), SIZE_MAX);
  if (!read) return pass(read);
  const auto snapshot = std::move(read->snapshot);
  auto table = KeywordTable::load(connection, account);
  if (!table) return pass(table);
  auto effect = effect_of(connection, *table, change);
  if (!effect) return pass(effect);
  ManyFlags many(*snapshot, *table, *effect);
  if (auto taken = many.take(ranges, change.unchanged_since); !taken) return pass(taken);
  if (many.changed.size() < from) return std::nullopt;
  const auto uids = encode_pending_uids(uids_of(many.changed));
  if (uids.empty()) return std::nullopt;
  auto number = take_changes(connection, account);
  if (!number) return pass(number);
  if (auto written = write_pending(connection, account, mailbox, *number, uids, *effect); !written) {
    return pass(written);
  }
  std::vector<std::int64_t> rising;
  rising.reserve(many.changed.size());
  for (auto& row : many.changed) {
    row.change = *number;
    rising.push_back(row.uid);
  }
  auto logged = log_change(connection, ChangeLog::changed, account, mailbox, *number, rising);
  if (!logged) return pass(logged);
  auto counted = count_mailbox(connection, account, mailbox, *number, many.counts);
  if (!counted) return pass(counted);
  FlagsChanged result;
  result.change = *number;
  result.before = snapshot->head().change;
  result.modified = std::move(many.modified);
  result.changed = std::move(many.changed);
  result.keywords = std::move(many).sets();
  return result;
}

}  // namespace pabal::store
