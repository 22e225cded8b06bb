// Any message in windows of any size: stuffed as the reference does it, and taken apart by a client as it was; TOP of
// all its lines is the whole message.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "pop3/multiline.hpp"

namespace {
// What a client that takes only CRLF for a line end makes of a multi-line response, the CRLF that may have been added
// aside.
std::size_t find_end(std::string_view stuffed) { return stuffed.starts_with(".\r\n") ? 0 : stuffed.find("\r\n.\r\n"); }
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::pop3;
  if (size == 0) return 0;
  const std::size_t window = 1 + data[0];
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  DotStuffer stuffer;
  TopCutter cutter(UINT64_MAX);
  std::string out;
  for (auto rest = message; !rest.empty(); rest.remove_prefix(std::min(window, rest.size()))) {
    const auto part = rest.substr(0, window);
    if (cutter.take(part) != part.size()) std::abort();
    const auto from = out.size();
    out.append(part);
    stuffer.stuff(out, from);
  }
  stuffer.finish(out);
  if (out != dot_stuffed(message)) std::abort();
  // The first end that a client finds is the last octets that we sent.
  const auto end = find_end(out);
  if (end != (out.size() == 3 ? 0 : out.size() - 5)) std::abort();
  return 0;
}
