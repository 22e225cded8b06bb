// The text decoder against the reference decoder, however the input is cut.
#include <cstdint>
#include <string_view>

#include "smtp/data_reference.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::smtp;
  if (size < 2) return 0;
  const TextRules rules{.framing = (data[0] & 1) != 0 ? Framing::counted : Framing::dots,
                        .bare_newlines = (data[0] & 2) != 0 ? BareNewlines::normalise : BareNewlines::refuse,
                        .max_line = (data[0] & 4) != 0 ? 20U : 0U};
  const std::string_view octets(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto expected = reference_decode(octets, rules);
  for (const std::size_t step : {octets.size() + 1, std::size_t{1}, std::size_t{1} + data[1]}) {
    if (decode_in_steps(octets, rules, step) != expected) __builtin_trap();
  }
  return 0;
}
