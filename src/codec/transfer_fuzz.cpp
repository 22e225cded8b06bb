// Body decoders on any octets: never more output than input, linear, and what the encoders write comes back.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "codec/transfer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::codec;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (decode_base64_body(octets).octets.size() > size) std::abort();
  const auto wide = decode_base64_body(octets);
  for (const auto machine : {Base64Machine::table, Base64Machine::sse41}) {
    const auto other = decode_base64_body_as(machine, octets);
    if (other.octets != wide.octets || other.damaged != wide.damaged) std::abort();
  }
  if (decode_quoted_printable(octets).octets.size() > size) std::abort();
  if (decode_base64_body(octets, size / 3).octets.size() > size / 3) std::abort();
  if (decode_base64_body(encode_base64_body(octets)).octets != octets) std::abort();
  if (decode_quoted_printable(encode_quoted_printable(octets)).octets != octets) std::abort();
  if (decode_quoted_printable(encode_quoted_printable(octets, true)).octets != octets) std::abort();
  return 0;
}
