#include "account/authenticator.hpp"

#include <sodium.h>

#include "account/authenticator_state.hpp"
#include "base/text.hpp"

namespace pabal::account {

namespace {

constexpr std::size_t longest_user = 1024;
constexpr std::chrono::hours trust_time{30 * 24};

// How soon a wait notices that nobody waits for its end any more.
constexpr std::chrono::milliseconds longest_nap{200};

std::string refused_words() { return "authentication credentials invalid"; }

DelayOptions delays_of(const AuthenticatorOptions& options) {
  return {options.first_failure_delay, options.max_failure_delay, options.failure_memory, options.max_tracked};
}

std::unexpected<Error> too_many_failures() { return fail(ErrorKind::busy, "too many failed logins, try again later"); }

}  // namespace

Authenticator::State::State(Directory& the_directory, db::Database& the_database, db::Writer& the_writer,
                            Pool& the_pool, const Clock& the_clock, Random& the_random, Log the_log,
                            Metrics& the_metrics, std::string_view key, AuthenticatorOptions the_options)
    : directory(the_directory),
      writer(the_writer),
      pool(the_pool),
      clock(the_clock),
      random(the_random),
      log(std::move(the_log)),
      metrics(the_metrics),
      options(the_options),
      live{.scram_sha_1 = the_options.scram_sha_1,
           .cache_time = the_options.cache_time,
           .max_waiting_hashes = the_options.max_waiting_hashes,
           .max_delayed = the_options.max_delayed},
      secrets(key),
      readers(the_database),
      good_logins(the_options.max_tracked),
      trusted_pairs(the_options.max_tracked),
      address_failures(the_clock, delays_of(the_options)),
      account_failures(the_clock, delays_of(the_options)),
      hash_seconds(the_metrics.seconds("pabal_password_hash_seconds", "Time that checking a password took")),
      hashers(std::max<std::size_t>(1, the_options.max_concurrent_hashes), log) {
  randombytes_buf(process_key.data(), process_key.size());
}

Authenticator::Authenticator(std::unique_ptr<State> state) : state_(std::move(state)) {}
Authenticator::~Authenticator() = default;

Result<std::unique_ptr<Authenticator>> Authenticator::open(Directory& directory, db::Database& database,
                                                           db::Writer& writer, Pool& pool, const Clock& clock,
                                                           Random& random, Log log, Metrics& metrics, std::string key,
                                                           AuthenticatorOptions options) {
  if (sodium_init() < 0) return fail(ErrorKind::io, "local error", "libsodium does not start");
  const Wiped wiped_key(std::move(key));
  if (wiped_key.get().size() != 32) return fail(ErrorKind::syntax, "the key of the credentials must have 32 octets");
  return std::unique_ptr<Authenticator>(new Authenticator(std::make_unique<State>(
      directory, database, writer, pool, clock, random, std::move(log), metrics, wiped_key.get(), options)));
}

void Authenticator::change(const AuthenticatorOptions& options) {
  auto& live = state_->live;
  live.scram_sha_1 = options.scram_sha_1;
  live.cache_time = options.cache_time;
  live.max_waiting_hashes = options.max_waiting_hashes;
  live.max_delayed = options.max_delayed;
  // Their tables keep the size that they were made with.
  auto delays = delays_of(options);
  delays.max_tracked = state_->options.max_tracked;
  state_->address_failures.set_options(delays);
  state_->account_failures.set_options(delays);
}

std::vector<std::string_view> Authenticator::mechanisms(const ClientFacts& facts) const {
  std::vector<std::string_view> names;
  const bool can_bind = !facts.tls_exporter.empty();
  if (can_bind) names.emplace_back("SCRAM-SHA-256-PLUS");
  names.emplace_back("SCRAM-SHA-256");
  if (state_->live.scram_sha_1) {
    if (can_bind) names.emplace_back("SCRAM-SHA-1-PLUS");
    names.emplace_back("SCRAM-SHA-1");
  }
  if (facts.encrypted) {
    names.emplace_back("PLAIN");
    names.emplace_back("LOGIN");
  }
  return names;
}

Result<std::unique_ptr<SaslExchange>> Authenticator::begin(std::string_view mechanism, ClientFacts facts) {
  const auto names = mechanisms(facts);
  const auto found =
      std::ranges::find_if(names, [&](std::string_view name) { return equal_ignoring_case(name, mechanism); });
  if (found == names.end()) return fail(ErrorKind::unsupported, "authentication mechanism not available");
  if (*found == "PLAIN") return make_plain_exchange(*state_, std::move(facts));
  if (*found == "LOGIN") return make_login_exchange(*state_, std::move(facts));
  const ScramHash hash = found->starts_with("SCRAM-SHA-1") ? ScramHash::sha1 : ScramHash::sha256;
  return make_scram_exchange(*state_, std::move(facts), hash, found->ends_with("-PLUS"));
}

Async<Result<Account>> Authenticator::login(std::string user, std::string password, ClientFacts facts) {
  const WipeAtEnd wiped(password);
  if (!facts.encrypted) co_return fail(ErrorKind::policy, "encryption is required to log in");
  if (user.empty() || password.empty()) co_return fail(ErrorKind::auth, refused_words());
  co_return co_await state_->check_password(std::move(facts), "password", {}, std::move(user), std::move(password));
}

std::vector<ScramHash> Authenticator::State::scram_hashes() const {
  return live.scram_sha_1 ? std::vector{ScramHash::sha256, ScramHash::sha1} : std::vector{ScramHash::sha256};
}

Counter Authenticator::State::counter(const Attempt& attempt, std::string_view result) {
  auto known = counters.lock();
  const auto name = std::tuple(attempt.facts.protocol, attempt.mechanism, result);
  const auto found = known->find(name);
  if (found != known->end()) return found->second;
  const auto made = metrics.counter(
      "pabal_logins_total", "Attempts to log in",
      {{"protocol", attempt.facts.protocol}, {"mechanism", attempt.mechanism}, {"result", std::string(result)}});
  known->emplace(name, made);
  return made;
}

Async<Result<Authenticator::State::Attempt>> Authenticator::State::admit(ClientFacts facts, std::string_view mechanism,
                                                                         std::string user) {
  Attempt attempt{.facts = std::move(facts), .mechanism = std::string(mechanism), .user = std::move(user)};
  attempt.login = directory.try_login(attempt.user);
  if (!attempt.login) {
    if (attempt.user.size() > longest_user) attempt.user.clear();
    auto found = co_await directory.find_login(attempt.user);
    if (!found) co_return give_up(attempt, found.error());
    attempt.login = *std::move(found);
  }
  attempt.network = network_of(attempt.facts.address);
  attempt.pair = attempt.login->name + ' ' + attempt.network;
  if (attempt.account() != nullptr && !attempt.network.empty()) {
    const auto until = trusted_pairs.get(attempt.pair, attempt.account()->id.value);
    attempt.trusted = until && clock.steady() < *until;
  }
  // Who was let in from here before is not held up by what others do from the same address, or to the same account from
  // elsewhere; his own failures are counted apart.
  FailureDelays& failures = attempt.trusted ? account_failures : address_failures;
  const std::string& name = attempt.trusted ? attempt.pair : attempt.network;
  // The place on the account is taken before the wait for the address, so that many addresses can't wait side by side.
  if (!attempt.trusted) attempt.account_delay = account_failures.before_attempt(attempt.login->name);
  if (attempt.account_delay.count() != 0) {
    attempt.on_account = account_failures.begin_wait(attempt.login->name, live.max_delayed);
  }
  if (name.empty()) co_return attempt;  // a Unix socket
  const auto delay = failures.before_attempt(name);
  if (delay.count() == 0) co_return attempt;
  const auto waiting = failures.begin_wait(name, live.max_delayed);
  if (!waiting) co_return give_up(attempt, too_many_failures().error());
  if (auto waited = co_await wait_out(&attempt, delay); !waited) co_return give_up(attempt, waited.error());
  co_return attempt;
}

Async<Result<void>> Authenticator::State::admit_account(Attempt* attempt) {
  if (attempt->account_delay.count() == 0) co_return Result<void>();
  const auto place = std::exchange(attempt->on_account, std::nullopt);
  if (!place) co_return too_many_failures();
  if (attempt->account_delay <= attempt->waited) co_return Result<void>();
  co_return co_await wait_out(attempt, attempt->account_delay - attempt->waited);
}

Async<Result<void>> Authenticator::State::wait_out(Attempt* attempt, std::chrono::milliseconds delay) {
  attempt->waited += delay;
  const auto& abandoned = attempt->facts.abandoned;
  while (delay.count() > 0) {
    const auto nap = std::min(delay, longest_nap);
    co_await sleep_for(nap);
    if (abandoned && abandoned()) co_return fail(ErrorKind::busy, "try again later", "nobody waits for the answer");
    delay -= nap;
  }
  co_return Result<void>();
}

Async<Result<bool>> Authenticator::State::is_self(std::string authzid, const Login* login) {
  if (authzid.empty()) co_return true;
  const auto other = co_await directory.find_login(std::move(authzid));
  if (!other) co_return pass(other);
  co_return (*other)->name == login->name;
}

Account Authenticator::State::succeed(const Attempt& attempt, bool from_cache) {
  const Account& account = *attempt.account();
  if (attempt.waited.count() != 0 || !from_cache) {
    account_failures.forget(attempt.trusted ? attempt.pair : attempt.login->name);
  }
  if (!attempt.network.empty() && !attempt.trusted) {
    trusted_pairs.put(attempt.pair, clock.steady() + trust_time, account.id.value);
  }
  counter(attempt, "ok").add();
  log.info("login", {{"session", attempt.facts.session},
                     {"user", account.address.text()},
                     {"address", attempt.facts.address},
                     {"protocol", attempt.facts.protocol},
                     {"mechanism", attempt.mechanism},
                     {"remembered", from_cache ? "yes" : "no"}});
  return account;
}

std::unexpected<Error> Authenticator::State::refuse(const Attempt& attempt, std::string_view why) {
  if (attempt.trusted) {
    account_failures.failed(attempt.pair);
  } else {
    if (!attempt.network.empty()) address_failures.failed(attempt.network);
    account_failures.failed(attempt.login->name);
  }
  counter(attempt, "failed").add();
  log.warning("login failed", {{"session", attempt.facts.session},
                               {"user", attempt.user},
                               {"address", attempt.facts.address},
                               {"protocol", attempt.facts.protocol},
                               {"mechanism", attempt.mechanism},
                               {"reason", why}});
  return fail(ErrorKind::auth, refused_words(), std::string(why));
}

std::unexpected<Error> Authenticator::State::give_up(const Attempt& attempt, const Error& error) {
  counter(attempt, error.kind == ErrorKind::busy ? "busy" : "error").add();
  log.warning("login not possible", {{"session", attempt.facts.session},
                                     {"user", attempt.user},
                                     {"address", attempt.facts.address},
                                     {"protocol", attempt.facts.protocol},
                                     {"mechanism", attempt.mechanism},
                                     {"reason", error.log}});
  return std::unexpected(error);
}

}  // namespace pabal::account
