// The life of a domain's keys on both engines, sealed and not, and by the clock.
#include "account/domain_keys.hpp"

#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "account/key_rotation.hpp"
#include "account/testing.hpp"
#include "base/wiped.hpp"
#include "db/failing_database.hpp"

namespace pabal::account {
namespace {

using testing::domain;
using testing::Engine;
using testing::must;
using testing::World;
using namespace std::chrono_literals;

constexpr HashCost cheap{.memory_bytes = 8 << 10, .passes = 1};

// What stands in them is nobody's business here.
KeyPair ed25519() { return {KeyAlgorithm::ed25519, "PRIVATE KEY ed25519", "v=DKIM1; k=ed25519; p=AAAA"}; }
KeyPair rsa() { return {KeyAlgorithm::rsa_2048, "PRIVATE KEY rsa", "v=DKIM1; k=rsa; p=BBBB"}; }

std::unique_ptr<DomainKeys> open(World& world, const std::optional<std::string>& passphrase = std::nullopt) {
  return must(DomainKeys::open(*world.directory, *world.database, world.clock, passphrase, cheap));
}

std::string kind(const Result<void>& result) { return result ? "done" : std::string(name_of(result.error().kind)); }

std::string states(DomainKeys& keys) {
  std::string out;
  for (const auto& key : must(keys.list(std::nullopt))) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", key.selector, name_of(key.state()));
  }
  return out;
}

std::string signers(DomainKeys& keys, const std::string& of = "x.example") {
  std::string out;
  for (const auto& key : must(keys.signing_keys(of))) {
    EXPECT_EQ(key.private_pem, key.algorithm == KeyAlgorithm::rsa_2048 ? "PRIVATE KEY rsa" : "PRIVATE KEY ed25519");
    out += (out.empty() ? "" : " ") + key.selector;
  }
  return out;
}

class DomainKeysTest : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (GetParam() == Engine::postgresql && !db::postgres::TestCluster::shared()) GTEST_SKIP() << "no PostgreSQL here";
    world.emplace(GetParam());
    must(world->directory->add_domain(domain("x.example")));
  }
  std::optional<World> world;
};
INSTANTIATE_TEST_SUITE_P(Engines, DomainKeysTest, ::testing::Values(Engine::sqlite, Engine::postgresql),
                         [](const auto& tested) { return tested.param == Engine::sqlite ? "sqlite" : "postgresql"; });

TEST_P(DomainKeysTest, AKeyGoesThroughItsLife) {
  const auto keys = open(*world);
  const Domain x = domain("x.example");
  const auto first = must(keys->add(x, rsa(), std::nullopt));
  EXPECT_EQ(first.selector, "20261122r");
  EXPECT_EQ(first.record_name(), "20261122r._domainkey.x.example");
  EXPECT_EQ(must(keys->find(x, first.selector)).record, "v=DKIM1; k=rsa; p=BBBB");
  must(keys->add(x, ed25519(), std::nullopt));
  EXPECT_EQ(states(*keys), "20261122e made, 20261122r made");
  EXPECT_EQ(signers(*keys), "");
  EXPECT_EQ(kind(keys->use(x, "20261122r", false)), "state");  // nobody could check it
  EXPECT_EQ(kind(keys->retire(x, "20261122r")), "state");
  auto version = keys->version();
  must(keys->note_published(x, "20261122r"));
  must(keys->use(x, "20261122r", false));
  must(keys->use(x, "20261122e", true));
  EXPECT_GT(keys->version(), version);
  EXPECT_EQ(signers(*keys), "20261122r 20261122e");
  EXPECT_EQ(signers(*keys, "y.example"), "");
  EXPECT_EQ(kind(keys->withdraw(x, "20261122r")), "state");
  EXPECT_EQ(kind(keys->remove(x, "20261122r")), "state");

  world->clock.advance(1h);
  EXPECT_EQ(must(keys->add(x, rsa(), std::nullopt)).selector, "20261122r2");
  EXPECT_EQ(must(keys->add(x, rsa(), "Next")).selector, "next");
  must(keys->note_published(x, "next"));
  world->clock.advance(1h);
  must(keys->use(x, "next", false));
  EXPECT_EQ(signers(*keys), "next 20261122e");
  EXPECT_EQ(states(*keys), "20261122e in use, 20261122r retired, 20261122r2 made, next in use");
  const auto old = must(keys->find(x, "20261122r"));
  EXPECT_EQ(*old.retired - old.made, 2h);
  EXPECT_EQ(*old.published, old.made);
  EXPECT_EQ(kind(keys->remove(x, "20261122r")), "state");  // letters that it signed are on their way
  must(keys->withdraw(x, "20261122r"));
  EXPECT_EQ(kind(keys->use(x, "20261122r", true)), "state");
  must(keys->remove(x, "20261122r"));
  must(keys->remove(x, "20261122r2"));
  EXPECT_EQ(kind(keys->remove(x, "20261122r")), "not_found");
  EXPECT_EQ(states(*keys), "20261122e in use, next in use");
  must(keys->retire(x, "next"));
  EXPECT_EQ(signers(*keys), "20261122e");
  must(keys->use(x, "next", false));  // and back
  EXPECT_EQ(signers(*keys), "next 20261122e");
}

TEST_P(DomainKeysTest, RefusesWhatCannotBe) {
  const auto keys = open(*world);
  EXPECT_EQ(keys->add(domain("other.example"), rsa(), std::nullopt).error().kind, ErrorKind::not_found);
  EXPECT_EQ(keys->add(domain("x.example"), rsa(), "a_b").error().kind, ErrorKind::syntax);
  must(keys->add(domain("x.example"), rsa(), "a"));
  EXPECT_EQ(keys->add(domain("x.example"), rsa(), "A").error().kind, ErrorKind::exists);
  EXPECT_EQ(keys->list(domain("other.example")).error().kind, ErrorKind::not_found);
  EXPECT_EQ(keys->find(domain("x.example"), "b").error().kind, ErrorKind::not_found);
  const auto label = std::string(62, 'd');
  const auto lengthy = domain(fmt::format("{0}.{0}.{0}", label));
  must(world->directory->add_domain(lengthy));
  EXPECT_EQ(keys->add(lengthy, rsa(), std::string(60, 's')).error().kind, ErrorKind::limit);
}

TEST_P(DomainKeysTest, KeysGoWithTheirDomain) {
  const auto keys = open(*world);
  must(keys->add(domain("x.example"), rsa(), "a"));
  must(keys->use(domain("x.example"), "a", true));
  must(world->directory->remove_domain(domain("x.example")));
  EXPECT_EQ(signers(*keys), "");
  must(world->directory->add_domain(domain("x.example")));
  EXPECT_EQ(states(*keys), "");
}

TEST_P(DomainKeysTest, APassphraseSealsWhatIsThereAndWhatComes) {
  const Domain x = domain("x.example");
  const auto stored = [&] {
    auto connection = must(world->database->connect());
    auto rows = must(connection->query("SELECT private_key FROM domain_key WHERE private_key IS NOT NULL"));
    std::string all;
    while (must(rows.next())) all += rows.octets(0);
    return all;
  };
  {
    const auto keys = open(*world);
    must(keys->add(x, rsa(), "a"));
    must(keys->use(x, "a", true));
    EXPECT_FALSE(keys->sealed());
    EXPECT_TRUE(stored().contains("PRIVATE KEY"));
  }
  {
    const auto keys = open(*world, "first");
    EXPECT_TRUE(keys->sealed());
    EXPECT_FALSE(stored().contains("PRIVATE KEY"));
    must(keys->add(x, ed25519(), "b"));
    must(keys->use(x, "b", true));
    EXPECT_FALSE(stored().contains("PRIVATE KEY"));
    EXPECT_EQ(signers(*keys), "a b");
  }
  const auto wrong = DomainKeys::open(*world->directory, *world->database, world->clock, "Firsts", cheap);
  EXPECT_EQ(wrong.error().kind, ErrorKind::auth);
  EXPECT_EQ(wrong.error().peer, "this is not the passphrase of the DKIM keys");
  const auto none = DomainKeys::open(*world->directory, *world->database, world->clock, std::nullopt, cheap);
  EXPECT_EQ(none.error().kind, ErrorKind::auth);
  {
    const auto keys = open(*world, "first");
    const auto before = stored();
    must(keys->set_passphrase("second"));
    EXPECT_EQ(stored(), before);  // only the master key's seal changes
    EXPECT_EQ(signers(*keys), "a b");
  }
  EXPECT_FALSE(DomainKeys::open(*world->directory, *world->database, world->clock, "first", cheap).has_value());
  {
    const auto keys = open(*world, "second");
    EXPECT_EQ(kind(keys->set_passphrase("")), "policy");
    EXPECT_EQ(signers(*keys), "a b");
    must(keys->set_passphrase(std::nullopt));
    EXPECT_EQ(signers(*keys), "a b");
  }
  EXPECT_EQ(signers(*open(*world)), "a b");
}

TEST_P(DomainKeysTest, ASealedKeyUnderAnotherNameIsDamaged) {
  const Domain x = domain("x.example");
  const auto keys = open(*world, "secret");
  must(keys->add(x, rsa(), "a"));
  must(keys->use(x, "a", true));
  must(world->directory->change([](db::Connection& connection) -> Result<void> {
    if (auto done = connection.run("UPDATE domain_key SET selector = 'b'"); !done) return pass(done);
    return {};
  }));
  EXPECT_EQ(keys->signing_keys("x.example").error().kind, ErrorKind::damaged);
}

// The keeper's work, by a clock: what is due is done, an hour at a time, and the record is seen three hours after the
// key was made.
TEST_P(DomainKeysTest, RotatesByTheClock) {
  const Domain x = domain("x.example");
  const auto keys = open(*world);
  const RotationPolicy policy{.use_after = 2h, .keep_retired = 5h, .rotate_every = 20h};
  must(keys->add(x, ed25519(), "k0"));
  std::string story;
  int made = 0;
  for (int hour = 0; hour <= 34; ++hour, world->clock.advance(1h)) {
    const auto now = world->clock.now();
    std::set<std::string> there;
    for (const auto& key : must(keys->list(x))) {
      if (!wants_record(key) || now - key.made < 3h) continue;
      must(keys->note_published(x, key.selector));
      there.insert(key.selector);
    }
    for (const auto& step : due_steps(must(keys->list(x)), policy, now, there)) {
      switch (step.kind) {
        case RotationStep::Kind::use:
          must(keys->use(x, step.selector, false));
          story += fmt::format("{} use {}\n", hour, step.selector);
          break;
        case RotationStep::Kind::withdraw:
          must(keys->withdraw(x, step.selector));
          story += fmt::format("{} withdraw {}\n", hour, step.selector);
          break;
        case RotationStep::Kind::make:
          must(keys->add(x, ed25519(), fmt::format("k{}", ++made)));
          story += fmt::format("{} make {}\n", hour, name_of(step.algorithm));
          break;
      }
    }
    if (hour >= 3) EXPECT_EQ(must(keys->signing_keys("x.example")).size(), 1U) << hour;
  }
  EXPECT_EQ(story, "3 use k0\n23 make ed25519\n28 use k1\n33 withdraw k0\n");
}

TEST(DomainKeysFailing, AChangeIsWholeOrNotAtAll) {
  World world;
  db::FailingDatabase failing{*world.database};
  auto writer = must(db::Writer::start(failing, {}));
  auto directory = must(Directory::open(failing, *writer, world.pool, world.clock, {}));
  must(directory->add_domain(domain("x.example")));
  auto keys = must(DomainKeys::open(*directory, failing, world.clock, std::nullopt, cheap));
  must(keys->add(domain("x.example"), rsa(), "old"));
  must(keys->use(domain("x.example"), "old", true));
  must(keys->add(domain("x.example"), rsa(), "new"));
  int failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    failing.fail_at({.statement = n});
    const auto done = keys->use(domain("x.example"), "new", true);
    failing.heal();
    EXPECT_EQ(signers(*keys), done ? "new" : "old") << n;
    if (done) break;
    ++failures;
  }
  EXPECT_GE(failures, 4);
  for (std::uint64_t n = 1;; ++n) {
    failing.fail_at({.statement = n});
    const auto done = keys->set_passphrase("secret");
    failing.heal();
    EXPECT_EQ(keys->sealed(), done.has_value()) << n;
    EXPECT_EQ(signers(*keys), "new") << n;
    if (done) break;
  }
}

TEST(DomainKeysFailing, APassphraseInDoubtIsWhatTheDatabaseSays) {
  World world;
  db::FailingDatabase failing{*world.database};
  auto writer = must(db::Writer::start(failing, {}));
  auto directory = must(Directory::open(failing, *writer, world.pool, world.clock, {}));
  must(directory->add_domain(domain("x.example")));
  auto keys = must(DomainKeys::open(*directory, failing, world.clock, std::nullopt, cheap));
  must(keys->add(domain("x.example"), rsa(), "a"));
  must(keys->use(domain("x.example"), "a", true));
  for (const bool happened : {false, true}) {
    // On, and off again.
    failing.fail_at({.commit = 1, .commit_happened = happened});
    EXPECT_FALSE(keys->set_passphrase("secret").has_value());
    failing.heal();
    EXPECT_EQ(keys->sealed(), happened);
    EXPECT_EQ(signers(*keys), "a");
    must(keys->add(domain("x.example"), ed25519(), happened ? "sealed" : "open"));
    must(keys->set_passphrase("secret"));
    failing.fail_at({.commit = 1, .commit_happened = happened});
    EXPECT_FALSE(keys->set_passphrase(std::nullopt).has_value());
    failing.heal();
    EXPECT_EQ(keys->sealed(), !happened);
    EXPECT_EQ(signers(*keys), "a");
    must(keys->set_passphrase(std::nullopt));
    EXPECT_TRUE(DomainKeys::open(*directory, failing, world.clock, std::nullopt, cheap).has_value());
  }
}

TEST_P(DomainKeysTest, SignWhileThePassphraseChanges) {
  const auto keys = open(*world);
  must(keys->add(domain("x.example"), rsa(), "a"));
  must(keys->use(domain("x.example"), "a", true));
  std::atomic<bool> over = false;
  std::thread changer([&] {
    for (int i = 0; i < 20; ++i) {
      must(keys->set_passphrase("secret"));
      must(keys->set_passphrase(std::nullopt));
    }
    over = true;
  });
  std::size_t failed = 0;
  while (!over) failed += keys->signing_keys("x.example").has_value() ? 0 : 1;
  changer.join();
  EXPECT_EQ(failed, 0U);
}

TEST_P(DomainKeysTest, GoWithTheirDomain) {
  const auto keys = open(*world);
  must(keys->add(domain("x.example"), rsa(), "a"));
  must(keys->use(domain("x.example"), "a", true));
  const auto version = keys->version();
  must(world->directory->remove_domain(domain("x.example")));
  EXPECT_GT(keys->version(), version);
  EXPECT_EQ(signers(*keys), "");
}

// One line of keys, each "selector kind made published used retired" in hours before now, "-" for what hasn't been.
DomainKey key(std::string selector, KeyAlgorithm algorithm, int made, int published, int used, int retired,
              SystemTime now) {
  const auto at = [&](int hours) -> std::optional<SystemTime> {
    if (hours < 0) return std::nullopt;
    return now - std::chrono::hours(hours);
  };
  return {.domain = domain("x.example"),
          .selector = std::move(selector),
          .algorithm = algorithm,
          .made = now - std::chrono::hours(made),
          .published = at(published),
          .used = at(used),
          .retired = at(retired)};
}

TEST(SigningKeys, AreWipedTogether) {
  std::vector<SigningKey> keys(2);
  keys[0].private_pem = "short";
  keys[1].private_pem = std::string(1000, 'x');
  const auto* const octets = keys[1].private_pem.data();
  {
    const WipeAtEnd wiped(keys);
  }
  EXPECT_TRUE(keys[0].private_pem.empty() && keys[1].private_pem.empty());
  EXPECT_EQ(octets, keys[1].private_pem.data());
  EXPECT_EQ(std::string_view(octets, 1000).find('x'), std::string_view::npos);
}

TEST(KeyRotation, WhatIsDue) {
  const SystemTime now{std::chrono::sys_days(std::chrono::year(2026) / 11 / 22)};
  const RotationPolicy policy{.use_after = 2h, .keep_retired = 5h, .rotate_every = 100h};
  constexpr auto R = KeyAlgorithm::rsa_2048;
  constexpr auto E = KeyAlgorithm::ed25519;
  struct Row {
    const char* what;
    std::vector<DomainKey> keys;
    std::string due;
  };
  const std::vector<Row> table = {
      {"nothing", {}, ""},
      {"not seen yet", {key("a", R, 50, -1, -1, -1, now)}, ""},
      {"the first is used when it is seen", {key("a", R, 50, 0, -1, -1, now)}, "use a"},
      {"a later one waits", {key("a", R, 90, 80, 80, -1, now), key("b", R, 9, 1, -1, -1, now)}, ""},
      {"and is used then", {key("a", R, 90, 80, 80, -1, now), key("b", R, 9, 2, -1, -1, now)}, "use b"},
      {"the other kind doesn't count", {key("a", R, 90, 80, 80, -1, now), key("b", E, 9, 1, -1, -1, now)}, "use b"},
      {"of two that wait the newest", {key("a", R, 9, 3, -1, -1, now), key("b", R, 8, 3, -1, -1, now)}, "use b"},
      {"which may not be there yet", {key("a", R, 9, 3, -1, -1, now), key("b", R, 8, -1, -1, -1, now)}, ""},
      {"what a newer one has passed", {key("a", R, 9, 3, -1, -1, now), key("b", R, 8, 7, 6, -1, now)}, ""},
      {"old enough", {key("a", R, 200, 150, 100, -1, now)}, "make rsa-2048"},
      {"not old enough", {key("a", R, 200, 150, 99, -1, now)}, ""},
      {"its successor waits", {key("a", R, 200, 150, 100, -1, now), key("b", R, 1, -1, -1, -1, now)}, ""},
      {"retired, still needed", {key("a", R, 200, 150, 100, 4, now)}, ""},
      {"retired long ago", {key("a", R, 200, 150, 100, 5, now)}, "withdraw a"},
  };
  for (const auto& row : table) {
    std::string due;
    for (const auto& step : due_steps(row.keys, policy, now, {"a", "b"})) {
      due += due.empty() ? "" : " ";
      due += step.kind == RotationStep::Kind::use        ? "use " + step.selector
             : step.kind == RotationStep::Kind::withdraw ? "withdraw " + step.selector
                                                         : fmt::format("make {}", name_of(step.algorithm));
    }
    EXPECT_EQ(due, row.due) << row.what;
  }
  EXPECT_TRUE(due_steps({key("a", R, 5000, 4000, 4000, -1, now)}, {}, now, {"a"}).empty());  // off by default
  // A record that was seen and is gone again.
  EXPECT_TRUE(due_steps({key("a", R, 50, 40, -1, -1, now)}, policy, now, {"b"}).empty());
  EXPECT_EQ(due_steps({key("a", R, 200, 150, 100, 5, now)}, policy, now, {}).size(), 1U);
}

}  // namespace
}  // namespace pabal::account
