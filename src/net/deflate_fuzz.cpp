// Any octets as what a peer compressed: never more than asked for, the same however they are cut, and what was sent by
// us comes back, also with rests in between.
#include <cstdint>
#include <cstdlib>

#include "net/deflate.hpp"

namespace {

// As far as it can be read; an error ends it.
std::string inflated(std::string_view octets, std::size_t step, bool rests) {
  constexpr std::size_t kMost = 1000;
  pabal::net::Inflater inflater;
  std::string out;
  while (!octets.empty() && out.size() < 100'000) {
    auto piece = octets.substr(0, step);
    octets.remove_prefix(piece.size());
    while (true) {
      const auto before = out.size();
      const auto left = piece.size();
      if (!inflater.read(piece, out, kMost)) return out;
      if (out.size() - before > kMost) std::abort();
      if (rests) inflater.rest();
      if ((out.size() == before && piece.size() == left) || out.size() >= 100'000) break;
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = inflated(input, size + 1, false);
  if (inflated(input, 1, false).substr(0, 50'000) != whole.substr(0, 50'000)) std::abort();
  if (inflated(input, 7, true).substr(0, 50'000) != whole.substr(0, 50'000)) std::abort();
  pabal::net::Deflater deflater;
  std::string wire;
  for (std::size_t at = 0; at < size; at += 100) {
    deflater.write(input.substr(at, 100), wire);
    if (at % 300 == 0) deflater.rest();
  }
  if (size < 90'000 && inflated(wire, 13, true) != input) std::abort();
  return 0;
}
