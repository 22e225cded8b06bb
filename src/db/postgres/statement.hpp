// A statement that the server has prepared: parameters in, rows out. Numbers and octets travel in binary form.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

#include "db/database.hpp"

namespace pabal::db::postgres {

struct CloseHandle {
  void operator()(PGconn* handle) const noexcept { PQfinish(handle); }
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using Handle = std::unique_ptr<PGconn, CloseHandle>;
using ResultHandle = std::unique_ptr<PGresult, CloseHandle>;

/// The error that the server, or libpq where `result` is null, has told about `sql`.
[[nodiscard]] std::unexpected<Error> fail_postgres(PGconn* handle, const PGresult* result, std::string_view sql);
[[nodiscard]] bool succeeded(const PGresult* result) noexcept;

/// The highest number N of the parameters $N in a statement.
[[nodiscard]] std::size_t count_parameters(std::string_view sql);

class Statement final : public Cursor {
 public:
  /// Has the server prepare `sql` under `name`; the first call's parameters say their types.
  [[nodiscard]] static Result<std::unique_ptr<Statement>> prepare(PGconn* handle, std::string name,
                                                                  std::string_view sql,
                                                                  std::span<const Parameter> parameters);

  /// Why these parameters can't be sent, if so.
  [[nodiscard]] static Result<void> check(std::string_view sql, std::span<const Parameter> parameters);
  /// Runs it; the rows are there at once.
  [[nodiscard]] Result<void> execute(PGconn* handle, std::span<const Parameter> parameters);
  /// Rows that INSERT, UPDATE or DELETE changed.
  [[nodiscard]] std::int64_t changed() const;

  [[nodiscard]] Result<bool> next() override;
  [[nodiscard]] bool is_null(int column) const override;
  [[nodiscard]] std::int64_t integer(int column) const override;
  [[nodiscard]] double real(int column) const override;
  [[nodiscard]] std::string_view octets(int column) const override;
  void finish() noexcept override { result_.reset(); }

  [[nodiscard]] const std::string& sql() const noexcept { return sql_; }
  [[nodiscard]] bool in_use() const noexcept { return result_ != nullptr; }

 private:
  Statement(std::string name, std::string sql) : name_(std::move(name)), sql_(std::move(sql)) {}

  std::string name_;
  std::string sql_;
  std::vector<Oid> types_;  ///< of the parameters, as the server takes them
  ResultHandle result_;
  int row_ = -1;
};

}  // namespace pabal::db::postgres
