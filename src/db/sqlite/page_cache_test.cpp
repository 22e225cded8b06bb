#include "db/sqlite/page_cache.hpp"

#include <set>

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace pabal::db::sqlite {
namespace {

constexpr unsigned kNever = ((1U << 30) / 4096) + 1;

TEST(PageNumbers, OnlyWherePagesAreIsLookedFor) {
  PageNumbers numbers(4096);
  EXPECT_FALSE(numbers.truncate(1));
  numbers.has(10);
  EXPECT_FALSE(numbers.truncate(11));
  EXPECT_TRUE(numbers.truncate(10));
  EXPECT_FALSE(numbers.truncate(10));
  numbers.has(3);
  EXPECT_FALSE(numbers.truncate(10));
  EXPECT_TRUE(numbers.truncate(0));
}

// As SQLite exchanges the places of two pages.
TEST(PageNumbers, ThatOfNoPageIsForgottenWithIt) {
  PageNumbers numbers(4096);
  numbers.has(10);
  numbers.moved(5, kNever);
  numbers.moved(10, 5);
  numbers.moved(kNever, 10);
  EXPECT_FALSE(numbers.truncate(11));
  numbers.moved(10, kNever);
  EXPECT_TRUE(numbers.truncate(11)) << "it is still there";
  EXPECT_FALSE(numbers.truncate(11));
  // In a database that goes on behind it.
  numbers.has(kNever + 1);
  EXPECT_FALSE(numbers.truncate(kNever + 2));
  EXPECT_TRUE(numbers.truncate(kNever + 1));
}

TEST(PageNumbers, NoneIsOverlooked) {
  SeededRandom random(1);
  std::array<unsigned, 6> interesting = {1, 2, 3, kNever - 1, kNever, kNever + 1};
  const auto any = [&] { return interesting.at(random.below(interesting.size())); };
  for (int round = 0; round < 2000; ++round) {
    PageNumbers numbers(4096);
    std::set<unsigned> pages;
    for (int step = 0; step < 12; ++step) {
      const auto number = any();
      switch (random.below(3)) {
        case 0:
          pages.insert(number);
          numbers.has(number);
          break;
        case 1: {
          if (pages.empty() || pages.contains(number)) break;
          const auto before = *pages.begin();
          pages.erase(before);
          pages.insert(number);
          numbers.moved(before, number);
          break;
        }
        default: {
          const auto first = pages.lower_bound(number);
          const bool found = numbers.truncate(number);
          EXPECT_TRUE(found || first == pages.end()) << number;
          pages.erase(first, pages.end());
        }
      }
    }
  }
}

}  // namespace
}  // namespace pabal::db::sqlite
