// Any octets as a client's input, cut into lines and parsed: nothing is read beyond the input, every octet is used
// once.
#include <cstdint>
#include <cstdlib>

#include "pop3/command.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::pop3;
  if (size == 0) return 0;
  const bool response = (data[0] & 1) != 0;
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const LineLimits limits{.command = 64, .authentication = 128};
  bool skipping = false;
  while (!input.empty()) {
    if (skipping) {
      const auto skipped = skip_line(input);
      if (skipped.size == 0 || skipped.size > input.size()) std::abort();
      input.remove_prefix(skipped.size);
      skipping = !skipped.ended;
      continue;
    }
    const auto line = next_line(input, response, limits);
    if (line.state == Line::State::incomplete) {
      if (input.size() >= limits.authentication) std::abort();
      break;
    }
    if (line.size == 0 || line.size > input.size()) std::abort();
    skipping = line.state == Line::State::too_long;
    const auto command = parse_command(line.text);
    if (command && command->argument.size() > line.text.size()) std::abort();
    input.remove_prefix(line.size);
  }
  return 0;
}
