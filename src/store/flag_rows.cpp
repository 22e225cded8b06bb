// Flags and keywords of messages change: many rows at once with few statements.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "store/blobs.hpp"
#include "store/change_log.hpp"
#include "store/mailbox_rows.hpp"

namespace pabal::store {

namespace {

// A row's new state; many rows have the same.
struct State {
  std::string keywords;
  bool deleted = false;
  friend auto operator<=>(const State&, const State&) = default;
};

// Runs from this length on get a statement of their own; shorter ones go in lists.
constexpr std::size_t kRun = 16;

class FlagWrite {
 public:
  FlagWrite(db::Connection& connection, AccountId account, MailboxId mailbox, ChangeNumber change)
      : connection_(&connection), account_(account), mailbox_(mailbox), change_(change) {}

  // A row that gets this state. `next`: it follows the row before it in the mailbox, with none between.
  Result<void> add(const State& state, std::uint32_t uid, bool next) {
    if (!next || state_ != &state) {
      if (auto ended = end_run(); !ended) return ended;
      state_ = &state;
    }
    run_.push_back(uid);
    return {};
  }
  Result<void> finish() {
    if (auto ended = end_run(); !ended) return ended;
    for (auto& [state, uids] : lists_) {
      if (auto written = write_list(*state, uids); !written) return written;
    }
    return {};
  }

 private:
  Result<void> end_run() {
    if (run_.empty()) return {};
    if (run_.size() < kRun) {
      auto& list = lists_[state_];
      list.insert(list.end(), run_.begin(), run_.end());
    } else {
      auto written = connection_->run(
          "UPDATE membership SET keywords = $1, deleted = $2, change = $3 WHERE account_id = $4 AND mailbox_id = $5 "
          "AND "
          "uid BETWEEN $6 AND $7",
          {db::Octets{state_->keywords}, std::int64_t{state_->deleted}, change_.value, account_.value, mailbox_.value,
           std::int64_t{run_.front()}, std::int64_t{run_.back()}});
      if (!written) return pass(written);
    }
    run_.clear();
    return {};
  }

  Result<void> write_list(const State& state, std::span<const std::uint32_t> uids) {
    static const std::string sql = fmt::format(
        "UPDATE membership SET keywords = $1, deleted = $2, change = $3 WHERE account_id = $4 AND mailbox_id = $5 AND "
        "uid IN ({})",
        number_list(6));
    for (std::size_t at = 0; at < uids.size(); at += kListed) {
      std::array<db::Parameter, kListed + 5> parameters{db::Octets{state.keywords}, std::int64_t{state.deleted},
                                                        change_.value, account_.value, mailbox_.value};
      for (std::size_t i = 0; i < kListed; ++i)
        parameters[i + 5] = std::int64_t{uids[std::min(at + i, uids.size() - 1)]};
      auto written = connection_->run(sql, parameters);
      if (!written) return pass(written);
    }
    return {};
  }

  db::Connection* connection_;
  AccountId account_;
  MailboxId mailbox_;
  ChangeNumber change_;
  const State* state_ = nullptr;
  std::vector<std::uint32_t> run_;
  std::map<const State*, std::vector<std::uint32_t>> lists_;
};

KeywordNumbers changed(KeywordNumbers now, const KeywordNumbers& by, FlagsHow how, FlagScope scope) {
  std::vector<std::int64_t> own;
  switch (how) {
    case FlagsHow::replace:
      if (scope.all()) return by;
      return {(now.flags & ~scope.flags) | (by.flags & scope.flags), scope.keywords ? by.own : std::move(now.own)};
    case FlagsHow::add:
      now.flags |= by.flags;
      std::ranges::set_union(now.own, by.own, std::back_inserter(own));
      break;
    case FlagsHow::remove:
      now.flags &= ~by.flags;
      std::ranges::set_difference(now.own, by.own, std::back_inserter(own));
      break;
  }
  now.own = std::move(own);
  return now;
}

bool changed(bool deleted, bool by, FlagsHow how, FlagScope scope) {
  if (how == FlagsHow::replace) return (scope.flags & flag::deleted) != 0 ? by : deleted;
  return by ? how == FlagsHow::add : deleted;
}

// What each distinct list of keywords becomes; the encoded forms are looked up, not decoded, for each row.
class Changer {
 public:
  Changer(const KeywordTable& table, KeywordNumbers by, bool deleted, FlagsHow how, FlagScope scope)
      : table_(&table), by_(std::move(by)), deleted_(deleted), how_(how), scope_(scope) {}

  Result<const State*> state(const MembershipRow& row) {
    auto known = known_.find(Key{row.keywords, row.deleted});
    if (known == known_.end()) {
      auto now = table_->decode(row.keywords);
      if (!now) return pass(now);
      State state{encode_keywords(changed(*now, by_, how_, scope_)), changed(row.deleted, deleted_, how_, scope_)};
      known = known_.emplace(Key{row.keywords, row.deleted}, &*states_.insert(std::move(state)).first).first;
    }
    return known->second;
  }

 private:
  using Key = std::pair<std::string, bool>;
  const KeywordTable* table_;
  KeywordNumbers by_;
  bool deleted_;
  FlagsHow how_;
  FlagScope scope_;
  std::set<State> states_;
  std::map<Key, const State*> known_;
};

// UIDs that changed in other mailboxes than the one that was asked for.
using Elsewhere = std::map<MailboxId, std::vector<std::int64_t>>;

// The keywords are the email's: the other mailboxes where it stands show them too, under the same change.
Result<void> change_elsewhere(db::Connection& connection, AccountId account, MailboxId mailbox,
                              const MembershipRow& row, const State& state, ChangeNumber change, Elsewhere& elsewhere) {
  auto standings = read_standings(connection, account, row.email);
  if (!standings) return pass(standings);
  auto before = is_seen(row.keywords);
  if (!before) return pass(before);
  auto after = is_seen(state.keywords);
  if (!after) return pass(after);
  for (const auto& standing : *standings) {
    if (standing.mailbox == mailbox) continue;
    auto written = connection.run(
        "UPDATE membership SET keywords = $4, change = $5 WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
        {account.value, standing.mailbox.value, standing.uid, db::Octets{state.keywords}, change.value});
    if (!written) return pass(written);
    elsewhere[standing.mailbox].push_back(standing.uid);
    MailboxCounts counts;
    counts.unseen = std::int64_t{*before} - std::int64_t{*after};
    if (auto counted = count_mailbox(connection, account, standing.mailbox, change, counts); !counted) return counted;
  }
  return {};
}

struct Chosen {
  const MembershipRow* row = nullptr;
  const State* state = nullptr;
  std::size_t place = 0;  ///< among all that were read
};

Result<void> write_states(db::Connection& connection, AccountId account, MailboxId mailbox,
                          std::span<const Chosen> chosen, const UidRanges& ranges, ChangeNumber change) {
  FlagWrite write(connection, account, mailbox, change);
  std::size_t before = SIZE_MAX;
  auto range = ranges.begin();
  MailboxCounts counts;
  Elsewhere elsewhere;
  std::vector<std::int64_t> own;
  own.reserve(chosen.size());
  for (const auto& one : chosen) {
    own.push_back(one.row->uid);
    // Rows of two ranges may have others between them that were not read.
    bool same_range = true;
    while (range->last < one.row->uid) {
      ++range;
      same_range = false;
    }
    if (auto added = write.add(*one.state, one.row->uid, same_range && before + 1 == one.place); !added) return added;
    before = one.place;
    auto was = counts_of({one.row, 1});
    if (!was) return pass(was);
    auto seen = is_seen(one.state->keywords);
    if (!seen) return pass(seen);
    counts.unseen += (*seen ? 0 : 1) - was->unseen;
    counts.deleted += (one.state->deleted ? 1 : 0) - was->deleted;
    counts.deleted_bytes += (one.state->deleted ? one.row->size : 0) - was->deleted_bytes;
    if (!one.row->shared || one.row->keywords == one.state->keywords) continue;
    auto others = change_elsewhere(connection, account, mailbox, *one.row, *one.state, change, elsewhere);
    if (!others) return others;
  }
  if (auto finished = write.finish(); !finished) return finished;
  for (auto& [where, uids] : elsewhere) {
    std::ranges::sort(uids);
    if (auto logged = log_change(connection, ChangeLog::changed, account, where, change, uids); !logged) return logged;
  }
  if (auto logged = log_change(connection, ChangeLog::changed, account, mailbox, change, own); !logged) return logged;
  return count_mailbox(connection, account, mailbox, change, counts);
}

}  // namespace

Result<FlagsChanged> change_flags(db::Connection& connection, AccountId account, MailboxId mailbox,
                                  const FlagChange& change) {
  auto info = read_mailbox(connection, account, mailbox);
  if (!info) return pass(info);
  FlagsChanged result;
  result.change = info->change;
  result.before = info->change;
  auto table = KeywordTable::load(connection, account);
  if (!table) return pass(table);
  const auto ranges = normalised(change.uids);
  auto rows = read_memberships(connection, account, mailbox, ranges);
  if (!rows) return pass(rows);
  auto flags = change.flags;
  flags.flags &= change.scope.flags;
  if (!change.scope.keywords) flags.keywords.clear();
  auto by =
      change.how == FlagsHow::remove ? Result<KeywordNumbers>(table->find(flags)) : table->take(connection, flags);
  if (!by) return pass(by);
  by->flags &= change.scope.flags;
  Changer changer(*table, std::move(*by), (flags.flags & flag::deleted) != 0, change.how, change.scope);
  std::vector<Chosen> chosen;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const auto& row = (*rows)[i];
    if (change.unchanged_since && row.change > change.unchanged_since->value) {
      result.modified.push_back(row.uid);
      continue;
    }
    auto state = changer.state(row);
    if (!state) return pass(state);
    if ((*state)->keywords == row.keywords && (*state)->deleted == row.deleted) continue;
    chosen.push_back({&row, *state, i});
  }
  KeywordSetMaker sets(*table, {});
  if (!chosen.empty()) {
    auto number = take_changes(connection, account);
    if (!number) return pass(number);
    result.change = *number;
    auto written = write_states(connection, account, mailbox, chosen, ranges, *number);
    if (!written) return pass(written);
    result.changed.reserve(chosen.size());
    for (const auto& one : chosen) {
      auto found = sets.take(one.state->keywords);
      if (!found) return pass(found);
      MessageRow row;
      row.uid = one.row->uid;
      row.keywords = found->set;
      row.email = one.row->email;
      row.change = *number;
      row.set_size(static_cast<std::uint64_t>(one.row->size));
      row.set_flags(found->flags | (one.state->deleted ? flag::deleted : 0));
      result.changed.push_back(row);
    }
  }
  result.keywords = std::move(sets).sets();
  return result;
}

}  // namespace pabal::store
