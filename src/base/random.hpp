// Randomness as an interface: the system's for real work, a seeded one to repeat a test.
#pragma once
#include <cstdint>
#include <random>
#include <string>

namespace pabal {

class Random {
 public:
  virtual ~Random() = default;
  /// `count` random octets.
  [[nodiscard]] virtual std::string octets(std::size_t count) = 0;
  [[nodiscard]] std::uint64_t number();
  /// Evenly in [0, bound); bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
};

/// The kernel's generator (getrandom), good for keys. Any thread.
class SystemRandom final : public Random {
 public:
  [[nodiscard]] std::string octets(std::size_t count) override;
};

/// Repeatable; never for secrets. One thread.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  [[nodiscard]] std::string octets(std::size_t count) override;

 private:
  std::mt19937_64 engine_;
};

}  // namespace pabal
