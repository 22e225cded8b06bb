#include "account/domain_keys.hpp"

#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "account/directory_rows.hpp"
#include "base/text.hpp"
#include "base/wiped.hpp"

namespace pabal::account {

namespace {

using db::Connection;
using db::Octets;

constexpr std::string_view key_columns =
    "SELECT domain, selector, algorithm, record, made, published, used, retired, withdrawn FROM domain_key ";

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorKind::io, "local error in processing", fmt::format("the directory is damaged: {}", what));
}

std::optional<SystemTime> time_at(const db::Rows& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return from_database(row.integer(column));
}

Result<DomainKey> read_key(const db::Rows& row) {
  auto domain = rows::stored_domain(row.text(0));
  if (!domain) return pass(domain);
  const auto algorithm = key_algorithm(row.text(2));
  if (!algorithm) return damaged("a key has an unknown algorithm");
  return DomainKey{.domain = *std::move(domain),
                   .selector = std::string(row.text(1)),
                   .algorithm = *algorithm,
                   .record = std::string(row.text(3)),
                   .made = from_database(row.integer(4)),
                   .published = time_at(row, 5),
                   .used = time_at(row, 6),
                   .retired = time_at(row, 7),
                   .withdrawn = time_at(row, 8)};
}

Result<std::vector<DomainKey>> read_keys(Result<db::Rows> found) {
  if (!found) return pass(found);
  std::vector<DomainKey> keys;
  while (true) {
    const auto more = found->next();
    if (!more) return pass(more);
    if (!*more) return keys;
    auto key = read_key(*found);
    if (!key) return pass(key);
    keys.push_back(*std::move(key));
  }
}

Result<std::vector<DomainKey>> keys_of(Connection& connection, const std::string& domain) {
  static const std::string sql = std::string(key_columns).append("WHERE domain = $1 ORDER BY made, selector");
  return read_keys(connection.query(sql, {domain}));
}

Result<DomainKey> find_key(Connection& connection, const Domain& domain, std::string_view selector) {
  auto keys = keys_of(connection, domain.ascii());
  if (!keys) return pass(keys);
  for (auto& key : *keys) {
    if (key.selector == selector) return std::move(key);
  }
  return fail(ErrorKind::not_found,
              fmt::format("{} has no key with the selector {}", domain.unicode(), printable(selector, 64)));
}

Result<void> ran(const Result<std::int64_t>& changed) {
  if (!changed) return pass(changed);
  return {};
}

// What a private key is sealed under besides the master key.
std::string seal_name(std::string_view domain, std::string_view selector) {
  return fmt::format("{}._domainkey.{}", selector, domain);
}

std::unexpected<Error> wrong_state(const DomainKey& key, std::string_view why) {
  return fail(ErrorKind::state, fmt::format("{} is {}: {}", key.record_name(), name_of(key.state()), why));
}

Result<std::optional<SealedMaster>> read_master(Connection& connection) {
  auto found = connection.query("SELECT salt, memory, passes, master FROM domain_key_seal WHERE id = 1");
  if (!found) return pass(found);
  const auto more = found->next();
  if (!more) return pass(more);
  if (!*more) return std::nullopt;
  return SealedMaster{.salt = std::string(found->octets(0)),
                      .cost = {.memory_bytes = static_cast<std::uint64_t>(found->integer(1)),
                               .passes = static_cast<std::uint32_t>(found->integer(2))},
                      .sealed = std::string(found->octets(3))};
}

Result<void> write_master(Connection& connection, const std::optional<SealedMaster>& master) {
  auto done = ran(connection.run("DELETE FROM domain_key_seal WHERE id = 1"));
  if (!done || !master) return done;
  return ran(connection.run("INSERT INTO domain_key_seal (id, salt, memory, passes, master) VALUES (1, $1, $2, $3, $4)",
                            {Octets{master->salt}, static_cast<std::int64_t>(master->cost.memory_bytes),
                             static_cast<std::int64_t>(master->cost.passes), Octets{master->sealed}}));
}

struct PrivateRow {
  std::string domain;
  std::string selector;
  KeyAlgorithm algorithm;
  std::string octets;
  bool sealed;

  [[nodiscard]] Result<std::string> pem(const KeySeal* seal) const {
    if (!sealed) return octets;
    if (seal == nullptr) return damaged("a key is sealed, and there is nothing to unseal it with");
    return seal->unseal(octets, seal_name(domain, selector));
  }
};

void wipe(std::vector<PrivateRow>& rows) noexcept {
  for (auto& row : rows) pabal::wipe(row.octets);
}

Result<std::vector<PrivateRow>> private_rows(Result<db::Rows> found) {
  if (!found) return pass(found);
  std::vector<PrivateRow> out;
  while (true) {
    const auto more = found->next();
    if (!more) return pass(more);
    if (!*more) return out;
    const auto algorithm = key_algorithm(found->text(2));
    if (!algorithm) return damaged("a key has an unknown algorithm");
    out.push_back({std::string(found->text(0)), std::string(found->text(1)), *algorithm, std::string(found->octets(3)),
                   found->integer(4) != 0});
  }
}

// "20261122r": the day, and the kind.
std::string selector_for(SystemTime now, KeyAlgorithm algorithm, const std::vector<DomainKey>& others) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::string stem = fmt::format("{:%Y%m%d}{}", day, algorithm == KeyAlgorithm::ed25519 ? 'e' : 'r');
  std::string selector = stem;
  for (int i = 2; std::ranges::any_of(others, [&](const DomainKey& key) { return key.selector == selector; }); ++i) {
    selector = fmt::format("{}{}", stem, i);
  }
  return selector;
}

}  // namespace

std::string_view name_of(KeyState state) noexcept {
  switch (state) {
    case KeyState::made:
      return "made";
    case KeyState::published:
      return "published";
    case KeyState::used:
      return "in use";
    case KeyState::retired:
      return "retired";
    case KeyState::withdrawn:
      return "withdrawn";
  }
  return {};
}

KeyState DomainKey::state() const noexcept {
  if (withdrawn) return KeyState::withdrawn;
  if (retired) return KeyState::retired;
  if (used) return KeyState::used;
  return published ? KeyState::published : KeyState::made;
}

std::string DomainKey::record_name() const { return fmt::format("{}._domainkey.{}", selector, domain.ascii()); }

DomainKeys::DomainKeys(Directory& directory, db::Database& database, const Clock& clock, HashCost cost)
    : directory_(&directory), clock_(&clock), cost_(cost), readers_(database) {}
DomainKeys::~DomainKeys() = default;

Result<std::unique_ptr<DomainKeys>> DomainKeys::open(Directory& directory, db::Database& database, const Clock& clock,
                                                     const std::optional<std::string>& passphrase, HashCost cost) {
  std::unique_ptr<DomainKeys> keys(new DomainKeys(directory, database, clock, cost));
  const auto master = keys->readers_.read([](Connection& connection) { return read_master(connection); });
  if (!master) return pass(master);
  if (!*master) {
    if (passphrase) {
      if (auto done = keys->set_passphrase(passphrase); !done) return pass(done);
    }
    return keys;
  }
  if (!passphrase) return fail(ErrorKind::auth, "the DKIM keys are sealed under a passphrase, and none is given");
  auto seal = KeySeal::open(**master, *passphrase);
  if (!seal) return pass(seal);
  *keys->seal_.lock() = std::make_shared<const KeySeal>(*std::move(seal));
  return keys;
}

bool DomainKeys::sealed() const { return *seal_.lock() != nullptr; }

Result<void> DomainKeys::change(std::function<Result<void>(Connection&)> work) {
  auto done = directory_->change(std::move(work));
  // Also after a failure: a commit that failed may have happened all the same.
  version_.fetch_add(1, std::memory_order_acq_rel);
  return done;
}

Result<void> DomainKeys::set_passphrase(const std::optional<std::string>& passphrase) {
  const auto one_at_a_time = changes_.lock();
  std::shared_ptr<const KeySeal> before = *seal_.lock();
  if (!passphrase) return reseal(before, nullptr, std::nullopt);
  if (passphrase->empty()) return fail(ErrorKind::policy, "the passphrase is empty");
  auto after = before ? before : std::make_shared<const KeySeal>(KeySeal::make());
  const auto master = after->under(*passphrase, cost_);
  if (!master) return pass(master);
  return reseal(before, after, *master);
}

Result<void> DomainKeys::reseal(const std::shared_ptr<const KeySeal>& before,
                                const std::shared_ptr<const KeySeal>& after,
                                const std::optional<SealedMaster>& master) {
  if (after) *seal_.lock() = after;
  auto done = change([&](Connection& connection) -> Result<void> {
    auto rows = private_rows(connection.query(
        "SELECT domain, selector, algorithm, private_key, sealed FROM domain_key WHERE private_key IS NOT NULL"));
    if (!rows) return pass(rows);
    const WipeAtEnd wiped(*rows);
    for (auto& row : *rows) {
      if (row.sealed && after && after == before) continue;
      auto pem = row.pem(before.get());
      if (!pem) return pass(pem);
      const WipeAtEnd wiped_pem(*pem);
      const std::string octets = after ? after->seal(*pem, seal_name(row.domain, row.selector)) : *pem;
      auto written =
          ran(connection.run("UPDATE domain_key SET private_key = $3, sealed = $4 WHERE domain = $1 AND selector = $2",
                             {row.domain, row.selector, Octets{octets}, std::int64_t{after ? 1 : 0}}));
      if (!written) return written;
    }
    return write_master(connection, master);
  });
  if (done) {
    *seal_.lock() = after;
    return done;
  }
  // A commit that failed may have happened all the same: what is in the database says so. Where even that can't be read
  // the seal stays, which does no harm where nothing is sealed.
  const auto found = readers_.read([](Connection& connection) { return read_master(connection); });
  if (found && !*found) *seal_.lock() = nullptr;
  return done;
}

Result<DomainKey> DomainKeys::add(const Domain& domain, const KeyPair& pair,
                                  const std::optional<std::string>& selector) {
  if (selector && !is_selector(*selector)) {
    return fail(ErrorKind::syntax, fmt::format("{}: not a selector: expected letters, digits, hyphens and dots",
                                               printable(*selector, 64)));
  }
  DomainKey key{.domain = domain,
                .selector = selector ? to_lower(*selector) : std::string(),
                .algorithm = pair.algorithm,
                .record = pair.record,
                .made = clock_->now()};
  const auto one_at_a_time = changes_.lock();
  const std::shared_ptr<const KeySeal> seal = *seal_.lock();
  auto done = change([&](Connection& connection) -> Result<void> {
    const auto there = rows::has_domain(connection, domain.ascii());
    if (!there) return pass(there);
    if (!*there) return fail(ErrorKind::not_found, "no such domain: " + domain.unicode());
    const auto others = keys_of(connection, domain.ascii());
    if (!others) return pass(others);
    if (!selector) key.selector = selector_for(key.made, key.algorithm, *others);
    if (key.record_name().size() > 253) {
      return fail(ErrorKind::limit, "the name of the key's record would be too long");
    }
    if (std::ranges::any_of(*others, [&](const DomainKey& other) { return other.selector == key.selector; })) {
      return fail(ErrorKind::exists,
                  fmt::format("{} has a key with the selector {} already", domain.unicode(), key.selector));
    }
    const auto master = read_master(connection);
    if (!master) return pass(master);
    if (*master && !seal) return damaged("keys are sealed, and there is nothing to seal another one with");
    const bool is_sealed = master->has_value();
    std::string octets =
        is_sealed ? seal->seal(pair.private_pem, seal_name(domain.ascii(), key.selector)) : pair.private_pem;
    const WipeAtEnd wiped(octets);
    return ran(
        connection.run("INSERT INTO domain_key (domain, selector, algorithm, record, private_key, sealed, made) "
                       "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                       {domain.ascii(), key.selector, name_of(key.algorithm), key.record, Octets{octets},
                        std::int64_t{is_sealed ? 1 : 0}, to_database(key.made)}));
  });
  if (!done) return pass(done);
  return key;
}

Result<std::vector<DomainKey>> DomainKeys::list(const std::optional<Domain>& domain) {
  return readers_.read([&](Connection& connection) -> Result<std::vector<DomainKey>> {
    if (!domain) {
      static const std::string sql = std::string(key_columns).append("ORDER BY domain, made, selector");
      return read_keys(connection.query(sql));
    }
    const auto there = rows::has_domain(connection, domain->ascii());
    if (!there) return pass(there);
    if (!*there) return fail(ErrorKind::not_found, "no such domain: " + domain->unicode());
    return keys_of(connection, domain->ascii());
  });
}

Result<DomainKey> DomainKeys::find(const Domain& domain, std::string_view selector) {
  return readers_.read([&](Connection& connection) { return find_key(connection, domain, selector); });
}

Result<void> DomainKeys::step(const Domain& domain, std::string_view selector,
                              const std::function<Result<void>(Connection&, const DomainKey&)>& work) {
  const auto one_at_a_time = changes_.lock();
  return change([&](Connection& connection) -> Result<void> {
    const auto key = find_key(connection, domain, selector);
    if (!key) return pass(key);
    return work(connection, *key);
  });
}

Result<void> DomainKeys::note_published(const Domain& domain, std::string_view selector) {
  return step(domain, selector, [this](Connection& connection, const DomainKey& key) -> Result<void> {
    if (key.published) return {};
    return ran(connection.run("UPDATE domain_key SET published = $3 WHERE domain = $1 AND selector = $2",
                              {key.domain.ascii(), key.selector, to_database(clock_->now())}));
  });
}

Result<void> DomainKeys::use(const Domain& domain, std::string_view selector, bool force) {
  return step(domain, selector, [this, force](Connection& connection, const DomainKey& key) -> Result<void> {
    if (key.withdrawn) return wrong_state(key, "its private key is gone");
    if (key.state() == KeyState::used) return {};
    if (!key.published && !force) {
      return wrong_state(key, "its record was not seen in the DNS, and nobody could check what it signs");
    }
    const auto now = to_database(clock_->now());
    const auto others = keys_of(connection, key.domain.ascii());
    if (!others) return pass(others);
    for (const DomainKey& other : *others) {
      if (other.state() != KeyState::used || !same_kind(other.algorithm, key.algorithm)) continue;
      auto retired = ran(connection.run("UPDATE domain_key SET retired = $3 WHERE domain = $1 AND selector = $2",
                                        {other.domain.ascii(), other.selector, now}));
      if (!retired) return retired;
    }
    return ran(connection.run("UPDATE domain_key SET used = $3, retired = NULL WHERE domain = $1 AND selector = $2",
                              {key.domain.ascii(), key.selector, now}));
  });
}

Result<void> DomainKeys::retire(const Domain& domain, std::string_view selector) {
  return step(domain, selector, [this](Connection& connection, const DomainKey& key) -> Result<void> {
    if (key.state() != KeyState::used) return wrong_state(key, "it is not in use");
    return ran(connection.run("UPDATE domain_key SET retired = $3 WHERE domain = $1 AND selector = $2",
                              {key.domain.ascii(), key.selector, to_database(clock_->now())}));
  });
}

Result<void> DomainKeys::withdraw(const Domain& domain, std::string_view selector) {
  return step(domain, selector, [this](Connection& connection, const DomainKey& key) -> Result<void> {
    if (key.withdrawn) return {};
    if (key.state() == KeyState::used) return wrong_state(key, "retire it first, or use another in its place");
    return ran(connection.run(
        "UPDATE domain_key SET withdrawn = $3, private_key = NULL, sealed = 0 WHERE domain = $1 AND selector = $2",
        {key.domain.ascii(), key.selector, to_database(clock_->now())}));
  });
}

Result<void> DomainKeys::remove(const Domain& domain, std::string_view selector) {
  return step(domain, selector, [](Connection& connection, const DomainKey& key) -> Result<void> {
    if (key.state() == KeyState::used || key.state() == KeyState::retired) {
      return wrong_state(key, "its record is needed; withdraw it first");
    }
    return ran(connection.run("DELETE FROM domain_key WHERE domain = $1 AND selector = $2",
                              {key.domain.ascii(), key.selector}));
  });
}

Result<std::vector<SigningKey>> DomainKeys::signing_keys(const std::string& domain) {
  // A row that was sealed since the seal was looked at is read again: the seal comes before it, the version after it.
  for (int attempt = 0;; ++attempt) {
    const auto before = version();
    const std::shared_ptr<const KeySeal> seal = *seal_.lock();
    auto rows = readers_.read([&](Connection& connection) {
      return private_rows(
          connection.query("SELECT domain, selector, algorithm, private_key, sealed FROM domain_key WHERE domain = $1 "
                           "AND used IS NOT NULL AND retired IS NULL AND withdrawn IS NULL ORDER BY algorithm DESC",
                           {domain}));
    });
    if (!rows) return pass(rows);
    const WipeAtEnd wiped(*rows);
    std::vector<SigningKey> keys;
    std::optional<Error> failed;
    for (auto& row : *rows) {
      auto pem = row.pem(seal.get());
      if (!pem) {
        failed = std::move(pem.error());
        break;
      }
      keys.push_back({std::move(row.selector), row.algorithm, *std::move(pem)});
    }
    if (!failed) return keys;
    wipe(keys);
    const bool same_seal = *seal_.lock() == seal;
    if ((version() == before && same_seal) || attempt == 9) return std::unexpected(*std::move(failed));
  }
}

}  // namespace pabal::account
