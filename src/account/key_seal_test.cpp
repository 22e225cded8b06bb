#include "account/key_seal.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

namespace pabal::account {
namespace {

constexpr HashCost cheap{.memory_bytes = 8 << 10, .passes = 1};

TEST(KeySeal, OpensWithItsPassphraseAlone) {
  ASSERT_GE(sodium_init(), 0);
  const auto seal = KeySeal::make();
  const auto sealed = seal.seal("the secret", "name");
  const auto master = seal.under("passphrase", cheap);
  ASSERT_TRUE(master.has_value());
  const auto again = KeySeal::open(*master, "passphrase");
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->unseal(sealed, "name").value_or(""), "the secret");
  EXPECT_EQ(again->unseal(sealed, "other").error().kind, ErrorKind::damaged);
  EXPECT_EQ(KeySeal::open(*master, "Passphrase").error().kind, ErrorKind::auth);
  EXPECT_EQ(KeySeal::open(*master, "").error().kind, ErrorKind::auth);
  EXPECT_NE(seal.seal("the secret", "name"), sealed);
  EXPECT_FALSE(KeySeal::make().unseal(sealed, "name").has_value());
}

TEST(KeySeal, ADamagedOctetIsSeen) {
  ASSERT_GE(sodium_init(), 0);
  const auto seal = KeySeal::make();
  const auto sealed = seal.seal("secret", "name");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto other = sealed;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_FALSE(seal.unseal(other, "name").has_value()) << i;
    EXPECT_FALSE(seal.unseal(sealed.substr(0, i), "name").has_value()) << i;
  }
  auto master = *seal.under("p", cheap);
  master.salt.pop_back();
  EXPECT_EQ(KeySeal::open(master, "p").error().kind, ErrorKind::damaged);
  master = *seal.under("p", cheap);
  master.cost.memory_bytes = 1ULL << 60;
  EXPECT_EQ(KeySeal::open(master, "p").error().kind, ErrorKind::damaged);
  master = *seal.under("p", cheap);
  master.sealed.clear();
  EXPECT_EQ(KeySeal::open(master, "p").error().kind, ErrorKind::auth);
}

}  // namespace
}  // namespace pabal::account
