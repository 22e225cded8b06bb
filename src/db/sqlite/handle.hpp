// Owners for SQLite's own handles, and its result codes as Errors.
#pragma once
#include <memory>
#include <string_view>

#include <sqlite3.h>

#include "base/error.hpp"

namespace pabal::db::sqlite {

struct CloseHandle {
  void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Handle = std::unique_ptr<sqlite3, CloseHandle>;
using StatementHandle = std::unique_ptr<sqlite3_stmt, CloseHandle>;

/// The error of the last call on `handle`, which was about `sql`.
[[nodiscard]] std::unexpected<Error> fail_sqlite(sqlite3* handle, std::string_view sql);

}  // namespace pabal::db::sqlite
