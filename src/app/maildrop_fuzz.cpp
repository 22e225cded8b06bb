// A letter in the maildrop: any user of the machine may have written it.
#include <cstdint>
#include <cstdlib>

#include "app/maildrop.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const auto letter = pabal::app::parse_dropped(octets);
  if (!letter) return 0;
  // What was read can be written and read again.
  const auto again = pabal::app::parse_dropped(pabal::app::dropped_text(letter->request, letter->message));
  if (!again || again->message != letter->message || again->request != letter->request) std::abort();
  return 0;
}
