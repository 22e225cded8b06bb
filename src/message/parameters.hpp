// Content-Type and Content-Disposition: a value and its parameters (RFC 2045 §5.1, RFC 2183), with RFC 2231's
// continuations, charsets and languages, and the habits of real mailers: encoded words in parameters, raw 8-bit,
// unquoted spaces, missing quotes.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pabal::message {

struct FieldParameter {
  std::string name;      ///< lower case, without RFC 2231's '*' marks
  std::string value;     ///< decoded, UTF-8
  std::string language;  ///< RFC 2231 language, mostly empty
};

struct ParameterizedValue {
  std::string value;                       ///< "text/plain", "attachment"; lower case, comments and spaces taken away
  std::vector<FieldParameter> parameters;  ///< in order of first appearance, each name once (the first wins)

  [[nodiscard]] const std::string* find(std::string_view name) const noexcept;
};

/// Any field body gives something; at most `max_parameters` are read and 1,000 segments of continuations.
[[nodiscard]] ParameterizedValue parse_parameters(std::string_view field_body, std::size_t max_parameters = 200);

/// One parameter by its name (lower case), the quick way: as it stands in the field (raw_parameter), and only where it
/// is missing there and the field has it with RFC 2231's marks, decoded from them.
[[nodiscard]] std::optional<std::string> parameter_of(std::string_view field_body, std::string_view name);

/// The file name that a part suggests: Content-Disposition's filename, else Content-Type's name (RFC 2183 §2.3),
/// decoded, controls taken away; nothing where there is none. It may be a path: whoever saves it takes
/// safe_file_name().
[[nodiscard]] std::optional<std::string> file_name(std::string_view disposition_body,
                                                   std::string_view content_type_body);

/// What of a suggested name may name a file: its last component, for any system's path separators, without controls;
/// nothing where that is empty or means a folder ("..").
[[nodiscard]] std::optional<std::string> safe_file_name(std::string_view suggested);

/// ` name="value"` as a header's parameter: a token or quoted string where ASCII allows, else RFC 2231 percent-encoded
/// UTF-8 in continuations that fit lines of 76. Starts with ';'. Used by the builder.
[[nodiscard]] std::string format_parameter(std::string_view name, std::string_view utf8_value, bool raw_utf8);

}  // namespace pabal::message
