#include "server/imap/url_token.hpp"

#include <array>
#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.hpp"
#include "codec/hex.hpp"

namespace pabal::server::imap {

namespace {
constexpr char kHmacSha256 = 1;
}

std::string url_token(std::string_view key, std::string_view rump) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(rump.data()),
           rump.size(), hash.data(), &size) == nullptr) {
    throw std::runtime_error("OpenSSL has no HMAC");
  }
  std::string octets(1, kHmacSha256);
  octets.append(reinterpret_cast<const char*>(hash.data()), size);
  return codec::hex(octets);
}

bool is_url_token(std::string_view key, std::string_view rump, std::string_view token) {
  const auto expected = url_token(key, rump);
  const auto given = to_lower(token);
  return given.size() == expected.size() && CRYPTO_memcmp(given.data(), expected.data(), expected.size()) == 0;
}

}  // namespace pabal::server::imap
