// Authenticator: who is it, really. SASL exchanges (PLAIN, LOGIN, SCRAM-SHA-256, SCRAM-SHA-256-PLUS, SCRAM-SHA-1 where
// switched on) and plain user and password, for all protocols alike. Slow hashing runs on threads of its own, few and
// with a bounded queue, so that a flood of logins neither takes all memory nor keeps readers of mail waiting; failed
// attempts slow down the next ones by client address and by account; and nothing (answer, salt, time) tells whether an
// account exists.
//
// A good login is remembered for some minutes, so that a client that comes back pays no slow hash: under a keyed digest
// of account, credential generation and password, so that a changed password counts at once.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
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
  std::string protocol;      ///< "submission", "pop3"…, for log and metrics; one of ours, never the peer's words
  std::string session = {};  ///< the session's id, for the log; may be empty
  /// Whether nobody waits for the answer any more: the client has gone, or the server is to stop. Asked on the thread
  /// of the login while it waits out a delay, which then ends at once. May be empty.
  std::function<bool()> abandoned = {};
};

struct AuthenticatorOptions {
  bool scram_sha_1 = false;
  std::uint64_t argon2_memory_bytes = 19ULL << 20;  ///< OWASP's second choice: 19 MiB, 2 passes
  std::uint32_t argon2_passes = 2;
  std::uint32_t scram_iterations = 4096 * 4;
  std::chrono::seconds cache_time{300};  ///< how long a good login is remembered
  std::size_t max_concurrent_hashes = 2;
  std::size_t max_waiting_hashes = 200;  ///< logins that wait for a hash; beyond: `busy`
  std::chrono::milliseconds first_failure_delay{500};
  std::chrono::milliseconds max_failure_delay{15'000};
  std::chrono::seconds failure_memory{900};
  std::size_t max_delayed =
      16;  ///< attempts from one address, or on one account, that wait out a delay; beyond: `busy`
  std::size_t max_tracked = 100'000;  ///< addresses, accounts and good logins remembered
};

/// One SASL conversation (RFC 4422). Base64 is the protocol's affair: octets in, octets out. Used from one coroutine;
/// must not outlive its Authenticator.
class SaslExchange {
 public:
  struct Challenge {
    std::string octets;
  };
  /// `final_octets`, where not empty (SCRAM's proof of the server), must reach the client before the login counts for
  /// it: a protocol without room for data in its success reply sends it as a last challenge and takes an empty response
  /// (RFC 4422 §3.6).
  struct Success {
    Account account;
    std::string final_octets;
  };
  using Step = std::variant<Challenge, Success>;

  virtual ~SaslExchange() = default;
  /// `response` is nothing for a missing initial response. An Error of kind `auth` is a refusal (535 5.7.8), `syntax` a
  /// malformed response (501 5.5.2), temporary kinds 454 4.7.0; after an Error or Success the exchange is over. A
  /// refusal may take its time.
  [[nodiscard]] virtual Async<Result<Step>> step(std::optional<std::string> response) = 0;
};

class Authenticator {
 public:
  /// `key` is the 32-octet secret, kept outside the database, under which SCRAM verifiers are encrypted. The
  /// credentials' table is part of the schema "directory". `clock` is read from several threads. All objects must
  /// outlive the Authenticator, and it its exchanges and logins.
  [[nodiscard]] static Result<std::unique_ptr<Authenticator>> open(Directory& directory, db::Database& database,
                                                                   db::Writer& writer, Pool& pool, const Clock& clock,
                                                                   Random& random, Log log, Metrics& metrics,
                                                                   std::string key, AuthenticatorOptions options);
  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  /// Names of the mechanisms that would work on such a connection, strongest first. Plaintext ones only if `encrypted`.
  [[nodiscard]] std::vector<std::string_view> mechanisms(const ClientFacts& facts) const;
  /// Begins an exchange; `unsupported` for an unknown or unavailable mechanism. Case of the name does not matter.
  [[nodiscard]] Result<std::unique_ptr<SaslExchange>> begin(std::string_view mechanism, ClientFacts facts);
  /// USER and PASS. Errors as of SaslExchange::step; `policy` where the connection isn't encrypted.
  [[nodiscard]] Async<Result<Account>> login(std::string user, std::string password, ClientFacts facts);

  /// Takes over, for attempts from now on, what may change while it runs: scram_sha_1, cache_time, the delays after
  /// failures and how long they are remembered, max_waiting_hashes, max_delayed. Any thread.
  void change(const AuthenticatorOptions& options);

  // Blocking, for the command line and the control thread.
  /// Sets the main password: Argon2id hash and SCRAM verifiers of its SASLprep'd form; the generation grows. It must be
  /// an OpaqueString (RFC 8265): not empty, no control characters; at most 1,024 octets. App passwords stay.
  [[nodiscard]] Result<void> set_password(AccountId account, std::string_view password);
  /// An app password with a name of its own; the secret is made here and returned once. Plain mechanisms take it, SCRAM
  /// doesn't.
  [[nodiscard]] Result<std::string> add_app_password(AccountId account, std::string_view name);
  [[nodiscard]] Result<void> remove_app_password(AccountId account, std::string_view name);
  /// All of them: nobody logs in any more.
  [[nodiscard]] Result<void> remove_credentials(AccountId account);
  struct CredentialInfo {
    std::string kind;  ///< "password", "app", "scram-sha-256"…
    std::string name;
    SystemTime created;
    std::optional<SystemTime> last_used;  ///< to the hour
  };
  [[nodiscard]] Result<std::vector<CredentialInfo>> list_credentials(AccountId account);

  struct State;  ///< for the files of this folder

 private:
  explicit Authenticator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pabal::account
