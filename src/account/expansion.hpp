// Expansion: what a recipient address leads to, through aliases, subaddresses and catch-alls. Part of the directory.
#pragma once
#include <string>
#include <unordered_set>
#include <vector>

#include "account/directory.hpp"
#include "db/database.hpp"

namespace pabal::account {

/// A resolution with what may_send_as needs to know.
struct Expanded {
  Resolution resolution;
  std::vector<AccountId>
      meant;  ///< accounts that the address names, itself or by aliases; not by a catch-all or a fallback
};

/// Reads the directory in the connection's transaction. Errors: `limit` for aliases that nest too deep or lead to too
/// many.
[[nodiscard]] Result<Expanded> expand(db::Connection& connection, const DirectoryOptions& options,
                                      const EmailAddress& recipient);

}  // namespace pabal::account
