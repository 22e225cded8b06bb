#include "account/authenticator_fixture.hpp"
#include "account/sasl_plain.hpp"

namespace pabal::account {
namespace {

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
