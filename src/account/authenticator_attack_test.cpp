// The authenticator before those who guess: what they can learn, and how slow they are made.
#include "account/authenticator_fixture.hpp"

namespace pabal::account {
namespace {

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

// Accounts keep what they had until their next login. Who isn't one must look as they do.
TEST_F(AuthenticatorTest, ChangedSettingsDoNotTellWhoExists) {
  const auto iterations = [&](std::string user) {
    EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", std::move(user), "guess"), out);
    return last_challenge.substr(last_challenge.rfind(",i="));
  };
  // How many of a hundred names without an account have each number of iterations.
  const auto of_strangers = [&] {
    std::map<std::string, int> seen;
    for (int i = 0; i < 100; ++i) ++seen[iterations(fmt::format("stranger{}", i))];
    return seen;
  };
  using Seen = std::map<std::string, int>;
  const auto bob = world.add("bob@seoul.example");
  must(authenticator->set_password(bob.id, "demo"));
  EXPECT_EQ(of_strangers(), (Seen{{",i=16", 100}}));
  for (const std::uint32_t wanted : {32U, 8U}) {  // up, and down
    const auto before = iterations("alice");
    auto options = cheap();
    options.scram_iterations = wanted;
    start(options);
    EXPECT_EQ(iterations("alice"), before);
    EXPECT_EQ(of_strangers(), (Seen{{before, 100}}));
    EXPECT_EQ(login("alice", "demo"), in);
    start(options);  // waits for the work in the background
    const auto after = fmt::format(",i={}", wanted);
    EXPECT_EQ(iterations("alice"), after);
    EXPECT_EQ(iterations("bob"), before);
    const auto mixed = of_strangers();
    EXPECT_EQ(mixed.size(), 2U);
    EXPECT_NEAR(mixed.at(after), 50, 20);
    start(options);
    EXPECT_EQ(of_strangers(), mixed);
    EXPECT_EQ(login("bob", "demo"), "in: bob@seoul.example");
    start(options);
    EXPECT_EQ(of_strangers(), (Seen{{after, 100}}));
  }
}

TEST_F(AuthenticatorTest, ChangesAreSeenWithoutARestartInTime) {
  auto options = cheap();
  options.scram_iterations = 32;
  start(options);
  const auto of_stranger = [&] {
    EXPECT_EQ(scram("SCRAM-SHA-256", facts(), "n,,", "stranger", "guess"), out);
    return last_challenge.substr(last_challenge.rfind(",i="));
  };
  EXPECT_EQ(of_stranger(), ",i=16");
  must(authenticator->set_password(alice.id, "demo"));
  world.clock.advance(9min);
  EXPECT_EQ(of_stranger(), ",i=16");
  world.clock.advance(1min);
  EXPECT_EQ(of_stranger(), ",i=32");
}

// The cost of a hash is its time.
TEST_F(AuthenticatorTest, AHashOfNobodyCostsWhatTheOthersCost) {
  const Secrets secrets(key);
  const auto costs = [&](HashCost wanted) {
    db::Readers readers(*world.database);
    const auto disguise =
        must(readers.read([&](db::Connection& c) { return Disguise::read(c, secrets, random, wanted, 16); }));
    std::map<std::string, int> seen;
    for (int i = 0; i < 100; ++i) {
      const auto& hash = disguise.hash(secrets.place_of(fmt::format("stranger{}", i)));
      ++seen[hash.substr(0, hash.rfind('$', hash.rfind('$') - 1))];
    }
    return seen;
  };
  using Seen = std::map<std::string, int>;
  const std::string kept = "$argon2id$v=19$m=64,t=1,p=1";
  const std::string wanted = "$argon2id$v=19$m=128,t=2,p=1";
  EXPECT_EQ(costs({.memory_bytes = 128 << 10, .passes = 2}), (Seen{{kept, 100}}));
  const auto bob = world.add("bob@seoul.example");
  auto options = cheap();
  options.argon2_memory_bytes = 128 << 10;
  options.argon2_passes = 2;
  start(options);
  must(authenticator->set_password(bob.id, "demo"));
  const auto mixed = costs({.memory_bytes = 128 << 10, .passes = 2});
  EXPECT_EQ(mixed.size(), 2U);
  EXPECT_NEAR(mixed.at(wanted), 50, 20);
  must(authenticator->remove_credentials(alice.id));
  EXPECT_EQ(costs({.memory_bytes = 128 << 10, .passes = 2}), (Seen{{wanted, 100}}));
  must(authenticator->remove_credentials(bob.id));
  EXPECT_EQ(costs({.memory_bytes = 64 << 10, .passes = 1}), (Seen{{kept, 100}}));
}

// Names go over to what is wanted as its share grows, and never back.
TEST(Shares, GoOneWay) {
  for (std::uint64_t place = 5; place > 4; place *= 3) {
    int last = 1;
    for (int moved = 0; moved <= 20; ++moved) {
      Shares<int> shares;
      for (int i = 0; i < 20; ++i) shares.add(i < moved ? 2 : 1);
      EXPECT_GE(shares.of(place, 2), last);
      last = shares.of(place, 2);
    }
    EXPECT_EQ(last, 2);
    if (place > UINT64_MAX / 3) break;
  }
  Shares<int> none;
  EXPECT_EQ(none.of(UINT64_MAX, 7), 7);
  none.add(3);
  EXPECT_EQ(none.of(UINT64_MAX, 7), 3);
  EXPECT_EQ(none.of(0, 7), 3);
}

// What happens to the account between the challenge and the proof counts.
TEST_F(AuthenticatorTest, ScramSeesWhatChangedMeanwhile) {
  const auto meanwhile = [&](auto&& change) {
    auto begun = must(authenticator->begin("SCRAM-SHA-256", facts()));
    ScramClient client(ScramHash::sha256, "alice", "demo", "client");
    const auto challenge = must(run_blocking(begun->step(client.first("n,,"))));
    change();
    const auto step =
        run_blocking(begun->step(client.final_message(std::get<SaslExchange::Challenge>(challenge).octets, "")));
    return step ? "in" : std::string(name_of(step.error().kind));
  };
  EXPECT_EQ(meanwhile([] {}), "in");
  EXPECT_EQ(meanwhile([&] { must(world.directory->set_enabled(alice.id, false)); }), "auth");
  must(world.directory->set_enabled(alice.id, true));
  EXPECT_EQ(meanwhile([&] { must(world.directory->set_quota(alice.id, 1000)); }), "in");
  EXPECT_EQ(meanwhile([&] { must(authenticator->set_password(alice.id, "demo")); }), "auth");
  EXPECT_EQ(meanwhile([] {}), "in");
  EXPECT_EQ(meanwhile([&] { must(world.directory->remove_account(alice.id)); }), "auth");
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

// Many addresses, each with a delay of its own, don't get more guesses at one account than one address would.
TEST_F(AuthenticatorTest, DelayedAttemptsOnOneAccountAreBounded) {
  auto options = cheap();
  options.first_failure_delay = 50ms;
  options.max_failure_delay = 50ms;
  options.max_delayed = 4;
  start(options);
  const auto bob = world.add("bob@seoul.example");
  must(authenticator->set_password(bob.id, "demo"));
  EXPECT_EQ(login("alice", "demo", "203.0.113.9"), in);  // known from there
  for (const bool from_bad_addresses : {false, true}) {
    EXPECT_EQ(login("alice", "wrong", "198.51.100.1"), out);
    if (from_bad_addresses) {
      for (int i = 0; i < 20; ++i) login("nobody", "wrong", fmt::format("192.0.2.{}", i));
    }
    asio::io_context io;
    std::map<std::string, int> kinds;
    for (int i = 0; i < 20; ++i) {
      asio::co_spawn(io, count_busy(authenticator.get(), "alice", facts(fmt::format("192.0.2.{}", i)), &kinds),
                     [](const std::exception_ptr& thrown) { EXPECT_EQ(thrown, nullptr); });
    }
    std::map<std::string, int> others;
    asio::co_spawn(io, count_busy(authenticator.get(), "bob", facts("198.51.100.77"), &others),
                   [](const std::exception_ptr& thrown) { EXPECT_EQ(thrown, nullptr); });
    io.run();
    EXPECT_EQ(kinds["auth"], 4);
    EXPECT_EQ(kinds["busy"], 16);
    EXPECT_EQ(others["auth"], 1);
    world.clock.advance(900s);
  }
  EXPECT_EQ(login("alice", "demo", "203.0.113.9"), in);
}

TEST_F(AuthenticatorTest, AWaitEndsWhenNobodyWaitsForIt) {
  auto options = cheap();
  options.first_failure_delay = 10s;
  start(options);
  const auto none = hashes();
  for (const bool scram_too : {false, true}) {
    EXPECT_EQ(login("alice", "wrong"), out);
    auto gone = facts();
    gone.abandoned = [] { return true; };
    const auto began = std::chrono::steady_clock::now();
    if (scram_too) {
      EXPECT_EQ(scram("SCRAM-SHA-256", gone, "n,,", "alice", "demo"), "busy: try again later");
    } else {
      EXPECT_EQ(dump(run_blocking(authenticator->login("alice", "demo", gone))), "busy: try again later");
    }
    gone.address = "198.51.100.1";  // the wait for the account
    EXPECT_EQ(dump(run_blocking(authenticator->login("alice", "demo", gone))), "busy: try again later");
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
    world.clock.advance(900s);
  }
  EXPECT_EQ(hashes(), none + 2);
}

}  // namespace
}  // namespace pabal::account
