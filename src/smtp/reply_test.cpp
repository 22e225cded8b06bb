#include "smtp/reply.hpp"

#include <gtest/gtest.h>

namespace pabal::smtp {
namespace {

TEST(Reply, Forms) {
  EXPECT_EQ(Reply(250, "2.0.0", "Ok").wire(), "250 2.0.0 Ok\r\n");
  EXPECT_EQ(Reply(354, "", "Go on").wire(), "354 Go on\r\n");
  EXPECT_EQ(Reply(250, "", "a\nb\nc").wire(), "250-a\r\n250-b\r\n250 c\r\n");
  EXPECT_EQ(Reply(550, "5.1.1", "a\nb").wire(), "550-5.1.1 a\r\n550 5.1.1 b\r\n");
  EXPECT_EQ(Reply(334, "", "").wire(), "334 \r\n");
}

TEST(Reply, WhatAPeerSentCannotEndALine) {
  EXPECT_EQ(Reply(501, "5.5.2", "a\rb\x1b[0m\xff").wire(), "501 5.5.2 a?b?[0m?\r\n");
}

TEST(Reply, LongLinesAreBroken) {
  const auto wire = Reply(550, "5.7.1", std::string(1200, 'x')).wire();
  std::size_t begin = 0;
  std::size_t letters = 0;
  while (begin < wire.size()) {
    const auto end = wire.find("\r\n", begin) + 2;
    EXPECT_LE(end - begin, 512U);
    letters += static_cast<std::size_t>(
        std::count(wire.begin() + static_cast<long>(begin), wire.begin() + static_cast<long>(end), 'x'));
    EXPECT_EQ(wire.substr(begin, 3), "550");
    EXPECT_EQ(wire[begin + 3], end == wire.size() ? ' ' : '-');
    begin = end;
  }
  EXPECT_EQ(letters, 1200U);
}

}  // namespace
}  // namespace pabal::smtp
