// The messages of the load drivers: each with a number of its own in its first header field, X-Load, so that whoever
// finds it in a mailbox can tell which it is and, by the driver's log, whether it is whole.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pabal::bench {

/// A message as it goes after DATA: dot-stuffed, with the closing dot. `hash` is the SHA-256 of its octets before
/// stuffing, in hex; empty for a fast one.
struct LoadMessage {
  std::string wire;
  std::string hash;
};

/// Makes messages of random text, all different, with lines that begin with dots, long lines and empty ones. The same
/// number and seed give the same message.
[[nodiscard]] LoadMessage random_message(std::uint64_t number, std::uint64_t seed, std::size_t size);

/// Makes messages that differ in their number alone, at the cost of a memcpy.
class FastMessages {
 public:
  explicit FastMessages(std::size_t size);
  /// Appends message `number` in its wire form.
  void append(std::uint64_t number, std::string& out);

 private:
  std::string template_;
  std::vector<std::size_t> places_;  ///< where its 16 digits stand
};

/// A small fast random generator (SplitMix64), good enough for texts and sizes.
class Mixer {
 public:
  explicit Mixer(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept;
  /// In [0, end).
  std::uint64_t below(std::uint64_t end) noexcept { return next() % end; }

 private:
  std::uint64_t state_;
};

}  // namespace pabal::bench
