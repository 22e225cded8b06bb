// Directory: who is at home here. Domains, accounts, aliases and which shard an account lives in, kept in the small directory
// database and cached in memory, so that a recipient costs no database call in the common case.
//
// Calls that read are cheap when cached and else block on the directory database: from coroutines use the Async ones.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "address/email_address.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "db/database.hpp"
#include "db/writer.hpp"

namespace pabal::account {

struct Account {
  AccountId id;
  EmailAddress address;             ///< its primary address, which is also its login name
  ShardId shard;
  bool enabled = true;
  std::optional<std::uint64_t> quota_bytes;
  std::uint64_t credential_generation = 0;  ///< grows with every change of its credentials
};

/// One mailbox owner that a recipient address leads to.
struct LocalTarget {
  AccountId account;
  ShardId shard;
  EmailAddress delivered_to;        ///< the account's address, for Delivered-To
  std::string detail;               ///< "tag" of user+tag@domain; may be empty
  bool has_quota = false;
};

/// What a recipient address means here.
struct LocalRecipient {
  std::vector<LocalTarget> targets;         ///< every account once, however many aliases led there
  std::vector<EmailAddress> remote_targets; ///< alias targets at other domains (go to the queue)
};
struct NotOurDomain {};
struct UnknownRecipient {};
struct DisabledRecipient {};
using Resolution = std::variant<LocalRecipient, NotOurDomain, UnknownRecipient, DisabledRecipient>;

struct DirectoryOptions {
  char subaddress_separator = '+';  ///< '\0' turns subaddresses off
  std::size_t cache_entries = 100'000;
  std::size_t max_alias_targets = 1'000;
  int max_alias_depth = 10;
};

class Directory {
 public:
  /// Opens (and brings up to date) the schema "directory" in the given database. All objects must outlive the Directory.
  [[nodiscard]] static Result<std::unique_ptr<Directory>> open(db::Database& database, db::Writer& writer, Pool& pool,
                                                               const Clock& clock, DirectoryOptions options);
  ~Directory();

  /// Where mail for this address goes: case of the local part does not matter, domains compare by A-label; `postmaster` of each
  /// of our domains (and without a domain, see `postmaster()`) always leads somewhere once one account exists: its own account
  /// or alias, else the domain's first account.
  [[nodiscard]] Async<Result<Resolution>> resolve(EmailAddress recipient);
  /// `RCPT TO:<postmaster>` (RFC 5321 §4.1.1.3): the first domain's postmaster.
  [[nodiscard]] Async<Result<Resolution>> postmaster();
  /// Whether the account may use this as envelope or header sender: its own address, subaddresses of it, and aliases that lead
  /// to it.
  [[nodiscard]] Async<Result<bool>> may_send_as(AccountId account, EmailAddress sender);
  [[nodiscard]] Async<Result<bool>> is_our_domain(Domain domain);
  /// The account with this login name (full address; or the local part alone where only one domain exists).
  [[nodiscard]] Async<Result<std::optional<Account>>> by_login(std::string login);

  // What an operator may change; blocking, from the control thread or the command line. Not for coroutines.
  struct DomainInfo {
    Domain name;
    std::optional<EmailAddress> catch_all;
    std::int64_t accounts = 0;
  };
  struct AliasInfo {
    EmailAddress address;
    std::vector<EmailAddress> targets;
  };
  [[nodiscard]] Result<void> add_domain(const Domain& domain);
  [[nodiscard]] Result<void> set_catch_all(const Domain& domain, const std::optional<EmailAddress>& target);
  [[nodiscard]] Result<void> remove_domain(const Domain& domain);  ///< refused while accounts or aliases are in it
  [[nodiscard]] Result<std::vector<DomainInfo>> list_domains();
  /// The domain must exist. The new account has no credentials yet.
  [[nodiscard]] Result<Account> add_account(const EmailAddress& address, ShardId shard, std::optional<std::uint64_t> quota);
  [[nodiscard]] Result<void> set_enabled(AccountId account, bool enabled);
  [[nodiscard]] Result<void> set_quota(AccountId account, std::optional<std::uint64_t> quota);
  [[nodiscard]] Result<void> remove_account(AccountId account);
  [[nodiscard]] Result<std::vector<Account>> list_accounts(const std::optional<Domain>& domain);
  [[nodiscard]] Result<std::optional<Account>> find_account(const EmailAddress& address);
  [[nodiscard]] Result<void> add_alias(const EmailAddress& address, const std::vector<EmailAddress>& targets);
  [[nodiscard]] Result<void> remove_alias(const EmailAddress& address);
  [[nodiscard]] Result<std::vector<AliasInfo>> list_aliases(const std::optional<Domain>& domain);

 private:
  struct State;
  explicit Directory(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pabal::account
