// Checking passwords: remembered logins, Argon2id, app passwords, and hashes that grow with their parameters.
#include <sodium.h>

#include "account/authenticator_state.hpp"
#include "base/text.hpp"
#include "codec/unicode.hpp"

namespace pabal::account {

namespace {

constexpr std::chrono::hours use_noted_every{1};
constexpr std::chrono::minutes counted_every{10};

// The same for whatever is wrong with them.
std::string_view reason(const Authenticator::State::Attempt& attempt) noexcept {
  if (!attempt.login->account) return "no such account";
  return attempt.login->account->enabled ? "wrong password" : "the account is disabled";
}

const Credential* find(const std::vector<Credential>& all, std::string_view kind) noexcept {
  const auto found = std::ranges::find(all, kind, &Credential::kind);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

// A name for the good login that tells nothing about the password to whoever reads the memory without the process key.
std::string Authenticator::State::cache_name(const Account* account, std::string_view password) const {
  std::string text;
  text.reserve(48 + password.size());
  text += std::to_string(account == nullptr ? 0 : account->id.value);
  text += ' ';
  text += std::to_string(account == nullptr ? 0 : account->credential_generation);
  text += ' ';
  text += password;
  const Wiped wiped(std::move(text));
  std::string name(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256(reinterpret_cast<unsigned char*>(name.data()),
                         reinterpret_cast<const unsigned char*>(wiped.get().data()), wiped.get().size(),
                         process_key.data());
  return name;
}

Async<Result<Account>> Authenticator::State::check_password(ClientFacts facts, std::string_view mechanism,
                                                            std::string authzid, std::string user,
                                                            std::string password) {
  const auto secret = std::make_shared<const Wiped>(std::move(password));
  auto admitted = co_await admit(std::move(facts), mechanism, std::move(user));
  if (!admitted) co_return pass(admitted);
  Attempt attempt = *std::move(admitted);
  auto self = co_await is_self(std::move(authzid), attempt.login.get());
  if (!self) co_return give_up(attempt, self.error());

  const std::string remembered = cache_name(attempt.account(), secret->get());
  const auto until = good_logins.get(remembered, 0);
  if (until && clock.steady() < *until && attempt.account() != nullptr && *self) co_return succeed(attempt, true);

  if (auto ready = co_await admit_account(&attempt); !ready) co_return give_up(attempt, ready.error());
  // A disabled account's own hash is tried as well: it must take the same time as before.
  const AccountId id = attempt.login->account ? attempt.login->account->id : AccountId{};
  const auto verdict =
      co_await run_hash([this, id, login = attempt.login, secret] { return verify(id, login->name, secret->get()); });
  if (!verdict) co_return give_up(attempt, verdict.error());
  if (!verdict->right || attempt.account() == nullptr) co_return refuse(attempt, reason(attempt));
  if (!*self) co_return refuse(attempt, "another authorisation identity");
  good_logins.put(remembered, clock.steady() + live.cache_time.load(), 0);
  after_verdict(*attempt.account(), *verdict, secret);
  co_return succeed(attempt, false);
}

// How many accounts have what changes as they log in, over days: it is counted anew now and then until all are the
// same.
Result<std::shared_ptr<const Disguise>> Authenticator::State::disguise() {
  auto held = disguised.lock();
  const auto now = clock.steady();
  if (held->disguise && (!held->disguise->is_changing() || now - held->read_at < counted_every)) return held->disguise;
  auto made = readers.read([&](db::Connection& connection) {
    return Disguise::read(connection, secrets, random, cost(), options.scram_iterations);
  });
  if (!made) return pass(made);
  *held = {.disguise = std::make_shared<const Disguise>(*std::move(made)), .read_at = now};
  return held->disguise;
}

Result<Authenticator::State::Verdict> Authenticator::State::verify(AccountId account, const std::string& name,
                                                                   const std::string& password) {
  const auto nobody = disguise();
  if (!nobody) return pass(nobody);
  const auto credentials =
      readers.read([&](db::Connection& connection) { return read_credentials(connection, account); });
  if (!credentials) return pass(credentials);
  const auto now = clock.now();
  const auto right = [&](const Credential& credential) {
    const bool lately = credential.last_used && now - from_database(*credential.last_used) < use_noted_every;
    return Verdict{.right = true, .credential = credential.id, .used_lately = lately};
  };

  // App passwords first: they cost nothing. Whoever's is right has shown it; all others pay the same.
  if (const auto typed = normal_app_password(password)) {
    const Wiped digest(secrets.app_digest(account, *typed));
    for (const auto& credential : *credentials) {
      if (credential.kind == kind::app && credential.secret.size() == digest.get().size() &&
          sodium_memcmp(credential.secret.data(), digest.get().data(), digest.get().size()) == 0) {
        return right(credential);
      }
    }
  }

  const Credential* stored = find(*credentials, kind::password);
  const auto began = std::chrono::steady_clock::now();
  const Wiped prepared(password.size() > max_password_octets ? std::string() : codec::prepare_password(password));
  const auto fits =
      verify_password(stored == nullptr ? (*nobody)->hash(secrets.place_of(name)) : stored->secret, prepared.get());
  hashes_done.fetch_add(1, std::memory_order_relaxed);
  hash_seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  if (!fits) return pass(fits);
  if (!*fits || stored == nullptr || prepared.get().empty()) return Verdict{};

  auto verdict = right(*stored);
  bool stale = cost_of(stored->secret) != cost();
  for (const ScramHash hash : scram_hashes()) {
    const Credential* sealed = find(*credentials, kind::scram(hash));
    const auto verifier = sealed == nullptr ? std::nullopt : secrets.unseal(account, hash, sealed->secret);
    stale = stale || !verifier || verifier->iterations != options.scram_iterations;
  }
  if (stale) verdict.stale_hash = stored->secret;
  return verdict;
}

void Authenticator::State::after_verdict(const Account& account, const Verdict& verdict,
                                         std::shared_ptr<const Wiped> password) {
  if (!verdict.used_lately) note_use(account.id, verdict.credential);
  if (verdict.stale_hash.empty() || !upgrading.lock()->insert(account.id).second) return;
  hashers.post([this, account, old_hash = verdict.stale_hash, password = std::move(password)] {
    const auto done = run_caught("the upgrade", [&]() -> Result<void> {
      upgrade(account, old_hash, password->get());
      return {};
    });
    upgrading.lock()->erase(account.id);
    if (!done) log.warning("a password was not hashed anew", {{"reason", done.error().log}});
  });
}

void Authenticator::State::note_use(AccountId account, std::int64_t credential) {
  writer.submit(
      [account, credential, now = to_database(clock.now())](db::Connection& connection) -> Result<void> {
        const auto noted =
            connection.run("UPDATE credential SET last_used = $3 WHERE account_id = $1 AND credential_id = $2",
                           {account.value, credential, now});
        if (!noted) return pass(noted);
        return {};
      },
      [this](const Result<void>& result) {
        if (!result) log.warning("the use of a credential was not noted", {{"reason", result.error().log}});
      });
}

namespace {

// The SCRAM verifiers of a password, sealed. The salt is the one that the name would have without an account, so that
// whoever watches it can't tell when the account is made, disabled or removed, or its password changed.
std::vector<Credential> make_verifiers(const Authenticator::State& state, const Account& account,
                                       std::string_view prepared, std::int64_t now) {
  std::vector<Credential> made;
  for (const ScramHash hash : state.scram_hashes()) {
    auto salt = state.secrets.made_up(hash, login_name(account.address), 0).salt;
    const auto verifier = make_scram_verifier(hash, prepared, std::move(salt), state.options.scram_iterations);
    made.push_back({.kind = std::string(kind::scram(hash)),
                    .name = {},
                    .secret = state.secrets.seal(account.id, hash, verifier, state.random),
                    .created = now,
                    .last_used = std::nullopt});
  }
  return made;
}

Result<void> replace_verifiers(db::Connection& connection, AccountId account,
                               const std::vector<Credential>& verifiers) {
  for (const ScramHash hash : {ScramHash::sha1, ScramHash::sha256}) {
    if (const auto dropped = drop_credentials(connection, account, kind::scram(hash), std::nullopt); !dropped) {
      return pass(dropped);
    }
  }
  for (const auto& verifier : verifiers) {
    if (const auto added = add_credential(connection, account, verifier); !added) return pass(added);
  }
  return {};
}

}  // namespace

// The password is the one it was, so the generation stays.
void Authenticator::State::upgrade(const Account& account, const std::string& old_hash, const std::string& password) {
  const Wiped prepared(codec::prepare_password(password));
  const auto hash = cost_of(old_hash) == cost() ? Result<std::string>(old_hash) : hash_password(prepared.get(), cost());
  if (!hash) {
    log.warning("a password was not hashed anew", {{"reason", hash.error().log}});
    return;
  }
  const auto verifiers = make_verifiers(*this, account, prepared.get(), to_database(clock.now()));
  const auto done = writer.run([&](db::Connection& connection) -> Result<void> {
    // Only if nobody has set another password in the meantime.
    const auto replaced =
        connection.run("UPDATE credential SET secret = $3 WHERE account_id = $1 AND kind = 'password' AND secret = $2",
                       {account.id.value, db::Octets{old_hash}, db::Octets{*hash}});
    if (!replaced) return pass(replaced);
    if (*replaced == 0) return {};
    return replace_verifiers(connection, account.id, verifiers);
  });
  if (!done) log.warning("a password was not hashed anew", {{"reason", done.error().log}});
}

Async<Result<ScramVerifier>> Authenticator::State::find_verifier(const Attempt* attempt, ScramHash hash) {
  const AccountId id = attempt->login->account ? attempt->login->account->id : AccountId{};
  const auto found = co_await pool.run([this, id] {
    auto nobody = disguise();
    return std::pair(std::move(nobody),
                     readers.read([id](db::Connection& connection) { return read_credentials(connection, id); }));
  });
  const auto& [nobody, credentials] = found;
  if (!nobody) co_return pass(nobody);
  if (!credentials) co_return pass(credentials);
  const std::string& name = attempt->login->name;
  auto made_up = secrets.made_up(hash, name, (*nobody)->iterations(hash, secrets.place_of(name)));
  const Credential* sealed = find(*credentials, kind::scram(hash));
  if (sealed == nullptr) co_return made_up;
  auto verifier = secrets.unseal(id, hash, sealed->secret);
  if (!verifier) {
    log.error("a SCRAM verifier does not open: the key has changed, or the row", {{"account", id.value}});
    co_return made_up;
  }
  co_return *std::move(verifier);
}

Result<void> Authenticator::set_password(AccountId account, std::string_view password) {
  if (password.size() > max_password_octets) {
    return fail(ErrorKind::limit, fmt::format("a password has at most {} octets", max_password_octets));
  }
  if (const auto valid = codec::opaque_string(password); !valid) return pass(valid);
  const Wiped prepared(codec::prepare_password(password));
  const auto found = state_->directory.find_account(account);
  if (!found) return pass(found);
  if (!*found) return fail(ErrorKind::not_found, "no such account");
  const auto hash = hash_password(prepared.get(), state_->cost());
  if (!hash) return pass(hash);
  const auto now = to_database(state_->clock.now());
  const auto verifiers = make_verifiers(*state_, **found, prepared.get(), now);
  return state_->directory.change_credentials(account, [&](db::Connection& connection) -> Result<void> {
    if (const auto dropped = drop_credentials(connection, account, kind::password, std::nullopt); !dropped) {
      return pass(dropped);
    }
    const auto added = add_credential(
        connection, account,
        {.kind = std::string(kind::password), .name = {}, .secret = *hash, .created = now, .last_used = std::nullopt});
    if (!added) return pass(added);
    return replace_verifiers(connection, account, verifiers);
  });
}

Result<std::string> Authenticator::add_app_password(AccountId account, std::string_view name) {
  if (name.empty() || name.size() > max_password_octets || !is_utf8(name)) {
    return fail(ErrorKind::syntax, "an app password needs a name");
  }
  std::string shown = make_app_password(state_->random);
  const auto digest = state_->secrets.app_digest(account, normal_app_password(shown).value_or(shown));
  auto done = state_->directory.change_credentials(account, [&](db::Connection& connection) -> Result<void> {
    const auto all = read_credentials(connection, account);
    if (!all) return pass(all);
    for (const auto& other : *all) {
      if (other.kind == kind::app && other.name == name) {
        return fail(ErrorKind::exists, "there is an app password with this name");
      }
    }
    const auto added = add_credential(connection, account,
                                      {.kind = std::string(kind::app),
                                       .name = std::string(name),
                                       .secret = digest,
                                       .created = to_database(state_->clock.now()),
                                       .last_used = std::nullopt});
    if (!added) return pass(added);
    return {};
  });
  if (!done) return pass(done);
  return shown;
}

Result<void> Authenticator::remove_app_password(AccountId account, std::string_view name) {
  return state_->directory.change_credentials(account, [&](db::Connection& connection) -> Result<void> {
    const auto dropped = drop_credentials(connection, account, kind::app, name);
    if (!dropped) return pass(dropped);
    if (*dropped == 0) return fail(ErrorKind::not_found, "no such app password");
    return {};
  });
}

Result<void> Authenticator::remove_credentials(AccountId account) {
  return state_->directory.change_credentials(account, [&](db::Connection& connection) -> Result<void> {
    const auto dropped = drop_credentials(connection, account, {}, std::nullopt);
    if (!dropped) return pass(dropped);
    return {};
  });
}

Result<std::vector<Authenticator::CredentialInfo>> Authenticator::list_credentials(AccountId account) {
  const auto all =
      state_->readers.read([&](db::Connection& connection) { return read_credentials(connection, account); });
  if (!all) return pass(all);
  std::vector<CredentialInfo> out;
  for (const auto& credential : *all) {
    out.push_back({credential.kind, credential.name, from_database(credential.created),
                   credential.last_used ? std::optional(from_database(*credential.last_used)) : std::nullopt});
  }
  return out;
}

}  // namespace pabal::account
