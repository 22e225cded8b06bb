// Flags and keywords of messages change: many rows at once with few statements.
#include <algorithm>
#include <map>

#include "store/change_log.hpp"
#include "store/flag_write.hpp"
#include "store/mailbox_rows.hpp"
#include "store/pending_flags.hpp"

namespace pabal::store {

namespace {

// UIDs that changed in other mailboxes than the one that was asked for.
using Elsewhere = std::map<MailboxId, std::vector<std::int64_t>>;

// The keywords are the email's: the other mailboxes where it stands show them too, under the same change.
Result<void> change_elsewhere(db::Connection& connection, AccountId account, MailboxId mailbox,
                              const MembershipRow& row, const FlagState& state, ChangeNumber change,
                              Elsewhere& elsewhere) {
  auto standings = read_standings(connection, account, row.email);
  if (!standings) return pass(standings);
  auto before = is_seen(row.keywords);
  if (!before) return pass(before);
  auto after = is_seen(state.keywords);
  if (!after) return pass(after);
  for (const auto& standing : *standings) {
    if (standing.mailbox == mailbox) continue;
    const auto uid = static_cast<std::uint32_t>(standing.uid);
    if (auto folded = fold_flags(connection, account, standing.mailbox, {{uid, uid}}); !folded) return folded;
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
  const FlagState* state = nullptr;
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
  auto effect = effect_of(connection, *table, change);
  if (!effect) return pass(effect);
  FlagChanger changer(std::move(*effect));
  std::vector<Chosen> chosen;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const auto& row = (*rows)[i];
    if (change.unchanged_since && row.change > change.unchanged_since->value) {
      result.modified.push_back(row.uid);
      continue;
    }
    auto state = changer.state(*table, row.keywords, row.deleted);
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
