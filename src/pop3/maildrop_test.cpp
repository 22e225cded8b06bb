#include "pop3/maildrop.hpp"

#include <gtest/gtest.h>

namespace pabal::pop3 {
namespace {

Maildrop three() {
  return {7,
          {{.email = EmailId{11}, .size = 120, .uid = 1},
           {.email = EmailId{12}, .size = 200, .uid = 5},
           {.email = EmailId{13}, .size = 3, .uid = 4294967295}}};
}

std::string whole(ListingBody body, std::size_t window) {
  std::string out;
  while (!body.produce(out, window)) {
  }
  return out;
}

TEST(Maildrop, MarksAreCountedAndUndone) {
  auto drop = three();
  EXPECT_EQ(drop.present(), 3U);
  EXPECT_EQ(drop.present_octets(), 323U);
  drop.mark(2);
  EXPECT_EQ(drop.size(), 3U);
  EXPECT_EQ(drop.present(), 2U);
  EXPECT_EQ(drop.present_octets(), 123U);
  EXPECT_TRUE(drop.find(2)->marked);
  EXPECT_EQ(drop.marked_uids(), std::vector<std::int64_t>{5});
  drop.unmark_all();
  EXPECT_EQ(drop.present_octets(), 323U);
  EXPECT_TRUE(drop.marked_uids().empty());
}

TEST(Maildrop, NumbersThatNameNothing) {
  const auto drop = three();
  EXPECT_EQ(drop.find(0), nullptr);
  EXPECT_EQ(drop.find(4), nullptr);
  EXPECT_EQ(drop.find(UINT32_MAX), nullptr);
  EXPECT_EQ(Maildrop().find(1), nullptr);
}

TEST(Maildrop, ListingsInWindowsOfAnySize) {
  auto drop = three();
  drop.mark(2);
  for (const std::size_t window : {0U, 1U, 7U, 1000U}) {
    if (window == 0) continue;
    EXPECT_EQ(whole(ListingBody(drop, ListingBody::Kind::sizes), window), "1 120\r\n3 3\r\n.\r\n");
    EXPECT_EQ(whole(ListingBody(drop, ListingBody::Kind::unique_ids), window), "1 7.1\r\n3 7.4294967295\r\n.\r\n");
  }
  EXPECT_EQ(whole(ListingBody(Maildrop(), ListingBody::Kind::sizes), 10), ".\r\n");
}

TEST(Maildrop, UniqueIdsHaveAtMost70Octets) {
  const Maildrop drop(UINT32_MAX, {{.uid = UINT32_MAX}});
  std::string id;
  drop.append_unique_id(*drop.find(1), id);
  EXPECT_EQ(id, "4294967295.4294967295");
}

}  // namespace
}  // namespace pabal::pop3
