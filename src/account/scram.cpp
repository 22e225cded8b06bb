#include "account/scram.hpp"

#include <array>
#include <optional>
#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.hpp"
#include "codec/base64.hpp"

namespace pabal::account {

namespace {

const EVP_MD* openssl_hash(ScramHash hash) noexcept { return hash == ScramHash::sha1 ? EVP_sha1() : EVP_sha256(); }

const unsigned char* bytes(std::string_view octets) noexcept {
  return reinterpret_cast<const unsigned char*>(octets.data());
}

std::string hmac(ScramHash hash, std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (HMAC(openssl_hash(hash), key.data(), static_cast<int>(key.size()), bytes(text), text.size(), out.data(), &size) ==
      nullptr) {
    throw std::runtime_error("OpenSSL has no HMAC");
  }
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string digest(ScramHash hash, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), out.data(), &size, openssl_hash(hash), nullptr) != 1) {
    throw std::runtime_error("OpenSSL has no digest");
  }
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::unexpected<Error> malformed(std::string_view why) {
  return fail(ErrorKind::syntax, "malformed SCRAM message", "SCRAM: " + std::string(why));
}

std::unexpected<Error> refused(std::string_view why) {
  return fail(ErrorKind::auth, "authentication failed", "SCRAM: " + std::string(why));
}

// saslname (§5.1): "=2C" is a comma, "=3D" an equals sign, any other "=" is wrong.
std::optional<std::string> decode_name(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i];
      continue;
    }
    const auto code = text.substr(i + 1, 2);
    if (code != "2C" && code != "3D") return std::nullopt;
    out += code == "2C" ? ',' : '=';
    i += 2;
  }
  if (out.empty()) return std::nullopt;
  return out;
}

// cb-name = 1*(ALPHA / DIGIT / "." / "-")
bool is_binding_name(std::string_view name) noexcept {
  for (const char c : name) {
    if (!is_alpha(c) && !is_digit(c) && c != '.' && c != '-') return false;
  }
  return !name.empty();
}

// printable = %x21-2B / %x2D-7E
bool is_nonce(std::string_view nonce) noexcept {
  for (const char c : nonce) {
    if (c < '!' || c > '~' || c == ',') return false;
  }
  return !nonce.empty();
}

// The attributes of a message one after another: `n=name,r=nonce,…`.
class Attributes {
 public:
  explicit Attributes(std::string_view text) : rest_(text), more_(true) {}

  // The next attribute's value if it has this name; nothing otherwise.
  std::optional<std::string_view> take(char name) noexcept {
    const auto attribute = peek();
    if (!attribute || attribute->front() != name) return std::nullopt;
    advance(attribute->size());
    return attribute->substr(2);
  }

  // The next attribute, at least a letter and "=".
  [[nodiscard]] std::optional<std::string_view> peek() const noexcept {
    if (!more_) return std::nullopt;
    const auto attribute = rest_.substr(0, rest_.find(','));
    if (attribute.size() < 2 || !is_alpha(attribute[0]) || attribute[1] != '=') return std::nullopt;
    return attribute;
  }

  // Leaves out extensions (attr-val with a value that is not empty) up to the attribute `end`, or to the message's end
  // for '\0'. False for what is no extension, and for `m`, which whoever doesn't know its meaning must refuse.
  bool skip_extensions(char end) noexcept {
    while (more_) {
      const auto attribute = peek();
      if (!attribute) return false;
      if (attribute->front() == end) return true;
      if (attribute->front() == 'm' || attribute->size() < 3) return false;
      advance(attribute->size());
    }
    return end == '\0';
  }

  [[nodiscard]] bool at_end() const noexcept { return !more_; }

 private:
  void advance(std::size_t count) noexcept {
    more_ = count < rest_.size();
    rest_.remove_prefix(more_ ? count + 1 : count);
  }

  std::string_view rest_;
  bool more_;
};

bool equal_secrets(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// Every message is UTF-8 without zero octets (§7), of a bearable length.
bool is_text(std::string_view message) noexcept {
  return message.size() <= ScramServer::max_message_octets && is_utf8(message) &&
         message.find('\0') == std::string_view::npos;
}

}  // namespace

std::size_t octets_of(ScramHash hash) noexcept { return hash == ScramHash::sha1 ? 20 : 32; }

ScramVerifier make_scram_verifier(ScramHash hash, std::string_view password, std::string salt,
                                  std::uint32_t iterations) {
  std::string salted(octets_of(hash), '\0');
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes(salt), static_cast<int>(salt.size()),
                        static_cast<int>(iterations), openssl_hash(hash), static_cast<int>(salted.size()),
                        reinterpret_cast<unsigned char*>(salted.data())) != 1) {
    throw std::runtime_error("OpenSSL has no PBKDF2");
  }
  ScramVerifier made;
  made.stored_key = digest(hash, hmac(hash, salted, "Client Key"));
  made.server_key = hmac(hash, salted, "Server Key");
  made.salt = std::move(salt);
  made.iterations = iterations;
  OPENSSL_cleanse(salted.data(), salted.size());
  return made;
}

ScramServer::ScramServer(ScramHash hash, ScramChannel channel, std::string nonce)
    : hash_(hash), channel_(std::move(channel)), nonce_(std::move(nonce)) {}

Result<ScramServer::User> ScramServer::client_first(std::string_view message) {
  if (!is_text(message)) return malformed("client-first-message is no text");
  const auto flag_end = message.find(',');
  if (flag_end == std::string_view::npos) return malformed("no gs2-header");
  const auto flag = message.substr(0, flag_end);
  const auto authzid_end = message.find(',', flag_end + 1);
  if (authzid_end == std::string_view::npos) return malformed("no gs2-header");
  const auto authzid = message.substr(flag_end + 1, authzid_end - flag_end - 1);
  gs2_header_ = message.substr(0, authzid_end + 1);
  client_first_bare_ = message.substr(authzid_end + 1);

  User user;
  if (!authzid.empty()) {
    auto name = authzid.starts_with("a=") ? decode_name(authzid.substr(2)) : std::nullopt;
    if (!name) return malformed("invalid authzid");
    user.authzid = *std::move(name);
  }
  Attributes attributes(client_first_bare_);
  if (const auto first = attributes.peek(); first && first->front() == 'm') {
    return refused("an extension that we must know and don't");
  }
  const auto name = attributes.take('n');
  auto decoded = name ? decode_name(*name) : std::nullopt;
  if (!decoded) return malformed("invalid user name");
  user.name = *std::move(decoded);
  const auto nonce = attributes.take('r');
  if (!nonce || !is_nonce(*nonce)) return malformed("invalid nonce");
  if (!attributes.skip_extensions('\0')) return malformed("invalid extension");

  // The message is well-formed; now what it says of channel binding (§6).
  if (flag == "n" || flag == "y") {
    if (channel_.plus) return refused("a -PLUS mechanism without channel binding");
    // The client could bind and believes that we can't: somebody took our offer away on the way.
    if (flag == "y" && channel_.plus_offered) return refused("channel binding was stripped from our offer");
  } else if (flag.starts_with("p=") && is_binding_name(flag.substr(2))) {
    if (!channel_.plus) return refused("channel binding with a mechanism that has none");
    if (flag != "p=tls-exporter") return refused("unsupported channel binding type");
  } else {
    return malformed("invalid gs2-cbind-flag");
  }
  nonce_ = std::string(*nonce) + nonce_;
  return user;
}

std::string ScramServer::challenge(ScramVerifier verifier) {
  verifier_ = std::move(verifier);
  server_first_ = "r=" + nonce_ + ",s=" + codec::base64(verifier_.salt) + ",i=" + std::to_string(verifier_.iterations);
  return server_first_;
}

Result<std::string> ScramServer::client_final(std::string_view message) {
  if (!is_text(message)) return malformed("client-final-message is no text");
  Attributes attributes(message);
  const auto binding = attributes.take('c');
  if (!binding) return malformed("no channel binding");
  const auto bound = codec::decode_base64(*binding);
  if (!bound) return malformed("invalid channel binding");
  const auto nonce = attributes.take('r');
  if (!nonce || !is_nonce(*nonce)) return malformed("invalid nonce");
  if (!attributes.skip_extensions('p')) return malformed("invalid extension");
  const auto proof_text = attributes.take('p');
  if (!proof_text || !attributes.at_end()) return malformed("no proof at the end");
  const auto proof = codec::decode_base64(*proof_text);
  if (!proof || proof->size() != octets_of(hash_)) return malformed("invalid proof");

  const auto without_proof = message.substr(0, message.size() - proof_text->size() - 3);
  const std::string auth_message = client_first_bare_ + ',' + server_first_ + ',' + std::string(without_proof);
  std::string client_key = hmac(hash_, verifier_.stored_key, auth_message);
  for (std::size_t i = 0; i < client_key.size(); ++i) client_key[i] = static_cast<char>(client_key[i] ^ (*proof)[i]);

  if (!equal_secrets(*bound, channel_.plus ? gs2_header_ + channel_.exporter : gs2_header_)) {
    return refused("the channel binding is another one");
  }
  if (!equal_secrets(*nonce, nonce_)) return refused("the nonce is another one");
  if (!equal_secrets(digest(hash_, client_key), verifier_.stored_key)) return refused("wrong password");
  return "v=" + codec::base64(hmac(hash_, verifier_.server_key, auth_message));
}

}  // namespace pabal::account
