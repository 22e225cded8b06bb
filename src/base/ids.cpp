#include "base/ids.hpp"

#include "base/random.hpp"

namespace pabal {

std::string make_token(std::int64_t microseconds_since_1970, Random& random) {
  constexpr const char* digits = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string token(16, '0');
  auto time = static_cast<std::uint64_t>(microseconds_since_1970 / 1000);
  for (std::size_t i = 9; i-- > 0; time >>= 5) token[i] = digits[time & 31];
  auto noise = random.number();
  for (std::size_t i = 9; i < 16; ++i, noise >>= 5) token[i] = digits[noise & 31];
  return token;
}

}  // namespace pabal
