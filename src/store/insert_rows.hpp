// Rows of one shape, of which many are written one after another: some in a statement, since to begin one costs about
// as much as a small row.
#pragma once
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "db/database.hpp"

namespace pabal::store {

/// The statements' texts; made once.
struct InsertStatement {
  /// `into`: a table with the names of its columns in parentheses.
  InsertStatement(std::string_view into, std::size_t columns);
  std::size_t columns;
  std::string one;
  std::string together;  ///< kRowsTogether rows
};
inline constexpr std::size_t kRowsTogether = 16;

class RowInserter {
 public:
  RowInserter(db::Connection& connection, const InsertStatement& statement);
  /// Views must live until end(), or be of what keep() gave.
  [[nodiscard]] Result<void> add(std::initializer_list<db::Parameter> row);
  /// Octets of the row that is added next.
  [[nodiscard]] std::string_view keep(std::string octets) { return kept_.emplace_back(std::move(octets)); }
  /// Writes what hasn't been written yet. More may be added then.
  [[nodiscard]] Result<void> end();

 private:
  [[nodiscard]] Result<void> write(std::string_view sql, std::span<const db::Parameter> rows);
  db::Connection* connection_;
  const InsertStatement* statement_;
  std::vector<db::Parameter> waiting_;
  std::deque<std::string> kept_;
};

}  // namespace pabal::store
