// A SCRAM client for the tests, written apart from the server so that both would have to be wrong in the same way.
#pragma once
#include <array>
#include <string>
#include <string_view>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "account/scram.hpp"
#include "codec/base64.hpp"

namespace pabal::account::testing {

class ScramClient {
 public:
  ScramClient(ScramHash hash, std::string user, std::string_view password, std::string nonce)
      : hash_(hash == ScramHash::sha1 ? EVP_sha1() : EVP_sha256()),
        user_(std::move(user)),
        password_(password),
        nonce_(std::move(nonce)) {}

  std::string first(std::string gs2_header, const std::string& extensions = "") {
    header_ = std::move(gs2_header);
    bare_ = "n=" + user_ + ",r=" + nonce_ + extensions;
    return header_ + bare_;
  }

  /// `binding` is the channel's octets as the client sees them; empty for a header of "n" or "y".
  std::string final_message(const std::string& server_first, const std::string& binding,
                            const std::string& extensions = "") {
    const auto value = [&](const std::string& name) {
      const auto at = server_first.find(name);
      return server_first.substr(at + 2, server_first.find(',', at) - at - 2);
    };
    const std::string salt = *codec::decode_base64(value("s="));
    // Hi(), as RFC 5802 §2.2 spells it out.
    std::string u = hmac(password_, salt + std::string("\0\0\0\1", 4));
    std::string salted = u;
    for (int i = 1; i < std::stoi(value("i=")); ++i) {
      u = hmac(password_, u);
      for (std::size_t k = 0; k < u.size(); ++k) salted[k] = static_cast<char>(salted[k] ^ u[k]);
    }
    const std::string client_key = hmac(salted, "Client Key");
    const std::string without_proof = "c=" + codec::base64(header_ + binding) + ",r=" + value("r=") + extensions;
    const std::string auth_message = bare_ + "," + server_first + "," + without_proof;
    std::string proof = hmac(sha(client_key), auth_message);
    for (std::size_t k = 0; k < proof.size(); ++k) proof[k] = static_cast<char>(proof[k] ^ client_key[k]);
    server_final_ = "v=" + codec::base64(hmac(hmac(salted, "Server Key"), auth_message));
    return without_proof + ",p=" + codec::base64(proof);
  }

  [[nodiscard]] const std::string& expected_server_final() const { return server_final_; }

 private:
  [[nodiscard]] std::string hmac(std::string_view key, std::string_view text) const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    HMAC(hash_, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), out.data(), &size);
    return {reinterpret_cast<const char*>(out.data()), size};
  }
  [[nodiscard]] std::string sha(std::string_view text) const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), out.data(), &size, hash_, nullptr);
    return {reinterpret_cast<const char*>(out.data()), size};
  }

  const EVP_MD* hash_;
  std::string user_;
  std::string password_;
  std::string nonce_;
  std::string header_;
  std::string bare_;
  std::string server_final_;
};

}  // namespace pabal::account::testing
