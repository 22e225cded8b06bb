// The engine for those who outgrow a machine: PostgreSQL 15 or later over libpq. The same statements and the same
// contract as the embedded one.
//
// What is expected of the database: encoding UTF8 (checked), and best made with collation C, for example
//
//     createdb --encoding=UTF8 --locale=C --template=template0 pabal
//
// though every TEXT column of our schemas says COLLATE "C" itself, so that texts compare by their octets on any
// database.
//
// Serialisation is left to row locks: write transactions are READ COMMITTED, and a change takes its number by
// UPDATE account … RETURNING, which holds the account's row to the commit. Read transactions are REPEATABLE READ: one
// snapshot.
#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "db/database.hpp"

namespace pabal::db::postgres {

struct Options {
  std::chrono::seconds connect_timeout{10};
  std::chrono::milliseconds lock_timeout{10'000};  ///< how long a statement waits for a row; then `busy`
};

/// Made for one node: own() takes an advisory lock, and a second node is refused. (What several would need is in
/// docs/open.md.)
///
/// `where` is a libpq connection string or a postgresql:// address. Connects once to see that the database is there and
/// usable.
///
/// A connection that is lost is made anew by the next begin(), or the next statement outside of a transaction; the
/// transaction that it broke fails with `io`. If that was in the commit, nobody knows whether it happened: do it again
/// under an id of its own that makes the second time change nothing (as deliveries have).
[[nodiscard]] Result<std::unique_ptr<Database>> open(const std::string& where, Options options = {});

}  // namespace pabal::db::postgres
