// The directory and the authenticator over a database that fails at every step once.
#include <gtest/gtest.h>

#include "account/authenticator.hpp"
#include "account/testing.hpp"
#include "db/failing_database.hpp"

namespace pabal::account {
namespace {

using testing::address;
using testing::domain;
using testing::must;

const std::string key(32, 'k');

class FailingTest : public ::testing::Test {
 protected:
  FailingTest() {
    must(directory->add_domain(domain("x")));
    alice = must(directory->add_account(address("alice@x"), ShardId{1}, std::nullopt)).id;
    must(authenticator->set_password(alice, "demo"));
  }

  std::string resolve(std::string_view text) const {
    const auto answer = run_blocking(directory->resolve(address(text)));
    if (!answer) return std::string(name_of(answer.error().kind));
    if (const auto* local = std::get_if<LocalRecipient>(&*answer)) return std::to_string(local->targets.size());
    return std::holds_alternative<UnknownRecipient>(*answer) ? "unknown" : "other";
  }

  std::string login(std::string user, std::string password) const {
    const ClientFacts facts{.address = "192.0.2.1", .encrypted = true, .tls_exporter = {}, .protocol = "test"};
    const auto account = run_blocking(authenticator->login(std::move(user), std::move(password), facts));
    return account ? "in" : std::string(name_of(account.error().kind));
  }

  testing::World world;
  db::FailingDatabase failing{*world.database};
  std::unique_ptr<db::Writer> writer = must(db::Writer::start(failing, {}));
  std::unique_ptr<Directory> directory = must(Directory::open(failing, *writer, world.pool, world.clock, {}));
  SystemRandom random;
  Metrics metrics;
  std::unique_ptr<Authenticator> authenticator =
      must(Authenticator::open(*directory, failing, *writer, world.pool, world.clock, random, Log(), metrics, key,
                               {.argon2_memory_bytes = 64 << 10,
                                .argon2_passes = 1,
                                .scram_iterations = 16,
                                .cache_time = std::chrono::seconds(0)}));
  AccountId alice;
};

TEST_F(FailingTest, AChangeIsWholeOrNotAtAll) {
  int failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    const auto name = address(fmt::format("new{}@x", n));
    const std::vector targets = {address("alice@x"), address("bob@y"), address("carol@y")};
    failing.fail_at({.statement = n});
    const auto added = directory->add_alias(name, targets);
    failing.heal();
    EXPECT_EQ(resolve(name.text()), added ? "1" : "unknown") << n;
    EXPECT_EQ(must(directory->list_aliases(std::nullopt)).size(), added ? 1U : 0U) << n;
    if (added) break;
    EXPECT_EQ(added.error().kind, ErrorKind::io) << added.error().log;
    ++failures;
  }
  EXPECT_GE(failures, 8);
}

TEST_F(FailingTest, AFailedCommitChangesNothingAndOneInDoubtIsSeen) {
  EXPECT_EQ(resolve("alice@x"), "1");
  failing.fail_at({.commit = 1});
  EXPECT_FALSE(directory->set_enabled(alice, false).has_value());
  failing.heal();
  EXPECT_EQ(resolve("alice@x"), "1");
  EXPECT_NE(directory->try_resolve(address("alice@x")), nullptr);  // what was cached still counts
  failing.fail_at({.commit = 1, .commit_happened = true});
  EXPECT_FALSE(directory->set_enabled(alice, false).has_value());
  failing.heal();
  EXPECT_EQ(resolve("alice@x"), "other");  // disabled, as the database has it
}

TEST_F(FailingTest, ALookUpThatFailsIsNoAnswerAndIsNotRemembered) {
  for (std::uint64_t n = 1;; ++n) {
    must(directory->set_quota(alice, n));  // so that nothing is cached
    failing.fail_at({.statement = n});
    const auto answer = resolve("alice@x");
    const bool struck = failing.struck();
    failing.heal();
    EXPECT_EQ(answer, struck ? "io" : "1") << n;
    EXPECT_EQ(resolve("alice@x"), "1") << n;
    if (!struck) break;
  }
  must(directory->set_quota(alice, 1));
  failing.fail_at({.begin = 1});
  EXPECT_EQ(resolve("alice@x"), "io");
  failing.heal();
  EXPECT_EQ(resolve("alice@x"), "1");
}

TEST_F(FailingTest, ALoginThatCannotBeCheckedIsNotRefused) {
  EXPECT_EQ(login("alice", "demo"), "in");
  for (std::uint64_t n = 1;; ++n) {
    must(directory->set_quota(alice, n));
    failing.fail_at({.statement = n});
    const auto outcome = login("alice", "demo");
    const bool struck = failing.struck();
    failing.heal();
    // The note of the credential's use, at the end, may fail without harm.
    EXPECT_TRUE(outcome == "in" || (struck && outcome == "io")) << n << outcome;
    EXPECT_EQ(login("alice", "demo"), "in") << n;
    if (!struck) break;
  }
  // None of that counted as a wrong password.
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(login("alice", "demo"), "in");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(400));
}

TEST_F(FailingTest, APasswordIsChangedWholeOrNotAtAll) {
  for (std::uint64_t n = 1;; ++n) {
    failing.fail_at({.statement = n});
    const auto done = authenticator->set_password(alice, "new");
    failing.heal();
    world.clock.advance(std::chrono::hours(1));  // wrong passwords are forgotten
    EXPECT_EQ(login("alice", "new"), done ? "in" : "auth") << n;
    world.clock.advance(std::chrono::hours(1));
    EXPECT_EQ(login("alice", "demo"), done ? "auth" : "in") << n;
    if (done) break;
  }
}

}  // namespace
}  // namespace pabal::account
