// Replies of a server: they are cut the same way however the octets come, what is kept is bounded and printable, and
// whatever answers EHLO has capabilities.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "smtp/capabilities.hpp"
#include "smtp/client_reply.hpp"

namespace {

using namespace pabal::smtp;

constexpr ReplyLimits kLimits{.max_line = 64, .max_kept = 128, .max_octets = 512, .max_lines = 16};

std::string cut(std::string_view octets, std::size_t step) {
  ReplyReader reader(kLimits);
  std::string out;
  for (std::size_t at = 0; at < octets.size(); at += step) {
    auto piece = octets.substr(at, step);
    while (!piece.empty()) {
      const auto reply = reader.next(piece);
      if (!reply) return out + "!";
      if (!*reply) continue;
      const auto& said = **reply;
      if (said.code < 200 || said.code > 599) __builtin_trap();
      if (said.text.size() > 4 * kLimits.max_kept + 4) __builtin_trap();
      if (!pabal::is_utf8(said.text) || said.line().contains('\n') || said.line().contains('\r')) __builtin_trap();
      if (!said.status.empty() && said.status.front() != static_cast<char>('0' + said.code / 100)) __builtin_trap();
      out += said.line() + "\n" + parse_capabilities(said).text() + "\n";
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const auto whole = cut(octets, size + 1);
  if (whole != cut(octets, 1) || whole != cut(octets, 7)) __builtin_trap();
  return 0;
}
