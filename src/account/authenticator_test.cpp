#include "account/authenticator.hpp"

#include <gtest/gtest.h>

#include "account/authenticator_state.hpp"
#include "account/sasl_plain.hpp"
#include "account/scram_client.hpp"
#include "account/testing.hpp"
#include "base/text.hpp"

namespace pabal::account {
namespace {

using testing::address;
using testing::domain;
using testing::must;
using testing::ScramClient;

using namespace std::chrono_literals;

const std::string key(32, 'k');

AuthenticatorOptions cheap() {
  return {.argon2_memory_bytes = 64 << 10, .argon2_passes = 1, .scram_iterations = 16, .first_failure_delay = 0ms};
}

class AuthenticatorTest : public ::testing::Test {
 protected:
  AuthenticatorTest() {
    must(world.directory->add_domain(domain("seoul.example")));
    alice = world.add("Alice@seoul.example");
    start(cheap());
    must(authenticator->set_password(alice.id, "demo"));
  }

  // Authenticator keeps its State to itself; the tests look at it through the same door as its files do.
  void start(AuthenticatorOptions options, const std::string& with_key = key) {
    authenticator.reset();
    metrics = std::make_unique<Metrics>();
    authenticator = must(Authenticator::open(*world.directory, *world.database, *world.writer, world.pool, world.clock,
                                             random, Log::to_lines(lines), *metrics, with_key, options));
  }

  static ClientFacts facts(std::string from = "192.0.2.1") {
    return {.address = std::move(from), .encrypted = true, .tls_exporter = {}, .protocol = "test", .session = "s1"};
  }

  static std::string dump(const Result<Account>& result) {
    if (result) return "in: " + result->address.text();
    return fmt::format("{}: {}", name_of(result.error().kind), result.error().peer);
  }

  std::string login(std::string user, std::string password, std::string from = "192.0.2.1") {
    return dump(run_blocking(authenticator->login(std::move(user), std::move(password), facts(std::move(from)))));
  }

  // Runs an exchange with these responses and tells all challenges and the outcome.
  std::string exchange(std::string_view mechanism, std::vector<std::optional<std::string>> responses) {
    auto begun = authenticator->begin(mechanism, facts());
    if (!begun) return fmt::format("{}: {}", name_of(begun.error().kind), begun.error().peer);
    std::string out;
    for (auto& response : responses) {
      const auto step = run_blocking((*begun)->step(std::move(response)));
      if (!step) return out + fmt::format("{}: {}", name_of(step.error().kind), step.error().peer);
      if (const auto* success = std::get_if<SaslExchange::Success>(&*step)) {
        out += "in: " + success->account.address.text() + success->final_octets + ";";
      } else {
        out += "<" + std::get<SaslExchange::Challenge>(*step).octets + ">";
      }
    }
    return out;
  }

  // How often a password was hashed so far.
  double hashes() const {
    const auto text = metrics->text();
    const auto at = text.find("pabal_password_hash_seconds_count ");
    return std::stod(text.substr(at + 34));
  }

  std::string scram(std::string_view mechanism, ClientFacts from, std::string header, std::string user,
                    std::string_view password, const std::string& binding = "") {
    auto begun = authenticator->begin(mechanism, std::move(from));
    if (!begun) return std::string(name_of(begun.error().kind));
    ScramClient client(mechanism.starts_with("SCRAM-SHA-1") ? ScramHash::sha1 : ScramHash::sha256, std::move(user),
                       password, "client");
    auto step = run_blocking((*begun)->step(client.first(std::move(header))));
    if (!step) return fmt::format("{}: {}", name_of(step.error().kind), step.error().peer);
    last_challenge = std::get<SaslExchange::Challenge>(*step).octets;
    step = run_blocking((*begun)->step(client.final_message(last_challenge, binding)));
    if (!step) return fmt::format("{}: {}", name_of(step.error().kind), step.error().peer);
    const auto& success = std::get<SaslExchange::Success>(*step);
    if (success.final_octets != client.expected_server_final()) return "unproven";
    return "in: " + success.account.address.text();
  }

  testing::World world;
  SystemRandom random;
  std::shared_ptr<std::vector<std::string>> lines = std::make_shared<std::vector<std::string>>();
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<Authenticator> authenticator;
  Account alice{.id = {}, .address = address("x@x"), .shard = {}, .quota_bytes = {}};
  std::string last_challenge;
};

constexpr std::string_view in = "in: Alice@seoul.example";
constexpr std::string_view out = "auth: authentication credentials invalid";

TEST_F(AuthenticatorTest, Login) {
  EXPECT_EQ(login("alice@seoul.example", "demo"), in);
  EXPECT_EQ(login("ALICE@SEOUL.EXAMPLE", "demo"), in);
  EXPECT_EQ(login("alice", "demo"), in);
  EXPECT_EQ(login("alice@seoul.example", "Demo"), out);
  EXPECT_EQ(login("alice@seoul.example", "demo "), out);
  EXPECT_EQ(login("alice@seoul.example", std::string("demo\0", 5)), out);
  EXPECT_EQ(login("bob@seoul.example", "demo"), out);
  EXPECT_EQ(login("alice@busan.example", "demo"), out);
  EXPECT_EQ(login("", "demo"), out);
  EXPECT_EQ(login("alice", ""), out);
  EXPECT_EQ(login("\xFF", "demo"), out);
  EXPECT_EQ(login(std::string(5000, 'a'), "demo"), out);
  EXPECT_EQ(login("alice", std::string(5000, 'a')), out);
  auto plain = facts();
  plain.encrypted = false;
  EXPECT_EQ(dump(run_blocking(authenticator->login("alice", "demo", plain))),
            "policy: encryption is required to log in");
}

TEST_F(AuthenticatorTest, LogSaysWhoButNeverThePassword) {
  EXPECT_EQ(login("alice", "demo"), in);
  EXPECT_EQ(login("al\nice", "s3cret-guess"), out);
  ASSERT_EQ(lines->size(), 2U);
  EXPECT_EQ(
      (*lines)[0],
      "login session=s1 user=Alice@seoul.example address=192.0.2.1 protocol=test mechanism=password remembered=no");
  EXPECT_EQ((*lines)[1],
            "login failed session=s1 user=\"al\\\\x0aice\" address=192.0.2.1 protocol=test mechanism=password "
            "reason=\"no such account\"");
  EXPECT_NE(metrics->text().find("pabal_logins_total{mechanism=\"password\",protocol=\"test\",result=\"ok\"} 1"),
            std::string::npos)
      << metrics->text();
}

TEST_F(AuthenticatorTest, NobodyPaysTheSameAsSomebody) {
  const auto none = hashes();
  EXPECT_EQ(login("alice", "wrong"), out);
  EXPECT_EQ(hashes(), none + 1);
  EXPECT_EQ(login("nobody", "wrong"), out);
  EXPECT_EQ(hashes(), none + 2);
  world.add("empty@seoul.example");  // without credentials
  EXPECT_EQ(login("empty", "wrong"), out);
  EXPECT_EQ(hashes(), none + 3);
  must(world.directory->set_enabled(alice.id, false));
  EXPECT_EQ(login("alice", "demo"), out);
  EXPECT_EQ(hashes(), none + 4);
  EXPECT_EQ(login("alice", std::string(2000, 'a')), out);
  EXPECT_EQ(hashes(), none + 5);
}

TEST_F(AuthenticatorTest, GoodLoginIsRememberedForMinutes) {
  EXPECT_EQ(login("alice", "demo"), in);
  const auto one = hashes();
  EXPECT_EQ(login("alice@seoul.example", "demo", "198.51.100.7"), in);
  EXPECT_EQ(login("alice", "demo"), in);
  EXPECT_EQ(hashes(), one);
  EXPECT_EQ(login("alice", "demi"), out);
  EXPECT_EQ(hashes(), one + 1);
  world.clock.advance(299s);
  EXPECT_EQ(login("alice", "demo"), in);
  EXPECT_EQ(hashes(), one + 1);
  world.clock.advance(1s);
  EXPECT_EQ(login("alice", "demo"), in);
  EXPECT_EQ(hashes(), one + 2);
}

TEST_F(AuthenticatorTest, ChangeOfTheAccountCountsAtOnce) {
  EXPECT_EQ(login("alice", "demo"), in);
  must(authenticator->set_password(alice.id, "other"));
  EXPECT_EQ(login("alice", "demo"), out);
  EXPECT_EQ(login("alice", "other"), in);
  must(world.directory->set_enabled(alice.id, false));
  EXPECT_EQ(login("alice", "other"), out);
  must(world.directory->set_enabled(alice.id, true));
  EXPECT_EQ(login("alice", "other"), in);
  must(authenticator->remove_credentials(alice.id));
  EXPECT_EQ(login("alice", "other"), out);
  must(world.directory->remove_account(alice.id));
  EXPECT_EQ(login("alice", "other"), out);
  EXPECT_EQ(authenticator->set_password(alice.id, "x").error().kind, ErrorKind::not_found);
}

TEST_F(AuthenticatorTest, PasswordsThatCannotBe) {
  const auto refused = [&](std::string_view password) {
    const auto done = authenticator->set_password(alice.id, password);
    return done ? "done" : std::string(name_of(done.error().kind));
  };
  EXPECT_EQ(refused(""), "syntax");
  EXPECT_EQ(refused("a\nb"), "syntax");
  EXPECT_EQ(refused("\xFF"), "syntax");
  EXPECT_EQ(refused(std::string(1025, 'a')), "limit");
  EXPECT_EQ(refused("비밀 번호🐎"), "done");
  EXPECT_EQ(login("alice", "비밀 번호🐎"), in);
  EXPECT_EQ(login("alice", "비밀\xC2\xA0번호🐎"), in);  // another space, SASLprep'd to the same
  EXPECT_EQ(login("alice", "demo"), out);
}

TEST_F(AuthenticatorTest, Plain) {
  const auto message = [](std::string_view authzid, std::string_view user, std::string_view password) {
    return fmt::format("{}{}{}{}{}", authzid, '\0', user, '\0', password);
  };
  const std::string done = std::string(in) + ";";
  EXPECT_EQ(exchange("PLAIN", {message("", "alice", "demo")}), done);
  EXPECT_EQ(exchange("plain", {message("", "alice", "demo")}), done);
  EXPECT_EQ(exchange("PLAIN", {std::nullopt, message("", "alice", "demo")}), "<>" + done);
  EXPECT_EQ(exchange("PLAIN", {message("alice", "alice", "demo")}), done);
  EXPECT_EQ(exchange("PLAIN", {message("ALICE@seoul.example", "alice", "demo")}), done);
  EXPECT_EQ(exchange("PLAIN", {message("bob@seoul.example", "alice", "demo")}), out);
  EXPECT_EQ(exchange("PLAIN", {message("", "alice", "wrong")}), out);
  EXPECT_EQ(exchange("PLAIN", {message("", "alice", "demo"), message("", "alice", "demo")}),
            done + "state: the authentication exchange is over");
  const std::string malformed = "syntax: malformed PLAIN message";
  for (const std::string& bad :
       {std::string(), std::string("alice"), std::string("\0alice", 6), std::string("\0alice\0", 7),
        std::string("\0\0demo", 6), std::string("\0alice\0demo\0", 12), std::string("\0alice\0\xFF", 8),
        std::string("\0alice\0", 7) + std::string(5000, 'x')}) {
    EXPECT_EQ(exchange("PLAIN", {bad}), malformed) << printable(bad);
  }
}

TEST_F(AuthenticatorTest, LoginMechanism) {
  const std::string done = std::string(in) + ";";
  EXPECT_EQ(exchange("LOGIN", {std::nullopt, "alice", "demo"}), "<Username:><Password:>" + done);
  EXPECT_EQ(exchange("LOGIN", {"alice", "demo"}), "<Password:>" + done);
  EXPECT_EQ(exchange("LOGIN", {"alice", "wrong"}), std::string("<Password:>").append(out));
  EXPECT_EQ(exchange("LOGIN", {"", "demo"}), "syntax: malformed user name");
  EXPECT_EQ(exchange("LOGIN", {"alice", ""}), "<Password:>syntax: malformed password");
}

TEST_F(AuthenticatorTest, Mechanisms) {
  const auto names = [&](const ClientFacts& of) {
    std::string list;
    for (const auto name : authenticator->mechanisms(of)) list += std::string(name) + " ";
    return list;
  };
  auto with_tls = facts();
  with_tls.tls_exporter = std::string(32, 'E');
  auto plain = facts();
  plain.encrypted = false;
  EXPECT_EQ(names(facts()), "SCRAM-SHA-256 PLAIN LOGIN ");
  EXPECT_EQ(names(with_tls), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN ");
  EXPECT_EQ(names(plain), "SCRAM-SHA-256 ");
  EXPECT_FALSE(authenticator->begin("PLAIN", plain).has_value());
  EXPECT_FALSE(authenticator->begin("SCRAM-SHA-256-PLUS", facts()).has_value());
  EXPECT_FALSE(authenticator->begin("SCRAM-SHA-1", facts()).has_value());
  EXPECT_FALSE(authenticator->begin("CRAM-MD5", facts()).has_value());
  EXPECT_FALSE(authenticator->begin("", facts()).has_value());
  auto options = cheap();
  options.scram_sha_1 = true;
  start(options);
  EXPECT_EQ(names(with_tls), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN LOGIN ");
}

TEST_F(AuthenticatorTest, Scram) {
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", "alice", "demo"), in);
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "y,,", "ALICE@seoul.example", "demo"), in);
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,a=Alice@seoul.example,", "alice", "demo"), in);
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,a=bob@seoul.example,", "alice", "demo"), out);
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", "alice", "wrong"), out);
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", "nobody", "demo"), out);
  const auto none = hashes();
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", "alice", "demo"), in);
  EXPECT_EQ(hashes(), none);
  auto bound = facts();
  bound.tls_exporter = std::string(32, 'E');
  EXPECT_EQ(scram("SCRAM-SHA-256-PLUS", bound, "p=tls-exporter,,", "alice", "demo", bound.tls_exporter), in);
  EXPECT_EQ(scram("SCRAM-SHA-256-PLUS", bound, "p=tls-exporter,,", "alice", "demo", std::string(32, 'F')), out);
  EXPECT_EQ(scram("SCRAM-SHA-256", bound, "n,,", "alice", "demo"), in);
  EXPECT_EQ(scram("SCRAM-SHA-256", bound, "y,,", "alice", "demo"), "auth: authentication failed");
  EXPECT_EQ(exchange("SCRAM-SHA-256", {std::nullopt, "nonsense"}), "<>syntax: malformed SCRAM message");
}

TEST_F(AuthenticatorTest, ScramChallengesTellNothing) {
  const auto challenge = [&](std::string user) {
    EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", std::move(user), "guess"), out);
    return last_challenge.substr(last_challenge.find(",s="));
  };
  const auto nobody = challenge("nobody@seoul.example");
  EXPECT_EQ(challenge("nobody@seoul.example"), nobody);
  EXPECT_EQ(challenge("NoBody"), nobody);
  const auto alices = challenge("alice");
  EXPECT_EQ(alices.size(), nobody.size());
  EXPECT_NE(alices, nobody);
  EXPECT_EQ(challenge("ALICE@seoul.example"), alices);
  start(cheap());  // as after a restart
  EXPECT_EQ(challenge("nobody"), nobody);
  // Nothing is to be seen when accounts come, change and go.
  const auto bob = world.add("nobody@seoul.example");
  EXPECT_EQ(challenge("nobody"), nobody);
  must(authenticator->set_password(bob.id, "demo"));
  EXPECT_EQ(challenge("nobody"), nobody);
  must(authenticator->set_password(alice.id, "new"));
  EXPECT_EQ(challenge("alice"), alices);
  must(world.directory->set_enabled(alice.id, false));
  EXPECT_EQ(challenge("alice"), alices);
  must(world.directory->remove_account(alice.id));
  EXPECT_EQ(challenge("alice"), alices);
}

TEST_F(AuthenticatorTest, DisabledAccountDoesNotScram) {
  must(world.directory->set_enabled(alice.id, false));
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", "alice", "demo"), out);
}

TEST_F(AuthenticatorTest, AnotherKeyOpensNoVerifierButPasswordsMakeNewOnes) {
  start(cheap(), std::string(32, 'x'));
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", "alice", "demo"), out);
  EXPECT_EQ(login("alice", "demo"), in);
  start(cheap(), std::string(32, 'x'));  // waits for the work in the background
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", "alice", "demo"), in);
}

TEST_F(AuthenticatorTest, HashesGrowWithTheirParametersAtTheNextLogin) {
  auto options = cheap();
  options.argon2_memory_bytes = 128 << 10;
  options.scram_iterations = 32;
  options.scram_sha_1 = true;
  start(options);
  EXPECT_EQ(scram("SCRAM-SHA-1", facts(), "n,,", "alice", "demo"), out);
  const auto generation = must(world.directory->find_account(alice.id))->credential_generation;
  EXPECT_EQ(login("alice", "demo"), in);
  start(options);  // waits for the work in the background
  EXPECT_EQ(scram("SCRAM-SHA-1", facts(), "n,,", "alice", "demo"), in);
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", "alice", "demo"), in);
  EXPECT_NE(last_challenge.find(",i=32"), std::string::npos);
  EXPECT_EQ(login("alice", "demo"), in);
  EXPECT_EQ(must(world.directory->find_account(alice.id))->credential_generation, generation);
  db::Readers readers(*world.database);
  const auto all = must(readers.read([&](db::Connection& c) { return read_credentials(c, alice.id); }));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_TRUE(all[0].secret.starts_with("$argon2id$v=19$m=128,t=1,p=1$")) << all[0].secret;
}

TEST_F(AuthenticatorTest, AppPasswords) {
  const auto secret = must(authenticator->add_app_password(alice.id, "phone"));
  EXPECT_EQ(login("alice", secret), in);
  std::string typed = to_upper(secret);
  std::ranges::replace(typed, '-', ' ');
  EXPECT_EQ(login("alice", typed), in);
  EXPECT_EQ(login("alice", "demo"), in);
  EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", "alice", secret), out);
  EXPECT_EQ(authenticator->add_app_password(alice.id, "phone").error().kind, ErrorKind::exists);
  EXPECT_EQ(authenticator->add_app_password(alice.id, "").error().kind, ErrorKind::syntax);
  must(authenticator->set_password(alice.id, "new"));
  EXPECT_EQ(login("alice", secret), in);
  const auto bob = world.add("bob@seoul.example");
  EXPECT_EQ(login("bob", secret), out);
  std::string kinds;
  for (const auto& info : must(authenticator->list_credentials(alice.id))) kinds += info.kind + ":" + info.name + " ";
  EXPECT_EQ(kinds, "app:phone password: scram-sha-256: ");
  must(authenticator->remove_app_password(alice.id, "phone"));
  EXPECT_EQ(login("alice", secret), out);
  EXPECT_EQ(authenticator->remove_app_password(alice.id, "phone").error().kind, ErrorKind::not_found);
  EXPECT_EQ(login("alice", "new"), in);
  must(authenticator->remove_credentials(bob.id));
}

TEST_F(AuthenticatorTest, UseIsNoted) {
  EXPECT_EQ(login("alice", "demo"), in);
  start(cheap());
  must(world.writer->run([](db::Connection&) -> Result<void> { return {}; }));  // after what was submitted
  const auto all = must(authenticator->list_credentials(alice.id));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].last_used, world.clock.now());
}

// Real time, so the delays here are small: what is measured is that they come, and for whom.
TEST_F(AuthenticatorTest, FailuresSlowDownWhatFollows) {
  auto options = cheap();
  options.first_failure_delay = 40ms;
  options.max_failure_delay = 80ms;
  start(options);
  const auto bob = world.add("bob@seoul.example");
  must(authenticator->set_password(bob.id, "demo"));
  const auto took = [&](auto&& attempt) {
    const auto began = std::chrono::steady_clock::now();
    attempt();
    return std::chrono::steady_clock::now() - began;
  };
  EXPECT_EQ(login("bob", "demo", "192.0.2.1"), "in: bob@seoul.example");  // known from there from now on
  EXPECT_LT(took([&] { EXPECT_EQ(login("alice", "a", "192.0.2.1"), out); }), 35ms);
  EXPECT_GE(took([&] { EXPECT_EQ(login("alice", "b", "192.0.2.1"), out); }), 40ms);
  EXPECT_GE(took([&] { EXPECT_EQ(login("alice", "c", "192.0.2.1"), out); }), 80ms);
  // The address is slow for other accounts, the account from other addresses.
  EXPECT_GE(took([&] { EXPECT_EQ(login("nobody", "c", "192.0.2.1"), out); }), 80ms);
  EXPECT_GE(took([&] { EXPECT_EQ(login("alice", "c", "198.51.100.1"), out); }), 80ms);
  EXPECT_GE(took([&] { EXPECT_EQ(scram("SCRAM-SHA-256", facts("203.0.113.1"), "n,,", "alice", "c"), out); }), 80ms);
  EXPECT_LT(took([&] { EXPECT_EQ(login("nobody2", "c", "203.0.113.2"), out); }), 35ms);
  // Whoever is known from there is not held up by the others.
  EXPECT_LT(took([&] { EXPECT_EQ(login("bob", "demo", "192.0.2.1"), "in: bob@seoul.example"); }), 35ms);
  // The right password gets in, late, and ends it for the account.
  EXPECT_GE(took([&] { EXPECT_EQ(login("alice", "demo", "203.0.113.3"), in); }), 80ms);
  EXPECT_LT(took([&] { EXPECT_EQ(login("alice", "demo", "203.0.113.4"), in); }), 35ms);
  world.clock.advance(900s);
  EXPECT_LT(took([&] { EXPECT_EQ(login("nobody", "c", "192.0.2.1"), out); }), 35ms);
}

// At a reload of the settings.
TEST_F(AuthenticatorTest, SomeSettingsChangeWhileItRuns) {
  start(cheap());
  const auto offers_sha_1 = [&] {
    const auto names = authenticator->mechanisms(facts());
    return std::ranges::find(names, "SCRAM-SHA-1") != names.end();
  };
  EXPECT_FALSE(offers_sha_1());
  auto options = cheap();
  options.scram_sha_1 = true;
  options.max_waiting_hashes = 0;
  options.first_failure_delay = options.max_failure_delay = 0ms;
  authenticator->change(options);
  EXPECT_TRUE(offers_sha_1());
  EXPECT_EQ(login("alice", "a", "192.0.2.9"), "busy: too many logins at once, try again later");
}

Async<> count_busy(Authenticator* authenticator, std::string user, ClientFacts facts,
                   std::map<std::string, int>* kinds) {
  const auto result = co_await authenticator->login(std::move(user), "wrong", std::move(facts));
  ++(*kinds)[std::string(result ? "in" : name_of(result.error().kind))];
}

TEST_F(AuthenticatorTest, FloodIsTurnedAwayNotQueuedForEver) {
  auto options = cheap();
  options.max_concurrent_hashes = 1;
  options.max_waiting_hashes = 10;
  start(options);
  asio::io_context io;
  std::map<std::string, int> kinds;
  for (int i = 0; i < 100; ++i) {
    asio::co_spawn(io,
                   count_busy(authenticator.get(), fmt::format("u{}", i), facts(fmt::format("192.0.2.{}", i)), &kinds),
                   [](const std::exception_ptr& thrown) { EXPECT_EQ(thrown, nullptr); });
  }
  io.run();
  EXPECT_GE(kinds["auth"], 10);
  EXPECT_GE(kinds["busy"], 1);
  EXPECT_EQ(kinds["auth"] + kinds["busy"], 100);
  EXPECT_EQ(login("alice", "demo"), in);
}

TEST_F(AuthenticatorTest, DelayedAttemptsOfOneAddressAreBounded) {
  auto options = cheap();
  options.first_failure_delay = 50ms;
  options.max_delayed = 4;
  start(options);
  EXPECT_EQ(login("nobody", "wrong"), out);
  asio::io_context io;
  std::map<std::string, int> kinds;
  for (int i = 0; i < 20; ++i) {
    asio::co_spawn(io, count_busy(authenticator.get(), fmt::format("u{}", i), facts(), &kinds),
                   [](const std::exception_ptr& thrown) { EXPECT_EQ(thrown, nullptr); });
  }
  io.run();
  EXPECT_EQ(kinds["auth"], 4);
  EXPECT_EQ(kinds["busy"], 16);
}

TEST(AuthenticatorOnPostgres, PasswordsAndVerifiers) {
  if (!db::postgres::TestCluster::shared()) GTEST_SKIP() << "no PostgreSQL here";
  testing::World world(testing::Engine::postgresql);
  SystemRandom random;
  Metrics metrics;
  must(world.directory->add_domain(domain("x")));
  const auto alice = world.add("alice@x");
  const auto log_in = [&](AuthenticatorOptions options, std::string password) {
    const auto authenticator = must(Authenticator::open(*world.directory, *world.database, *world.writer, world.pool,
                                                        world.clock, random, Log(), metrics, key, options));
    const ClientFacts from{.address = "192.0.2.1", .encrypted = true, .tls_exporter = {}, .protocol = "test"};
    const auto scram_exchange = authenticator->begin("SCRAM-SHA-256", from);
    ScramClient client(ScramHash::sha256, "alice", password, "client");
    const auto challenge = run_blocking((*scram_exchange)->step(client.first("n,,")));
    const auto final_step = run_blocking(
        (*scram_exchange)->step(client.final_message(std::get<SaslExchange::Challenge>(*challenge).octets, "")));
    const auto logged_in = run_blocking(authenticator->login("alice", std::move(password), from));
    return fmt::format("{} {}", final_step.has_value(), logged_in.has_value());
  };
  {
    const auto authenticator = must(Authenticator::open(*world.directory, *world.database, *world.writer, world.pool,
                                                        world.clock, random, Log(), metrics, key, cheap()));
    must(authenticator->set_password(alice.id, "비밀"));
    EXPECT_EQ(must(authenticator->add_app_password(alice.id, "phone")).size(), 24U);
  }
  EXPECT_EQ(log_in(cheap(), "비밀"), "true true");
  EXPECT_EQ(log_in(cheap(), "wrong"), "false false");
  auto dearer = cheap();
  dearer.argon2_passes = 2;
  dearer.scram_iterations = 32;
  EXPECT_EQ(log_in(dearer, "비밀"), "true true");
  EXPECT_EQ(log_in(dearer, "비밀"), "true true");
}

TEST(SaslPlain, EveryPrefix) {
  const std::string message("who\0alice\0demo", 14);
  for (std::size_t n = 0; n <= message.size(); ++n) {
    EXPECT_EQ(parse_plain(std::string_view(message).substr(0, n)).has_value(), n >= 11) << n;
  }
}

}  // namespace
}  // namespace pabal::account
