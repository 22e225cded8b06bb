// KeyedHash: for tables whose names come from strangers. SipHash under a key that each table draws anew, so that nobody
// can make all names fall into one bucket.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <sodium.h>

namespace pabal::account {

class KeyedHash {
 public:
  KeyedHash() noexcept { crypto_shorthash_keygen(key_.data()); }
  std::size_t operator()(std::string_view name) const noexcept {
    std::uint64_t hash = 0;
    crypto_shorthash(reinterpret_cast<unsigned char*>(&hash), reinterpret_cast<const unsigned char*>(name.data()),
                     name.size(), key_.data());
    return hash;
  }

 private:
  std::array<unsigned char, crypto_shorthash_KEYBYTES> key_{};
};

}  // namespace pabal::account
