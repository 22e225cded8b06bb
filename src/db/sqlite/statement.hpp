// A prepared statement: parameters in, rows out.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/database.hpp"
#include "db/sqlite/handle.hpp"

namespace pabal::db::sqlite {

class Statement final : public Cursor {
 public:
  /// `failed` is set whenever a use of the statement fails; it must outlive the statement.
  [[nodiscard]] static Result<std::unique_ptr<Statement>> prepare(sqlite3* handle, std::string_view sql, bool& failed);

  /// Binds all parameters; `state` if the statement is in use or their number is wrong.
  [[nodiscard]] Result<void> start(std::span<const Parameter> parameters);
  /// Steps to the end and ends the use.
  [[nodiscard]] Result<std::int64_t> run();

  [[nodiscard]] Result<bool> next() override;
  [[nodiscard]] bool is_null(int column) const override;
  [[nodiscard]] std::int64_t integer(int column) const override;
  [[nodiscard]] double real(int column) const override;
  [[nodiscard]] std::string_view octets(int column) const override;
  void finish() noexcept override;

  [[nodiscard]] const std::string& sql() const noexcept { return sql_; }
  [[nodiscard]] bool in_use() const noexcept { return in_use_; }

 private:
  Statement(sqlite3* handle, StatementHandle statement, std::string sql, bool& failed);
  [[nodiscard]] std::unexpected<Error> fail_use();
  [[nodiscard]] Result<void> bind(int index, const Parameter& parameter);

  sqlite3* handle_;
  bool& failed_;
  StatementHandle statement_;
  std::string sql_;
  std::vector<std::uint8_t> parameter_of_;  ///< SQLite's index - 1 → the number after $, - 1
  std::size_t parameters_ = 0;
  bool changes_rows_ = false;
  bool in_use_ = false;
  bool at_end_ = false;
};

}  // namespace pabal::db::sqlite
