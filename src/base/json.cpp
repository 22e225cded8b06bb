#include "base/json.hpp"

#include <boost/json/src.hpp>
#include <fmt/format.h>

namespace pabal {

Result<json::value> parse_json(std::string_view text) {
  json::stream_parser parser;
  json::error_code error;
  const std::size_t used = parser.write_some(text.data(), text.size(), error);
  if (!error) parser.finish(error);
  if (!error && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) error = json::error::extra_data;
  if (error) return fail(ErrorKind::syntax, fmt::format("not JSON: {} after {} octets", error.message(), used));
  return parser.release();
}

}  // namespace pabal
