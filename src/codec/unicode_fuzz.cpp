// Names and passwords: preparing what is prepared changes nothing.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "codec/unicode.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto opaque = codec::opaque_string(text)) {
    if (codec::opaque_string(*opaque) != *opaque) std::abort();
  }
  if (const auto prepared = codec::saslprep(text); prepared && !is_utf8(*prepared)) std::abort();
  const auto password = codec::prepare_password(text);
  if (is_utf8(text) && !is_utf8(password)) std::abort();
  return 0;
}
