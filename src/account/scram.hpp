// SCRAM (RFC 5802, RFC 7677) from the server's side: messages in, messages out, no sockets, no database. Channel
// binding is tls-exporter (RFC 9266).
//
// An exchange goes client_first, challenge, client_final, once each. Nothing that it answers tells whether the user
// exists: for one who doesn't, challenge() is given a made-up verifier.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::account {

enum class ScramHash : std::uint8_t { sha1, sha256 };

/// Octets of the hash and of the keys made with it.
[[nodiscard]] std::size_t octets_of(ScramHash hash) noexcept;

/// What the server keeps of a password (RFC 5802 §3). Whoever has it can pose as the server and try passwords, so it is
/// stored encrypted.
struct ScramVerifier {
  std::string salt;
  std::uint32_t iterations = 0;
  std::string stored_key;
  std::string server_key;
  friend bool operator==(const ScramVerifier&, const ScramVerifier&) = default;
};

/// `password` is SASLprep'd already. Takes a few milliseconds.
[[nodiscard]] ScramVerifier make_scram_verifier(ScramHash hash, std::string_view password, std::string salt,
                                                std::uint32_t iterations);

/// What the connection and the chosen mechanism are.
struct ScramChannel {
  bool plus = false;          ///< the mechanism is the -PLUS variant
  bool plus_offered = false;  ///< we announced the -PLUS variant on this connection
  std::string exporter;       ///< tls-exporter octets; empty without TLS
};

class ScramServer {
 public:
  /// Longer messages are refused.
  static constexpr std::size_t max_message_octets = 4096;

  /// `nonce` is our part: printable ASCII without commas, at least 18 octets of randomness.
  ScramServer(ScramHash hash, ScramChannel channel, std::string nonce);

  /// client-first-message. `syntax` for what isn't one, `auth` for what is refused: a channel binding that was stripped
  /// on the way (§6), is not offered, or has the wrong type; extensions that we must know and don't (§5.1, attribute
  /// m).
  struct User {
    std::string name;
    std::string authzid;  ///< empty: the user itself
  };
  [[nodiscard]] Result<User> client_first(std::string_view message);
  /// server-first-message, for the user's verifier.
  [[nodiscard]] std::string challenge(ScramVerifier verifier);
  /// client-final-message. Gives server-final-message if the password is right; `auth` if it is wrong or the channel
  /// isn't the one that the client sees, `syntax` for what isn't such a message.
  [[nodiscard]] Result<std::string> client_final(std::string_view message);

 private:
  ScramHash hash_;
  ScramChannel channel_;
  std::string nonce_;  // ours, then the whole
  std::string gs2_header_;
  std::string client_first_bare_;
  std::string server_first_;
  ScramVerifier verifier_;
};

}  // namespace pabal::account
