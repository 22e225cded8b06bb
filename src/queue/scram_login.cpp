#include "queue/scram_login.hpp"

#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.hpp"
#include "codec/base64.hpp"
#include "codec/unicode.hpp"

namespace pabal::queue {

namespace {

constexpr std::size_t kDigest = 32;
constexpr std::size_t kLongestMessage = 4096;
constexpr std::string_view kHeader = "n,,";  // no channel binding, no other identity

const unsigned char* octets_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string keyed(std::string_view key, std::string_view text) {
  std::string out(kDigest, '\0');
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets_of(text), text.size(),
           reinterpret_cast<unsigned char*>(out.data()), nullptr) == nullptr) {
    throw std::runtime_error("OpenSSL has no HMAC");
  }
  return out;
}

std::string hashed(std::string_view text) {
  std::string out(kDigest, '\0');
  if (EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr, EVP_sha256(),
                 nullptr) != 1) {
    throw std::runtime_error("OpenSSL has no SHA-256");
  }
  return out;
}

/// saslname (RFC 5802 §5.1).
std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',') {
      out += "=2C";
    } else if (c == '=') {
      out += "=3D";
    } else {
      out += c;
    }
  }
  return out;
}

std::unexpected<Error> bad(std::string_view why) {
  return fail(ErrorKind::syntax, "the host's SCRAM is malformed", fmt::format("SCRAM: {}", why));
}

/// The value of the attribute at the front of `text`, which is taken off with its comma.
std::optional<std::string_view> take(std::string_view& text, char name) {
  if (text.size() < 2 || text[0] != name || text[1] != '=') return std::nullopt;
  const auto comma = text.find(',');
  const auto value = text.substr(2, comma == std::string_view::npos ? comma : comma - 2);
  text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  return value;
}

class ScramLogin final : public smtp::SaslClient {
 public:
  ScramLogin(const std::string& user, const std::string& password, std::string nonce)
      : user_(escaped(codec::saslprep(user).value_or(user))),
        password_(codec::prepare_password(password)),
        nonce_(std::move(nonce)) {}
  ~ScramLogin() override { OPENSSL_cleanse(password_.data(), password_.size()); }
  ScramLogin(const ScramLogin&) = delete;
  ScramLogin& operator=(const ScramLogin&) = delete;

  [[nodiscard]] std::string_view mechanism() const noexcept override { return "SCRAM-SHA-256"; }
  [[nodiscard]] bool shows_password() const noexcept override { return false; }
  [[nodiscard]] bool speaks_first() const noexcept override { return true; }
  [[nodiscard]] bool may_succeed() const noexcept override { return proved_; }
  [[nodiscard]] Result<std::string> answer(std::string_view challenge) override {
    switch (step_++) {
      case 0:
        first_bare_ = fmt::format("n={},r={}", user_, nonce_);
        return fmt::format("{}{}", kHeader, first_bare_);
      case 1:
        return prove(challenge);
      case 2:
        return check(challenge);
      default:
        return bad("the host asks for more than there is");
    }
  }

 private:
  Result<std::string> prove(std::string_view server_first) {
    if (server_first.size() > kLongestMessage) return bad("server-first-message is too long");
    auto rest = server_first;
    const auto nonce = take(rest, 'r');
    // §5.1: it must begin with ours, and have something of the server's behind it.
    if (!nonce || !nonce->starts_with(nonce_) || nonce->size() == nonce_.size()) return bad("the nonce is another one");
    const auto salt_text = take(rest, 's');
    const auto salt = salt_text ? codec::decode_base64(*salt_text) : Result<std::string>(bad("no salt"));
    if (!salt || salt->empty()) return bad("no salt");
    const auto rounds_text = take(rest, 'i');
    const auto rounds = rounds_text ? parse_decimal(*rounds_text) : std::nullopt;
    if (!rounds || *rounds == 0) return bad("no count of rounds");
    if (*rounds > kMostScramRounds) {
      return fail(ErrorKind::limit, "the host wants too many rounds of SCRAM",
                  fmt::format("SCRAM: {} rounds", *rounds));
    }
    std::string salted(kDigest, '\0');
    if (PKCS5_PBKDF2_HMAC(password_.data(), static_cast<int>(password_.size()), octets_of(*salt),
                          static_cast<int>(salt->size()), static_cast<int>(*rounds), EVP_sha256(), kDigest,
                          reinterpret_cast<unsigned char*>(salted.data())) != 1) {
      throw std::runtime_error("OpenSSL has no PBKDF2");
    }
    const auto without_proof = fmt::format("c={},r={}", codec::base64(kHeader), *nonce);
    const auto all = fmt::format("{},{},{}", first_bare_, server_first, without_proof);
    auto proof = keyed(salted, "Client Key");
    const auto signature = keyed(hashed(proof), all);
    for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ signature[i]);
    expected_ = keyed(keyed(salted, "Server Key"), all);
    OPENSSL_cleanse(salted.data(), salted.size());
    return fmt::format("{},p={}", without_proof, codec::base64(proof));
  }

  /// The server's proof that it knows the password, too.
  Result<std::string> check(std::string_view server_final) {
    auto rest = server_final;
    if (const auto error = take(rest, 'e')) {
      return fail(ErrorKind::auth, "the host refuses our login", fmt::format("SCRAM: {}", printable(*error, 80)));
    }
    const auto text = take(rest, 'v');
    const auto signature = text ? codec::decode_base64(*text) : Result<std::string>(bad("no signature"));
    if (!signature || signature->size() != expected_.size() ||
        CRYPTO_memcmp(signature->data(), expected_.data(), expected_.size()) != 0) {
      return fail(ErrorKind::auth, "the host does not know the password", "SCRAM: the server's signature is wrong");
    }
    proved_ = true;
    return std::string();
  }

  std::string user_;
  std::string password_;
  std::string nonce_;
  std::string first_bare_;
  std::string expected_;  ///< the server's signature
  int step_ = 0;
  bool proved_ = false;
};

}  // namespace

std::unique_ptr<smtp::SaslClient> scram_login(const std::string& user, const std::string& password, std::string nonce) {
  return std::make_unique<ScramLogin>(user, password, std::move(nonce));
}

}  // namespace pabal::queue
