// ZoneLexer: cuts a zone file into entries of tokens (RFC 1035 §5.1). Part of the zone file's reader.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pabal::dns {

struct ZoneToken {
  std::string_view text;  ///< without the quotes, escapes as written
  bool quoted = false;
  std::size_t line = 0;
};

/// One entry: a line, or several that parentheses make one. At least one token.
struct ZoneEntry {
  bool owner_left_out = false;  ///< it begins with a blank
  std::vector<ZoneToken> tokens;
};

class ZoneLexer {
 public:
  explicit ZoneLexer(std::string_view text) : rest_(text) {}
  /// The next entry, with views into the text; nothing at the end of the file, or where a fault stands.
  [[nodiscard]] std::optional<ZoneEntry> next();
  /// What was expected instead; empty where nothing is wrong.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
  /// Where next() stands: after a fault, the line of it.
  [[nodiscard]] std::size_t line() const noexcept { return line_; }

 private:
  [[nodiscard]] bool take_token(ZoneEntry& entry);
  [[nodiscard]] bool take_quoted(ZoneEntry& entry);
  [[nodiscard]] bool take_plain(ZoneEntry& entry);

  std::string_view rest_;
  std::size_t line_ = 1;
  std::size_t open_line_ = 0;  ///< of the parenthesis that is open; 0: none
  std::string fault_;
};

}  // namespace pabal::dns
