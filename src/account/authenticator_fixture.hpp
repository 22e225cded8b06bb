// What the tests of the authenticator start from: alice@seoul.example with the password "demo", and hashes that cost
// nothing.
#pragma once
#include <gtest/gtest.h>

#include "account/authenticator.hpp"
#include "account/authenticator_state.hpp"
#include "account/scram_client.hpp"
#include "account/testing.hpp"
#include "base/text.hpp"

namespace pabal::account {

using testing::address;
using testing::domain;
using testing::must;
using testing::ScramClient;

using namespace std::chrono_literals;

inline const std::string key(32, 'k');

inline AuthenticatorOptions cheap() {
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

/// How a login of Alice's ends.
inline constexpr std::string_view in = "in: Alice@seoul.example";
inline constexpr std::string_view out = "auth: authentication credentials invalid";

}  // namespace pabal::account
