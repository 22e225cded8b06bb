// Results of commands for people: tables and outlines.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace pabal::app {

/// Columns as wide as their widest cell, two spaces between, headings in capitals; nothing but the headings where there
/// are no rows.
[[nodiscard]] std::string table(const std::vector<std::string>& headings,
                                const std::vector<std::vector<std::string>>& rows);

/// Members one a line, "name: value", deeper ones indented.
[[nodiscard]] std::string outline(const json::value& value, std::size_t indent = 0);

/// A result for people, by the command that gave it.
[[nodiscard]] std::string show(std::string_view command, const json::value& result);

/// The results of `queue list`, page after page, as one table or one JSON object.
class QueuePages {
 public:
  explicit QueuePages(bool json) noexcept : json_(json) {}
  /// What is to be printed of this page; `last`: no other comes.
  [[nodiscard]] std::string add(const json::value& page, bool last);

 private:
  bool json_;
  bool begun_ = false;
};

}  // namespace pabal::app
