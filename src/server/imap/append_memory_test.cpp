#include "server/imap/append_memory.hpp"

#include <optional>

#include <gtest/gtest.h>

namespace pabal::server::imap {
namespace {

TEST(AppendMemory, EachCommandHasItsOwnAndAllTogetherASum) {
  AppendMemory common;
  AppendShare first(common);
  EXPECT_TRUE(first.allows(AppendShare::kOwn));
  EXPECT_TRUE(first.allows(AppendShare::kAtMost));
  EXPECT_FALSE(first.allows(AppendShare::kAtMost + 1));
  std::optional<AppendShare> second(std::in_place, common);
  EXPECT_TRUE(second->allows(AppendShare::kAtMost));
  AppendShare third(common);
  const auto left = AppendMemory::kForAll - (2 * (AppendShare::kAtMost - AppendShare::kOwn));
  EXPECT_TRUE(third.allows(AppendShare::kOwn + left));
  EXPECT_FALSE(third.allows(AppendShare::kOwn + left + 1));
  AppendShare fourth(common);
  EXPECT_TRUE(fourth.allows(AppendShare::kOwn));
  EXPECT_FALSE(fourth.allows(AppendShare::kOwn + 1));
  second.reset();
  EXPECT_TRUE(fourth.allows(AppendShare::kAtMost));
}

}  // namespace
}  // namespace pabal::server::imap
