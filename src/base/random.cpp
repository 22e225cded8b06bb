#include "base/random.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <sys/random.h>

namespace pabal {

std::uint64_t Random::number() {
  std::uint64_t value = 0;
  const std::string bytes = octets(sizeof value);
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::uint64_t Random::below(std::uint64_t bound) {
  // Numbers from the last, incomplete multiple of bound would favour small results; draw again.
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t value = number();
  while (value >= limit) value = number();
  return value % bound;
}

std::string SystemRandom::octets(std::size_t count) {
  std::string out(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const ssize_t n = getrandom(out.data() + done, count - done, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw std::runtime_error("getrandom failed");  // only on kernels older than Debian 12's
    done += static_cast<std::size_t>(n);
  }
  return out;
}

std::string SeededRandom::octets(std::size_t count) {
  std::string out(count, '\0');
  for (char& c : out) c = static_cast<char>(engine_() & 0xFF);
  return out;
}

}  // namespace pabal
