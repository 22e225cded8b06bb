#include "account/credentials.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include "account/password_hash.hpp"

namespace pabal::account {
namespace {

const std::string key(32, 'k');

TEST(Credentials, SealedVerifiersOpenOnlyWhereTheyBelong) {
  ASSERT_GE(sodium_init(), 0);
  SystemRandom random;
  const Secrets secrets(key);
  const auto verifier = make_scram_verifier(ScramHash::sha256, "pencil", "0123456789abcdef", 4096);
  const auto sealed = secrets.seal(AccountId{7}, ScramHash::sha256, verifier, random);
  EXPECT_EQ(sealed.find(verifier.stored_key), std::string::npos);
  EXPECT_EQ(secrets.unseal(AccountId{7}, ScramHash::sha256, sealed), verifier);
  EXPECT_EQ(secrets.unseal(AccountId{8}, ScramHash::sha256, sealed), std::nullopt);
  EXPECT_EQ(secrets.unseal(AccountId{7}, ScramHash::sha1, sealed), std::nullopt);
  EXPECT_EQ(Secrets(std::string(32, 'x')).unseal(AccountId{7}, ScramHash::sha256, sealed), std::nullopt);
  EXPECT_NE(secrets.seal(AccountId{7}, ScramHash::sha256, verifier, random), sealed);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(secrets.unseal(AccountId{7}, ScramHash::sha256, changed), std::nullopt) << i;
    EXPECT_EQ(secrets.unseal(AccountId{7}, ScramHash::sha256, sealed.substr(0, i)), std::nullopt) << i;
  }
}

TEST(Credentials, MadeUpVerifiersAreSteady) {
  const Secrets secrets(key);
  const auto one = secrets.made_up(ScramHash::sha256, "nobody@x", 4096);
  EXPECT_EQ(Secrets(key).made_up(ScramHash::sha256, "nobody@x", 4096), one);
  EXPECT_NE(secrets.made_up(ScramHash::sha256, "somebody@x", 4096).salt, one.salt);
  EXPECT_NE(secrets.made_up(ScramHash::sha1, "nobody@x", 4096).salt, one.salt);
  EXPECT_NE(Secrets(std::string(32, 'x')).made_up(ScramHash::sha256, "nobody@x", 4096).salt, one.salt);
  EXPECT_EQ(one.salt.size(), scram_salt_octets);
  EXPECT_EQ(one.stored_key.size(), 32U);
}

TEST(Credentials, AppPasswords) {
  SeededRandom random(1);
  const auto shown = make_app_password(random);
  EXPECT_EQ(shown.size(), 24U);
  const auto normal = normal_app_password(shown);
  ASSERT_TRUE(normal.has_value()) << shown;
  EXPECT_EQ(normal->size(), 20U);
  EXPECT_EQ(normal_app_password(*normal), normal);
  EXPECT_EQ(normal_app_password(" " + shown + " "), normal);
  EXPECT_EQ(normal_app_password("OIL0-0000-0000-0000-0000"), "01100000000000000000");
  EXPECT_EQ(normal_app_password(shown + "0"), std::nullopt);
  EXPECT_EQ(normal_app_password("demo"), std::nullopt);
  EXPECT_EQ(normal_app_password(""), std::nullopt);
  EXPECT_EQ(normal_app_password("uuuu-uuuu-uuuu-uuuu-uuuu"), std::nullopt);
}

TEST(PasswordHash, VerifiesAndKnowsItsCost) {
  ASSERT_GE(sodium_init(), 0);
  const HashCost cheap{.memory_bytes = 64 << 10, .passes = 1};
  const auto hash = hash_password("pencil", cheap);
  ASSERT_TRUE(hash.has_value());
  EXPECT_TRUE(hash->starts_with("$argon2id$v=19$m=64,t=1,p=1$")) << *hash;
  EXPECT_EQ(verify_password(*hash, "pencil"), true);
  EXPECT_EQ(verify_password(*hash, "pencils"), false);
  EXPECT_EQ(verify_password("nonsense", "pencil"), false);
  EXPECT_EQ(cost_of(*hash), cheap);
  EXPECT_EQ(cost_of("$argon2id$v=19$m=131072,t=3,p=1$salt$hash"), (HashCost{.memory_bytes = 128 << 20, .passes = 3}));
  EXPECT_FALSE(cost_of("nonsense"));
}

}  // namespace
}  // namespace pabal::account
