// Directory: who is at home here. Domains, accounts, aliases and which shard an account lives in, kept in the small
// directory database and cached in memory, so that a recipient costs no database call in the common case.
//
// What is cached counts as long as the directory's generation is the same, a number that every change raises: changes
// made through this Directory are seen at once; where several processes share a PostgreSQL directory, the others'
// changes are seen within a second.
//
// The try_ functions answer from memory alone and never block; the Async ones go to the database where they must, on
// the pool.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
  EmailAddress address;  ///< its primary address, which is also its login name
  ShardId shard;
  bool enabled = true;
  std::optional<std::uint64_t> quota_bytes;
  std::uint64_t credential_generation = 0;  ///< grows with every change of its credentials
};

/// One mailbox owner that a recipient address leads to.
struct LocalTarget {
  AccountId account;
  ShardId shard;
  EmailAddress delivered_to;  ///< the account's address, for Delivered-To
  std::string detail;         ///< "tag" of user+tag@domain, as written; may be empty
};

/// What a recipient address means here.
struct LocalRecipient {
  std::vector<LocalTarget> targets;          ///< every account once, however many aliases led there
  std::vector<EmailAddress> remote_targets;  ///< alias targets at other domains (go to the queue), each once
};
struct NotOurDomain {};
struct UnknownRecipient {};
struct DisabledRecipient {};
using Resolution = std::variant<LocalRecipient, NotOurDomain, UnknownRecipient, DisabledRecipient>;

/// A login name and whose it is.
struct Login {
  std::string name;  ///< canonical: the same for all spellings of a name, also of one that is nobody's
  std::optional<Account> account;
};

/// The canonical login name of an address.
[[nodiscard]] std::string login_name(const EmailAddress& address);

struct DirectoryOptions {
  char subaddress_separator = '+';  ///< '\0' turns subaddresses off
  std::size_t cache_entries = 100'000;
  std::size_t max_alias_targets = 1'000;  ///< of one recipient, all nested aliases together
  int max_alias_depth = 10;
  /// How long changes by other processes may stay unseen. Nothing: a second on PostgreSQL; on SQLite, which one process
  /// owns, there are none to be seen.
  std::optional<std::chrono::milliseconds> reread_after = std::nullopt;
};

class Directory {
 public:
  /// Opens (and brings up to date) the schema "directory" in the given database. All objects must outlive the
  /// Directory.
  [[nodiscard]] static Result<std::unique_ptr<Directory>> open(db::Database& database, db::Writer& writer, Pool& pool,
                                                               const Clock& clock, DirectoryOptions options);
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  /// Where mail for this address goes: case of the local part does not matter, domains compare by A-label. An account
  /// or alias of the whole local part comes first, then one of the part before the separator, then the catch-all. An
  /// alias's detail is handed on to targets that have none. `postmaster` of each of our domains leads to its own
  /// account or alias, else to the domain's first account, else to the first account of all. Disabled accounts and
  /// targets that don't exist are left out where an alias has others. `limit` where an alias nests too deep or leads to
  /// too many.
  [[nodiscard]] Async<Result<Resolution>> resolve(EmailAddress recipient);
  /// The same, where memory has the answer; else null, and resolve() must be asked.
  [[nodiscard]] std::shared_ptr<const Resolution> try_resolve(const EmailAddress& recipient);
  /// `RCPT TO:<postmaster>` (RFC 5321 §4.1.1.3): the first domain's postmaster.
  [[nodiscard]] Async<Result<Resolution>> postmaster();
  /// Whether the account may use this as envelope or header sender: its own address, subaddresses of it, and aliases
  /// that lead to it. What comes to it by a catch-all or as postmaster for want of another does not count.
  [[nodiscard]] Async<Result<bool>> may_send_as(AccountId account, EmailAddress sender);
  [[nodiscard]] std::optional<bool> try_may_send_as(AccountId account, const EmailAddress& sender);
  [[nodiscard]] Async<Result<bool>> is_our_domain(Domain domain);
  [[nodiscard]] std::optional<bool> try_is_our_domain(const Domain& domain);
  /// The account with this login name (full address; or the local part alone where only one domain exists).
  [[nodiscard]] Async<Result<std::optional<Account>>> by_login(std::string login);
  [[nodiscard]] Async<Result<std::optional<Account>>> by_id(AccountId account);
  /// The same with the name's canonical form.
  [[nodiscard]] Async<Result<std::shared_ptr<const Login>>> find_login(std::string login);
  /// The same, where memory has the answer; else null.
  [[nodiscard]] std::shared_ptr<const Login> try_login(std::string_view login);

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
  [[nodiscard]] Result<std::vector<DomainInfo>> list_domains();    ///< in the order in which they were added
  /// The domain must exist, and no alias have the address. The new account has no credentials yet. Ids are never given
  /// twice.
  [[nodiscard]] Result<Account> add_account(const EmailAddress& address, ShardId shard,
                                            std::optional<std::uint64_t> quota);
  [[nodiscard]] Result<void> set_enabled(AccountId account, bool enabled);
  [[nodiscard]] Result<void> set_quota(AccountId account, std::optional<std::uint64_t> quota);
  [[nodiscard]] Async<Result<void>> note_quota(AccountId account, std::optional<std::uint64_t> quota);
  /// With its credentials. Aliases that lead to it stay.
  [[nodiscard]] Result<void> remove_account(AccountId account);
  [[nodiscard]] Result<std::vector<Account>> list_accounts(const std::optional<Domain>& domain);  ///< by address
  [[nodiscard]] Result<std::optional<Account>> find_account(const EmailAddress& address);
  [[nodiscard]] Result<std::optional<Account>> find_account(AccountId account);
  /// The domain must exist, and no account or alias have the address.
  [[nodiscard]] Result<void> add_alias(const EmailAddress& address, const std::vector<EmailAddress>& targets);
  [[nodiscard]] Result<void> remove_alias(const EmailAddress& address);
  [[nodiscard]] Result<std::vector<AliasInfo>> list_aliases(const std::optional<Domain>& domain);  ///< by address

  /// Runs `work` in a write that also raises the account's credential generation, so that no cached login outlives it.
  /// For the Authenticator, whose tables live in the same database. Blocking.
  [[nodiscard]] Result<void> change_credentials(AccountId account, std::function<Result<void>(db::Connection&)> work);
  /// Runs `work` in a write of the directory's, for tables of others in the same database. Blocking.
  [[nodiscard]] Result<void> change(std::function<Result<void>(db::Connection&)> work);
  /// A number that grows when a domain is removed, or may have been: what was made of a domain's rows counts no more.
  [[nodiscard]] std::uint64_t removed_domains() const noexcept;
  /// The generation that cached answers must have to count; for tests and metrics.
  [[nodiscard]] std::int64_t generation() const noexcept;

 private:
  struct State;
  explicit Directory(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pabal::account
