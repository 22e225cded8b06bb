// What an Authenticator holds, and what its mechanisms share. Part of the authenticator.
#pragma once
#include <atomic>
#include <map>
#include <set>
#include <tuple>

#include "account/authenticator.hpp"
#include "account/bounded_cache.hpp"
#include "account/credentials.hpp"
#include "account/disguise.hpp"
#include "account/failure_delays.hpp"
#include "account/password_hash.hpp"
#include "base/counted.hpp"
#include "base/wiped.hpp"

namespace pabal::account {

/// Longer passwords and names are no credentials of ours.
inline constexpr std::size_t max_password_octets = 1024;

struct Authenticator::State {
  State(Directory& the_directory, db::Database& the_database, db::Writer& the_writer, Pool& the_pool,
        const Clock& the_clock, Random& the_random, Log the_log, Metrics& the_metrics, std::string_view key,
        AuthenticatorOptions the_options);

  /// An attempt to log in, from the name to the verdict.
  struct Attempt {
    ClientFacts facts;
    std::string mechanism;
    std::string user;  ///< as the client wrote it
    std::shared_ptr<const Login> login{};
    std::string network{};  ///< what the address is counted under
    std::string pair{};     ///< account and address together
    bool trusted = false;   ///< this account logged in from this address before
    std::chrono::milliseconds waited{0};
    std::chrono::milliseconds account_delay{0};                       ///< what earlier failures on the account cost
    std::optional<FailureDelays::Waiting> on_account = std::nullopt;  ///< its place among those that wait for that

    /// The account, if it exists and may log in.
    [[nodiscard]] const Account* account() const noexcept {
      return login->account && login->account->enabled ? &*login->account : nullptr;
    }
  };

  /// Finds whose name it is and waits out what earlier failures from the address cost.
  [[nodiscard]] Async<Result<Attempt>> admit(ClientFacts facts, std::string_view mechanism, std::string user);
  /// Waits out what earlier failures on the account cost, where that is longer.
  [[nodiscard]] Async<Result<void>> admit_account(Attempt* attempt);
  /// `busy` where nobody waits for the answer any more.
  [[nodiscard]] Async<Result<void>> wait_out(Attempt* attempt, std::chrono::milliseconds delay);
  /// Whether the SASL authorisation identity is the user's own name (RFC 4616 §2; nobody acts for others here).
  [[nodiscard]] Async<Result<bool>> is_self(std::string authzid, const Login* login);

  /// Counts, logs and remembers the outcome.
  [[nodiscard]] Account succeed(const Attempt& attempt, bool from_cache);
  [[nodiscard]] std::unexpected<Error> refuse(const Attempt& attempt, std::string_view why);
  /// Hands an error that is no refusal on, counted.
  [[nodiscard]] std::unexpected<Error> give_up(const Attempt& attempt, const Error& error);

  [[nodiscard]] Async<Result<Account>> check_password(ClientFacts facts, std::string_view mechanism,
                                                      std::string authzid, std::string user, std::string password);
  /// The verifier of an account, or a made-up one.
  [[nodiscard]] Async<Result<ScramVerifier>> find_verifier(const Attempt* attempt, ScramHash hash);

  /// What those look like who don't exist. Blocking; all attempts ask for it alike, whoever they are.
  [[nodiscard]] Result<std::shared_ptr<const Disguise>> disguise();

  /// Runs a slow job on the hashing threads; `busy` when too many wait already.
  template <class Work>
  [[nodiscard]] Async<std::invoke_result_t<Work&>> run_hash(Work work) {
    const Counted waiting(waiting_hashes);
    if (waiting.before() >= live.max_waiting_hashes) {
      co_return fail(ErrorKind::busy, "too many logins at once, try again later");
    }
    co_return co_await hashers.run(std::move(work));
  }

  /// What a password check found.
  struct Verdict {
    bool right = false;
    std::int64_t credential = 0;
    bool used_lately = false;  ///< its last_used need not be written again
    std::string
        stale_hash{};  ///< the main password's hash, where it or its verifiers are not as the settings want them
  };
  /// `name` is the canonical one.
  [[nodiscard]] Result<Verdict> verify(AccountId account, const std::string& name, const std::string& password);
  void after_verdict(const Account& account, const Verdict& verdict, std::shared_ptr<const Wiped> password);
  /// Hashes the password anew with today's parameters. On a hashing thread.
  void upgrade(const Account& account, const std::string& old_hash, const std::string& password);
  void note_use(AccountId account, std::int64_t credential);

  [[nodiscard]] std::string cache_name(const Account* account, std::string_view password) const;
  [[nodiscard]] std::vector<ScramHash> scram_hashes() const;
  [[nodiscard]] Counter counter(const Attempt& attempt, std::string_view result);
  [[nodiscard]] HashCost cost() const noexcept {
    return {options.argon2_memory_bytes / 1024 * 1024, options.argon2_passes};
  }

  Directory& directory;
  db::Writer& writer;
  Pool& pool;
  const Clock& clock;
  Random& random;
  const Log log;
  Metrics& metrics;
  const AuthenticatorOptions options;  ///< as at the start
  /// Those of them that may change, as they are now.
  struct Live {
    std::atomic<bool> scram_sha_1;
    std::atomic<std::chrono::seconds> cache_time;
    std::atomic<std::size_t> max_waiting_hashes;
    std::atomic<std::size_t> max_delayed;
  } live;
  const Secrets secrets;
  std::array<unsigned char, 32> process_key{};
  db::Readers readers;

  BoundedCache<SteadyTime> good_logins;  ///< by cache_name: until when
  BoundedCache<SteadyTime> trusted_pairs;
  FailureDelays address_failures;
  FailureDelays account_failures;  ///< of accounts, and of trusted pairs
  std::atomic<std::size_t> waiting_hashes{0};
  std::atomic<std::uint64_t> hashes_done{0};
  Guarded<std::set<AccountId>> upgrading;
  struct Disguised {
    std::shared_ptr<const Disguise> disguise;
    SteadyTime read_at;
  };
  Guarded<Disguised> disguised;
  Guarded<std::map<std::tuple<std::string, std::string, std::string_view>, Counter>> counters;
  Histogram hash_seconds;

  Pool hashers;  ///< last: its jobs use all of the above
};

/// The exchanges. `hash` and `plus` say which SCRAM it is.
[[nodiscard]] std::unique_ptr<SaslExchange> make_plain_exchange(Authenticator::State& state, ClientFacts facts);
[[nodiscard]] std::unique_ptr<SaslExchange> make_login_exchange(Authenticator::State& state, ClientFacts facts);
[[nodiscard]] std::unique_ptr<SaslExchange> make_scram_exchange(Authenticator::State& state, ClientFacts facts,
                                                                ScramHash hash, bool plus);

}  // namespace pabal::account
