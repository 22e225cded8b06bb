// The parameters of Content-Type and Content-Disposition as they stand in the field: names with RFC 2231's marks,
// values without quotes but not decoded. This is what IMAP's BODYSTRUCTURE shows, and the quick way to a charset;
// parameters.hpp reads what they mean.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pabal::message {

struct RawParameter {
  std::string name;   ///< as written
  std::string value;  ///< unquoted and unfolded
  friend bool operator==(const RawParameter&, const RawParameter&) = default;
};

/// In order, at most `max_parameters`. Behind a value that isn't quoted white space ends it unless the next word has no
/// '=' (`name=my file.txt; size=1`). Comments are skipped. Linear in the body.
[[nodiscard]] std::vector<RawParameter> raw_parameters(std::string_view field_body, std::size_t max_parameters = 200);

/// The value of the first one of this name (ASCII case doesn't matter), in one piece; nothing where there is none.
[[nodiscard]] std::optional<std::string> raw_parameter(std::string_view field_body, std::string_view name);

}  // namespace pabal::message
