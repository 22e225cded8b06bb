// Keys for DKIM, made and read: mailauth knows the cryptography, account where they are kept.
#pragma once
#include <string_view>

#include "account/domain_keys.hpp"
#include "base/error.hpp"

namespace pabal::admin {

/// Takes up to a second for RSA.
[[nodiscard]] Result<account::KeyPair> make_key_pair(account::KeyAlgorithm algorithm);
/// An unencrypted private key in PEM. Errors: syntax; policy for RSA of other sizes than 2048, 3072 and 4096 bits.
[[nodiscard]] Result<account::KeyPair> read_key_pair(std::string_view pem);

}  // namespace pabal::admin
