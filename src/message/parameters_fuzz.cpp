// Content-Type and Content-Disposition of any octets: clean UTF-8 within the limits; the quick reader of boundaries
// agrees with the whole one where it says anything; and what is written reads back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "message/media_type.hpp"
#include "message/parameters.hpp"

namespace {
void demand(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::message;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse_parameters(body, 10);
  demand(parsed.parameters.size() <= 10);
  for (const auto& parameter : parsed.parameters) {
    demand(!parameter.name.empty() && pabal::is_utf8(parameter.value));
    const std::string written = format_parameter("filename", parameter.value, false);
    demand(pabal::is_ascii(written) && written.find_first_of("\r\n") == std::string::npos);
    const auto again = parse_parameters("attachment" + written);
    demand(again.value == "attachment" && again.find("filename") != nullptr);
    // Encoded words inside of a value are decoded on reading; only a value without any comes back as it is.
    bool plain = parameter.value.find("=?") == std::string::npos;
    for (const char c : parameter.value) plain = plain && static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
    if (plain) demand(*again.find("filename") == parameter.value);
  }
  if (const auto boundary = boundary_of(body)) demand(!boundary->empty() && boundary->size() <= 250);
  if (const auto type = read_media_type(body)) demand(!type->type.empty() && !type->subtype.empty());
  if (const auto name = file_name(body, body)) {
    demand(pabal::is_utf8(*name) && !name->empty() && name->find_first_of("\r\n") == std::string::npos);
    const auto safe = safe_file_name(*name);
    demand(!safe || (!safe->empty() && *safe != ".." && safe->find_first_of("/\\\r\n") == std::string::npos));
  }
  return 0;
}
