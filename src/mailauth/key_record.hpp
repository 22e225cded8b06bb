// Key records (RFC 6376 §3.6.1): what `SELECTOR._domainkey.DOMAIN TXT` says.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "base/guarded.hpp"
#include "mailauth/public_key.hpp"

namespace pabal::mailauth {

struct KeyRecord {
  std::optional<PublicKey> key;  ///< nothing: it was revoked (an empty p=)
  KeyType type = KeyType::rsa;   ///< k=
  bool takes_sha256 = true;      ///< h= names it, or there is none
  bool for_mail = true;          ///< s= has "email" or "*", or there is none
  bool testing = false;          ///< t=y
  bool strict = false;           ///< t=s: i= must be in d= itself
};

/// Longer records are none: the biggest key that is used has some 800 octets of base64.
inline constexpr std::size_t key_most_record_octets = 8192;

/// A record's text, its strings after one another. Errors, `syntax`: too long, no tag list, another version than DKIM1,
/// no p=, a key type that isn't known, a key that is none.
[[nodiscard]] Result<KeyRecord> parse_key_record(std::string_view text);

/// Records by their text, so that a key that is used again isn't parsed again. Bounded in
/// number and in octets; any thread.
class KeyCache {
 public:
  explicit KeyCache(std::size_t most = 1024) : most_(most) {}
  /// As parse_key_record(); faults are remembered as well.
  [[nodiscard]] std::shared_ptr<const Result<KeyRecord>> read(const std::string& text);

 private:
  using Map = std::unordered_map<std::string, std::shared_ptr<const Result<KeyRecord>>>;
  struct Generations {
    Map young;
    Map old;
  };
  std::size_t most_;
  Guarded<Generations> generations_;
};

}  // namespace pabal::mailauth
