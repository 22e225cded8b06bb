// Authenticator: who is it, really. SASL exchanges (PLAIN, LOGIN, SCRAM-SHA-256, SCRAM-SHA-256-PLUS, SCRAM-SHA-1 where
// switched on) and plain user and password, for all protocols alike. Slow hashing runs on the pool; failed attempts are
// slowed down by client address and by account; and nothing (answer, salt, time) tells whether an account exists.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/directory.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"

namespace pabal::account {

/// What the connection is, for mechanisms and limits.
struct ClientFacts {
  std::string address;       ///< client IP as text; empty for Unix sockets
  bool encrypted = false;    ///< TLS, or a connection where plaintext is allowed
  std::string tls_exporter;  ///< RFC 9266; empty without TLS
  std::string protocol;      ///< "submission", "pop3"…, for log and metrics
};

struct AuthenticatorOptions {
  bool scram_sha_1 = false;
  std::uint64_t argon2_memory_bytes = 19ULL << 20;  ///< OWASP's second choice: 19 MiB, 2 passes
  std::uint32_t argon2_passes = 2;
  std::uint32_t scram_iterations = 4096 * 4;
  std::chrono::seconds cache_time{300};  ///< how long a good login is remembered
  std::size_t max_concurrent_hashes = 2;
  std::chrono::milliseconds first_failure_delay{500};
  std::chrono::milliseconds max_failure_delay{15'000};
  std::chrono::seconds failure_memory{900};
  std::size_t max_tracked = 100'000;  ///< addresses and accounts remembered for slowing down
};

/// One SASL conversation (RFC 4422). Base64 is the protocol's affair: octets in, octets out.
class SaslExchange {
 public:
  struct Challenge {
    std::string octets;
  };
  struct Success {
    Account account;
    std::string final_octets;
  };  ///< final data, where a mechanism has some (SCRAM)
  using Step = std::variant<Challenge, Success>;

  virtual ~SaslExchange() = default;
  /// `response` is nothing for a missing initial response. An Error of kind `auth` is a refusal (535 5.7.8), `syntax` a
  /// malformed response, temporary kinds 454 4.7.0.
  [[nodiscard]] virtual Async<Result<Step>> step(std::optional<std::string> response) = 0;
};

class Authenticator {
 public:
  /// `key` is the 32-octet secret, kept outside the database, under which SCRAM verifiers are encrypted. Opens (and
  /// brings up to date) the schema "credentials" in the directory database.
  [[nodiscard]] static Result<std::unique_ptr<Authenticator>> open(Directory& directory, db::Database& database,
                                                                   db::Writer& writer, Pool& pool, const Clock& clock,
                                                                   Random& random, Log log, Metrics& metrics,
                                                                   std::string key, AuthenticatorOptions options);
  ~Authenticator();

  /// Names of the mechanisms that would work on such a connection, strongest first. Plaintext ones only if `encrypted`.
  [[nodiscard]] std::vector<std::string_view> mechanisms(const ClientFacts& facts) const;
  /// Begins an exchange; `unsupported` for an unknown or unavailable mechanism.
  [[nodiscard]] Result<std::unique_ptr<SaslExchange>> begin(std::string_view mechanism, ClientFacts facts);
  /// USER/PASS and LOGIN.
  [[nodiscard]] Async<Result<Account>> login(std::string user, std::string password, ClientFacts facts);

  // Blocking, for the command line and the control thread.
  /// Sets the main password (SASLprep'd, RFC 7613/8265 OpaqueString): Argon2id hash and SCRAM verifiers; generation
  /// grows.
  [[nodiscard]] Result<void> set_password(AccountId account, std::string_view password);
  /// An app password with a name of its own; the secret is made here and returned once.
  [[nodiscard]] Result<std::string> add_app_password(AccountId account, std::string_view name);
  [[nodiscard]] Result<void> remove_credentials(AccountId account);

 private:
  struct State;
  explicit Authenticator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pabal::account
