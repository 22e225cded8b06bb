// The settings file as hostile text: whatever it says, it is read or refused with words.
#include "app/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = pabal::app::parse_config(text, "fuzz.toml");
  if (!config && config.error().peer.empty()) __builtin_trap();
  return 0;
}
