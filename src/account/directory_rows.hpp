// The directory's tables and what is read from them. Part of the directory.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/directory.hpp"
#include "db/database.hpp"

namespace pabal::account::rows {

/// Brings schema "directory" up to date.
[[nodiscard]] Result<void> migrate(db::Connection& connection);

[[nodiscard]] Result<std::int64_t> generation(db::Connection& connection);
[[nodiscard]] Result<bool> has_domain(db::Connection& connection, std::string_view domain);
/// `key` is a canonical local part.
[[nodiscard]] Result<std::optional<Account>> account(db::Connection& connection, std::string_view domain,
                                                     std::string_view key);
[[nodiscard]] Result<std::optional<Account>> account(db::Connection& connection, AccountId id);
/// The enabled account with the lowest id, of the domain or, where that is empty, of all.
[[nodiscard]] Result<std::optional<Account>> first_account(db::Connection& connection, std::string_view domain);
/// In order of address; all where `domain` is empty.
[[nodiscard]] Result<std::vector<Account>> accounts(db::Connection& connection, std::string_view domain);
/// The alias's targets in order; empty where there is no such alias.
[[nodiscard]] Result<std::vector<EmailAddress>> alias_targets(db::Connection& connection, std::string_view domain,
                                                              std::string_view key);
[[nodiscard]] Result<std::optional<EmailAddress>> catch_all(db::Connection& connection, std::string_view domain);
/// Domains in the order in which they were added, at most `count`.
[[nodiscard]] Result<std::vector<Domain>> domains(db::Connection& connection, std::int64_t count);

/// A stored address or name, which was valid when it was written; `io` otherwise.
[[nodiscard]] Result<EmailAddress> stored_address(std::string_view text);
[[nodiscard]] Result<Domain> stored_domain(std::string_view text);

}  // namespace pabal::account::rows
