#include "account/key_algorithm.hpp"

#include <string>

#include <gtest/gtest.h>

namespace pabal::account {
namespace {

TEST(KeyAlgorithm, Names) {
  for (const auto algorithm :
       {KeyAlgorithm::rsa_2048, KeyAlgorithm::rsa_3072, KeyAlgorithm::rsa_4096, KeyAlgorithm::ed25519}) {
    EXPECT_EQ(key_algorithm(name_of(algorithm)), algorithm);
  }
  EXPECT_EQ(key_algorithm("rsa"), KeyAlgorithm::rsa_2048);
  EXPECT_EQ(key_algorithm("rsa-1024"), std::nullopt);
  EXPECT_EQ(key_algorithm(""), std::nullopt);
  EXPECT_EQ(rsa_algorithm(3072), KeyAlgorithm::rsa_3072);
  EXPECT_EQ(rsa_algorithm(1024), std::nullopt);
  EXPECT_EQ(rsa_algorithm(0), std::nullopt);
  EXPECT_EQ(rsa_bits(KeyAlgorithm::rsa_4096), 4096U);
  EXPECT_TRUE(same_kind(KeyAlgorithm::rsa_2048, KeyAlgorithm::rsa_4096));
  EXPECT_FALSE(same_kind(KeyAlgorithm::rsa_2048, KeyAlgorithm::ed25519));
}

TEST(KeyAlgorithm, Selectors) {
  for (const auto* good : {"a", "20261122r", "s1", "mail-2026", "a.b", "1.2.3", "A"}) {
    EXPECT_TRUE(is_selector(good)) << good;
  }
  for (const auto* bad : {"", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a.-b", "a_b", "a b", "é"}) {
    EXPECT_FALSE(is_selector(bad)) << bad;
  }
  EXPECT_TRUE(is_selector(std::string(63, 'a')));
  EXPECT_FALSE(is_selector(std::string(64, 'a')));
}

}  // namespace
}  // namespace pabal::account
