#include "base/wiped.hpp"

#include <openssl/crypto.h>

namespace pabal {

void wipe(std::string& text) noexcept {
  text.resize(text.capacity());  // allocates nothing
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace pabal
