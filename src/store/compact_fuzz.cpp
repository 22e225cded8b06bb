// Whatever decodes must encode to the same octets again: there is one form for each list.
#include <cstdint>
#include <cstdlib>

#include "store/compact.hpp"
#include "store/flag_effect.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::store;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (auto list = decode_pieces(octets); list && encode_pieces(*list) != octets) std::abort();
  if (auto list = decode_standings(octets); list && encode_standings(*list) != octets) std::abort();
  if (auto list = decode_reached(octets); list && encode_reached(*list) != octets) std::abort();
  if (auto list = decode_numbers(octets, 10'000); list && encode_numbers(*list) != octets) std::abort();
  if (auto list = decode_list(octets); list && encode_list(*list) != octets) std::abort();
  if (auto effect = decode_effect(octets); effect && encode_effect(*effect) != octets) std::abort();
  return 0;
}
