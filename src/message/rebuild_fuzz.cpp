// parse∘build is stable: what was rebuilt once is rebuilt to the same structure for ever.
#include <cstdint>
#include <string_view>

#include "message/rebuild.hpp"
#include "message/structure_testing.hpp"

using namespace pabal;
using namespace pabal::message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  SeededRandom random(1);
  const auto once = rebuild(octets, parse_mime(octets)).text(random, {Carriage::eight_bit});
  if (!once) return 0;
  const auto twice = rebuild(*once, parse_mime(*once)).text(random, {Carriage::eight_bit});
  if (!twice || structure(*twice) != structure(*once)) __builtin_trap();
  return 0;
}
