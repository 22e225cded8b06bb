// What the parts of check() share (check.cpp, check_accounts.cpp).
#pragma once
#include <string>
#include <vector>

#include <fmt/format.h>

#include "db/database.hpp"
#include "store/store.hpp"

namespace pabal::store {

using Findings = std::vector<CheckFinding>;

// Collects what is wrong with one thing at a time.
class Teller {
 public:
  Teller(Findings& findings, ShardId shard) : findings_(&findings), shard_(shard) {}
  template <class... Args>
  void tell(const std::string& where, fmt::format_string<Args...> what, Args&&... args) {
    if (findings_->size() >= most) return;
    findings_->push_back(
        {fmt::format("shard {} {}", shard_.value, where), fmt::format(what, std::forward<Args>(args)...)});
  }

 private:
  static constexpr std::size_t most = 10'000;
  Findings* findings_;
  ShardId shard_;
};

template <class Take>
[[nodiscard]] Result<void> each(db::Connection& connection, std::string_view sql, Take take,
                                std::initializer_list<db::Parameter> parameters = {}) {
  auto rows = connection.query(sql, parameters);
  if (!rows) return pass(rows);
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return {};
    take(*rows);
  }
}

/// What the rows want of the blobs, by blob id.
struct Wanted {
  std::vector<std::int64_t> references;
  std::vector<std::int64_t> facts;
};

/// Accounts: mailboxes, memberships, emails and counters. Each email's pieces, and the facts that it says there are, go
/// into `wanted`.
[[nodiscard]] Result<void> check_accounts(db::Connection& connection, Teller& teller, Wanted& wanted);

}  // namespace pabal::store
