// SaslClient: a login from the client's side (RFC 4422), a message at a time; PLAIN (RFC 4616) and LOGIN. Octets as
// they are, without SMTP's base64.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::smtp {

class SaslClient {
 public:
  virtual ~SaslClient() = default;
  /// "PLAIN"; static lifetime.
  [[nodiscard]] virtual std::string_view mechanism() const noexcept = 0;
  /// True where who listens learns the password.
  [[nodiscard]] virtual bool shows_password() const noexcept = 0;
  /// True where the client speaks first (RFC 4422 §3): answer("") gives what it says.
  [[nodiscard]] virtual bool speaks_first() const noexcept = 0;
  /// The answer to a challenge. An Error ends the exchange.
  [[nodiscard]] virtual Result<std::string> answer(std::string_view challenge) = 0;
  /// Whether a success that the server tells now may be believed: mechanisms that prove the server, too, have seen the
  /// proof.
  [[nodiscard]] virtual bool may_succeed() const noexcept = 0;
};

[[nodiscard]] std::unique_ptr<SaslClient> sasl_plain(std::string user, std::string password);
/// Never an RFC, and all that some servers offer: the user's name, then the password.
[[nodiscard]] std::unique_ptr<SaslClient> sasl_login(std::string user, std::string password);

}  // namespace pabal::smtp
