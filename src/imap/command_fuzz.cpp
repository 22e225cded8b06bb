// Any octets as a client's input, cut as its first octet says: the events do not depend on the cuts, memory is bounded,
// and what was parsed is well formed.
#include <cstdint>
#include <cstdlib>

#include "imap/command_dump.hpp"
#include "imap/command_reader.hpp"

namespace {

using namespace pabal::imap;

// Events as text; data is put together.
std::string events(std::string_view input, std::size_t step, std::uint8_t settings) {
  const ReaderLimits limits{.line = 512,
                            .command = 1024,
                            .message = 4096,
                            .skip = 8192,
                            .literal_minus = (settings & 1) != 0,
                            .messages = (settings & 2) != 0};
  CommandReader reader(limits, {.utf8 = (settings & 4) != 0, .uid_only = (settings & 8) != 0});
  std::string out;
  while (!input.empty()) {
    const std::string piece(input.substr(0, step));
    input.remove_prefix(piece.size());
    std::string_view rest = piece;
    while (true) {
      const auto before = rest.size();
      auto event = reader.next(rest);
      if (rest.size() > before || reader.held() > 4 * (limits.line + limits.command)) std::abort();
      if (std::holds_alternative<NeedInput>(event)) break;
      if (const auto* data = std::get_if<AppendData>(&event)) {
        if (data->octets.empty()) std::abort();
        out += data->octets;
        continue;
      }
      out += static_cast<char>('A' + event.index());
      if (const auto* command = std::get_if<Command>(&event)) out += testing::dump(*command);
      if (const auto* begun = std::get_if<AppendBegun>(&event)) out += testing::dump(begun->command);
      if (const auto* rejected = std::get_if<Rejected>(&event)) {
        if (rejected->why.refusal.text.english().empty()) std::abort();
        out += rejected->why.tag + testing::dump(rejected->why.refusal);
      }
    }
    if (!rest.empty()) std::abort();
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = events(input, input.size() + 1, data[0]);
  if (events(input, 1U + data[1] % 32, data[0]) != whole) std::abort();
  return 0;
}
