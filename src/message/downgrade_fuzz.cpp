// What is downgraded is ASCII in short lines, and converting it again changes nothing.
#include <cstdint>
#include <string_view>

#include "base/text.hpp"
#include "message/downgrade.hpp"

using namespace pabal;
using namespace pabal::message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  StringSink sink;
  const auto tree = parse_mime(octets);
  if (!downgrade(octets, tree, {}, sink)) return 0;
  if (!is_ascii(sink.text)) __builtin_trap();
  StringSink headers;
  if (downgrade(octets, tree, {.carriage = Carriage::binary, .ascii_headers = true}, headers)) {
    const auto again = parse_mime(headers.text);
    if (!is_ascii(std::string_view(headers.text).substr(0, again.root().body_begin))) __builtin_trap();
  }
  return 0;
}
