// Rows of many ids, read in few statements.
#pragma once
#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "store/blobs.hpp"
#include "store/mailbox_rows.hpp"

namespace pabal::store {

/// Ids that stand close together are read as one range; what lies between them is passed over.
inline constexpr std::int64_t kNear = 4;

/// Reads rows by their ids, which rise. `in_range` is the query for all between $2 and $3, `in_list` for kListed from
/// $2 on; $1 is the account, where there is one. `take` gets each row, whose first column is the id.
template <class Take>
class ReaderById {
 public:
  ReaderById(db::Connection& connection, std::string_view in_range, std::string_view in_list, Take take)
      : connection_(&connection), in_range_(in_range), in_list_(in_list), take_(std::move(take)) {}

  Result<void> read(std::int64_t scope, std::span<const std::int64_t> ids) {
    while (!ids.empty()) {
      std::size_t near = 1;
      while (near < ids.size() && ids[near] - ids[near - 1] <= kNear) ++near;
      const auto some = ids.first(near < kListed ? std::min(ids.size(), kListed) : near);
      auto done = near < kListed ? read_list(scope, some) : read_range(scope, some);
      if (!done) return done;
      ids = ids.subspan(some.size());
    }
    return {};
  }

 private:
  Result<void> read_range(std::int64_t scope, std::span<const std::int64_t> ids) {
    return each_row(*connection_, in_range_, {scope, ids.front(), ids.back()},
                    [&](const db::Rows& columns) -> Result<void> {
                      while (!ids.empty() && ids.front() < columns.integer(0)) ids = ids.subspan(1);
                      if (ids.empty() || ids.front() != columns.integer(0)) return {};
                      return take_(columns);
                    });
  }
  Result<void> read_list(std::int64_t scope, std::span<const std::int64_t> ids) {
    std::array<db::Parameter, kListed + 1> parameters;
    parameters[0] = scope;
    for (std::size_t i = 0; i < kListed; ++i) parameters[i + 1] = ids[std::min(i, ids.size() - 1)];
    auto rows = connection_->query(in_list_, parameters);
    if (!rows) return pass(rows);
    while (true) {
      auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) return {};
      if (auto taken = take_(*rows); !taken) return taken;
    }
  }

  db::Connection* connection_;
  std::string_view in_range_;
  std::string_view in_list_;
  Take take_;
};

}  // namespace pabal::store
