#include "imap/sequence_set.hpp"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace pabal::imap {
namespace {

std::string resolved(std::string_view text, std::uint32_t largest) {
  const auto set = SequenceSet::parse(text);
  if (!set) return "wrong";
  return set->resolve(largest).text();
}

TEST(SequenceSet, Parse) {
  EXPECT_EQ(resolved("1", 9), "1");
  EXPECT_EQ(resolved("2,4:7,9,12:*", 15), "2,4:7,9,12:15");
  EXPECT_EQ(resolved("*:4,5:7", 10), "4:10");
  EXPECT_EQ(resolved("5:3", 10), "3:5");
  EXPECT_EQ(resolved("3:1,2,7,8:9", 10), "1:3,7:9");
  // RFC 9051 §9: "*" may be below; 0 in use gives nothing.
  EXPECT_EQ(resolved("12:*", 5), "5:12");
  EXPECT_EQ(resolved("*", 5), "5");
  EXPECT_EQ(resolved("*", 0), "");
  EXPECT_EQ(resolved("1:*", 0), "");
  EXPECT_EQ(resolved("1:4294967295", 5), "1:4294967295");
  EXPECT_EQ(resolved("4294967295,4294967294", 5), "4294967294:4294967295");
  for (const auto* wrong : {"", "0", "1:", ":1", "1,", ",1", "1,,2", "1:2:3", "a", "1 ", " 1", "01", "4294967296", "-1",
                            "$,1", "1:$", "**", "1:*:", "+1"}) {
    EXPECT_EQ(resolved(wrong, 5), "wrong") << wrong;
  }
  EXPECT_TRUE(SequenceSet::parse("$")->is_saved_result());
  EXPECT_TRUE(SequenceSet::parse("1:*")->has_star());
  EXPECT_EQ(SequenceSet::parse("7,3:5,*")->largest_named(), 7U);
  EXPECT_EQ(SequenceSet::parse("7,3:5,*")->text(), "7,3:5,*");
  EXPECT_FALSE(SequenceSet::parse("1,2,3", 2));
  EXPECT_EQ(SequenceSet::of(NumberSet{{2, 3}}).text(), "2:3");
}

TEST(NumberSet, Operations) {
  NumberSet set{{1, 3}, {5, 5}};
  set.add(4);
  EXPECT_EQ(set.text(), "1:5");
  set.add({7, 9});
  set.add({3, 7});
  EXPECT_EQ(set.text(), "1:9");
  set.add({UINT32_MAX, UINT32_MAX});
  set.add(UINT32_MAX - 1);
  EXPECT_EQ(set.text(), "1:9,4294967294:4294967295");
  EXPECT_EQ(set.count(), 11U);
  EXPECT_EQ((NumberSet{{1, UINT32_MAX}}).count(), 4294967295U);
  EXPECT_EQ((NumberSet{{1, UINT32_MAX}}).without(NumberSet{{5, 5}, {UINT32_MAX, UINT32_MAX}}).text(),
            "1:4,6:4294967294");
  const std::uint32_t numbers[] = {1, 2, 2, 3, 9};
  EXPECT_EQ(NumberSet::of_sorted(numbers).text(), "1:3,9");
  EXPECT_EQ(NumberSet().text(), "");
}

// Against a set of single numbers.
TEST(NumberSet, AgreesWithAPlainSet) {
  std::mt19937 random(11);
  const auto some = [&](std::set<std::uint32_t>& plain) {
    NumberSet set;
    for (auto left = random() % 12; left > 0; --left) {
      const auto first = 1 + random() % 40;
      const auto last = first + random() % 6;
      set.add({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last)});
      for (auto n = first; n <= last; ++n) plain.insert(static_cast<std::uint32_t>(n));
    }
    return set;
  };
  const auto same = [](const NumberSet& set, const std::set<std::uint32_t>& plain) {
    EXPECT_EQ(set.count(), plain.size());
    for (std::uint32_t n = 1; n < 50; ++n) EXPECT_EQ(set.contains(n), plain.contains(n)) << n;
    for (std::size_t i = 1; i < set.ranges().size(); ++i) {
      EXPECT_GT(set.ranges()[i].first, set.ranges()[i - 1].last + 1);
    }
  };
  for (int i = 0; i < 2'000; ++i) {
    std::set<std::uint32_t> x;
    std::set<std::uint32_t> y;
    const auto a = some(x);
    const auto b = some(y);
    same(a, x);
    std::set<std::uint32_t> out;
    std::ranges::set_intersection(x, y, std::inserter(out, out.end()));
    same(a.intersect(b), out);
    out.clear();
    std::ranges::set_union(x, y, std::inserter(out, out.end()));
    same(a.unite(b), out);
    out.clear();
    std::ranges::set_difference(x, y, std::inserter(out, out.end()));
    same(a.without(b), out);
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
}

TEST(PartialRange, Places) {
  const auto places = [](std::string_view text, std::uint64_t count) {
    const auto range = PartialRange::parse(text);
    if (!range) return std::string("wrong");
    const auto [begin, end] = range->of(count);
    return fmt::format("{} {}-{}", range->text(), begin, end);
  };
  EXPECT_EQ(places("1:100", 250), "1:100 0-100");
  EXPECT_EQ(places("100:1", 250), "1:100 0-100");
  EXPECT_EQ(places("201:300", 250), "201:300 200-250");
  EXPECT_EQ(places("301:400", 250), "301:400 250-250");
  EXPECT_EQ(places("-1:-100", 250), "-1:-100 150-250");
  EXPECT_EQ(places("-100:-1", 250), "-1:-100 150-250");
  EXPECT_EQ(places("-201:-300", 250), "-201:-300 0-50");
  EXPECT_EQ(places("-1:-1", 0), "-1:-1 0-0");
  for (const auto* wrong : {"", "1", "1:-1", "-1:1", "0:1", "-0:-1", "1:2:3", "*:1", "1:4294967296"}) {
    EXPECT_EQ(places(wrong, 5), "wrong") << wrong;
  }
}

}  // namespace
}  // namespace pabal::imap
