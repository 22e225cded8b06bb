// Changes of flags that are written as one row, however many messages they are of, and brought into the messages' rows
// later, in pieces (fold_some): who marks a hundred thousand messages waits for one row, not for all of theirs. Until
// then whoever reads a message's row applies what is pending to it. A pending change counts for a row that is older
// than it: one that was written later has it in it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "db/database.hpp"
#include "store/flag_effect.hpp"

namespace pabal::store {

/// So many changes at most are pending in a mailbox; each costs every reader of a row.
inline constexpr std::size_t kMostPending = 32;
/// The octets of a list of UIDs, at most.
inline constexpr std::size_t kMostPendingOctets = 64 << 10;

/// The pending changes of one mailbox.
class PendingFlags {
 public:
  /// None: one look-up.
  [[nodiscard]] static Result<PendingFlags> read(db::Connection& connection, AccountId account, MailboxId mailbox);
  /// Of all mailboxes of an account, those that have some.
  [[nodiscard]] static Result<std::map<MailboxId, PendingFlags>> read_all(db::Connection& connection,
                                                                          AccountId account);

  [[nodiscard]] bool empty() const noexcept { return changes_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return changes_.size(); }
  /// The UIDs that any of them is of, normalised.
  [[nodiscard]] UidRanges uids() const;
  /// The newest.
  [[nodiscard]] ChangeNumber last() const noexcept {
    return changes_.empty() ? ChangeNumber{} : changes_.back().change;
  }

  /// What a row says.
  struct Flagged {
    std::string_view keywords;  ///< encoded
    bool deleted = false;
    std::int64_t change = 0;
  };
  /// The same with what is pending. Its octets live as long as this does, or are those that were given. Quickest by
  /// rising UID.
  [[nodiscard]] Result<Flagged> applied(std::uint32_t uid, Flagged row);

 private:
  struct Change {
    ChangeNumber change;
    UidRanges uids;
    FlagChanger changer;
    std::size_t at = 0;  ///< the range that was looked at last
    [[nodiscard]] bool covers(std::uint32_t uid) noexcept;
  };
  [[nodiscard]] Result<void> add(const db::Rows& row);
  KeywordTable table_;
  std::vector<Change> changes_;  ///< by rising change
};

/// `rising` UIDs, as they are kept; empty where that would take more than kMostPendingOctets.
[[nodiscard]] std::string encode_pending_uids(const UidRanges& uids);
[[nodiscard]] Result<void> write_pending(db::Connection& connection, AccountId account, MailboxId mailbox,
                                         ChangeNumber change, std::string_view uids, const FlagEffect& effect);

/// Brings what is pending into the rows of these UIDs (normalised), which then say it themselves.
[[nodiscard]] Result<void> fold_flags(db::Connection& connection, AccountId account, MailboxId mailbox,
                                      const UidRanges& ranges);
/// The same with the first `at_once` UIDs that something is pending for, which is then forgotten of them. False where
/// nothing is left.
[[nodiscard]] Result<bool> fold_some(db::Connection& connection, AccountId account, MailboxId mailbox,
                                     std::uint32_t at_once);
/// Mailboxes where something is pending.
[[nodiscard]] Result<std::vector<std::pair<AccountId, MailboxId>>> pending_mailboxes(db::Connection& connection,
                                                                                     std::int64_t at_most);

}  // namespace pabal::store
