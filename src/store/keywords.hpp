// An account's keywords: how flags and keywords of a message stand in a membership's row, as numbers. An email's
// keywords are in each of its memberships' rows, the same in all; \Deleted has a column of its own.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "db/database.hpp"
#include "store/flags.hpp"
#include "store/mailbox_snapshot.hpp"

namespace pabal::store {

/// Keywords as numbers.
struct KeywordNumbers {
  Flags flags = 0;                ///< those with bits
  std::vector<std::int64_t> own;  ///< numbers of the account's own, rising
};
[[nodiscard]] std::string encode_keywords(const KeywordNumbers& keywords);
/// Whether an encoded list has $seen; `io` where it can't be read.
[[nodiscard]] Result<bool> is_seen(std::string_view octets);

/// The account's own keywords, read once in a transaction.
class KeywordTable {
 public:
  [[nodiscard]] static Result<KeywordTable> load(db::Connection& connection, AccountId account);

  [[nodiscard]] Result<KeywordNumbers> decode(std::string_view octets) const;
  [[nodiscard]] const std::string& name(std::int64_t number) const;
  /// Numbers of these names, without those that the account doesn't have.
  [[nodiscard]] KeywordNumbers find(const FlagSet& set) const;
  /// The same, and makes those that the account doesn't have; in the writer's transaction. `policy`: a name that can't
  /// be one; `limit`: too many.
  [[nodiscard]] Result<KeywordNumbers> take(db::Connection& connection, const FlagSet& set);

 private:
  [[nodiscard]] Result<std::int64_t> make(db::Connection& connection, const std::string& name);

  AccountId account_;
  std::map<std::int64_t, std::string> names_;              ///< as shown
  std::unordered_map<std::string, std::int64_t> numbers_;  ///< by lower-case name
};

/// Turns encoded lists into flags and indexes of keyword sets, each list once.
class KeywordSetMaker {
 public:
  KeywordSetMaker(const KeywordTable& table, MailboxSnapshot::KeywordSets sets);

  struct Found {
    Flags flags = 0;
    std::uint32_t set = 0;
  };
  [[nodiscard]] Result<Found> take(std::string_view octets);
  [[nodiscard]] MailboxSnapshot::KeywordSets sets() && { return std::move(sets_); }

 private:
  const KeywordTable* table_;
  MailboxSnapshot::KeywordSets sets_;
  std::map<std::vector<std::string>, std::uint32_t> places_;
  std::map<std::string, Found, std::less<>> known_;
  std::string last_octets_;
  Found last_;
};

}  // namespace pabal::store
