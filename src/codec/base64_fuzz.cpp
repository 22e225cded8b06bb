// Base64: what decodes must encode to the same text again, and everything that is encoded must decode.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "codec/base64.hpp"
#include "codec/hex.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::codec;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto octets = decode_base64(text); octets && base64(*octets) != text) std::abort();
  if (decode_base64(base64(text)) != text) std::abort();
  if (decode_hex(hex(text)) != text) std::abort();
  if (const auto octets = decode_hex(text); octets && hex(*octets).size() != size) std::abort();
  return 0;
}
