#include "store/insert_rows.hpp"

#include <fmt/format.h>

namespace pabal::store {

InsertStatement::InsertStatement(std::string_view into, std::size_t columns) : columns(columns) {
  const auto rows = [&](std::size_t count) {
    auto sql = fmt::format("INSERT INTO {} VALUES ", into);
    for (std::size_t i = 0; i < count * columns; ++i) {
      const auto column = i % columns;
      const std::string_view before = column != 0 ? ", " : i == 0 ? "(" : ", (";
      sql += fmt::format("{}${}{}", before, i + 1, column + 1 == columns ? ")" : "");
    }
    return sql;
  };
  one = rows(1);
  together = rows(kRowsTogether);
}

RowInserter::RowInserter(db::Connection& connection, const InsertStatement& statement)
    : connection_(&connection), statement_(&statement) {
  waiting_.reserve(kRowsTogether * statement.columns);
}

Result<void> RowInserter::add(std::initializer_list<db::Parameter> row) {
  waiting_.insert(waiting_.end(), row);
  if (waiting_.size() < kRowsTogether * statement_->columns) return {};
  auto written = write(statement_->together, waiting_);
  waiting_.clear();
  kept_.clear();
  return written;
}

Result<void> RowInserter::end() {
  Result<void> written;
  for (std::size_t at = 0; at < waiting_.size() && written; at += statement_->columns) {
    written = write(statement_->one, std::span(waiting_).subspan(at, statement_->columns));
  }
  waiting_.clear();
  kept_.clear();
  return written;
}

Result<void> RowInserter::write(std::string_view sql, std::span<const db::Parameter> rows) {
  auto done = connection_->run(sql, rows);
  if (!done) return pass(done);
  return {};
}

}  // namespace pabal::store
