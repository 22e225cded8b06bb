#include "queue/sts_memory.hpp"

#include <gtest/gtest.h>

namespace pabal::queue {
namespace {

using std::chrono::seconds;

RememberedPolicy policy(std::string_view domain, smtp::StsMode mode = smtp::StsMode::enforce) {
  return {.domain = *Domain::parse(domain),
          .id = "20261123T1",
          .policy = {.mode = mode,
                     .max_age = seconds(604800),
                     .mx = {"mx1.busan.example", "*.busan.example"},
                     .text = "version: STSv1\r\nmode: enforce\r\n"},
          .fetched = SystemTime(seconds(1'800'000'000)),
          .until = SystemTime(seconds(1'800'604'800))};
}

std::string names(std::string_view text) {
  std::string out;
  for (const auto& one : read_sts_memory(text)) out += one.domain.ascii() + " ";
  return out;
}

TEST(StsMemory, IsReadAsItWasWritten) {
  const auto text = sts_memory_text({policy("busan.example"), policy("daegu.example", smtp::StsMode::testing),
                                     policy("a.example", smtp::StsMode::none)});
  const auto read = read_sts_memory(text);
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(read[0].id, "20261123T1");
  EXPECT_EQ(read[0].policy.mode, smtp::StsMode::enforce);
  EXPECT_EQ(read[0].policy.max_age, seconds(604800));
  EXPECT_TRUE(read[0].policy.allows("x.busan.example"));
  EXPECT_EQ(read[0].policy.text, "version: STSv1\r\nmode: enforce\r\n");
  EXPECT_EQ(read[0].fetched, SystemTime(seconds(1'800'000'000)));
  EXPECT_EQ(read[0].until, SystemTime(seconds(1'800'604'800)));
  EXPECT_EQ(read[1].policy.mode, smtp::StsMode::testing);
  EXPECT_EQ(sts_memory_text(read), text);
}

TEST(StsMemory, ATextInAnotherCharsetIsNoReasonToForget) {
  auto one = policy("busan.example");
  one.policy.text = "version: STSv1\r\nmode: enforce\r\nmx: mx1.busan.example\r\nmax_age: 600\r\nx: \xEB\xFF\r\n";
  const auto text = sts_memory_text({one});
  const auto read = read_sts_memory(text);
  ASSERT_EQ(read.size(), 1U);
  const auto again = smtp::parse_sts_policy(read[0].policy.text);
  ASSERT_TRUE(again) << read[0].policy.text;
  EXPECT_EQ(again->mx, std::vector<std::string>{"mx1.busan.example"});
  EXPECT_EQ(sts_memory_text(read), text);
}

// A file that breaks off anywhere gives the lines before that.
TEST(StsMemory, EveryPrefix) {
  const auto text = sts_memory_text({policy("busan.example"), policy("daegu.example")});
  const auto first = text.find('\n');
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const std::string expected = length < first             ? ""
                                 : length < text.size() - 1 ? "busan.example "
                                                            : "busan.example daegu.example ";
    EXPECT_EQ(names(text.substr(0, length)), expected) << length;
  }
}

TEST(StsMemory, WhatIsDamagedIsLeftOut) {
  const auto good = sts_memory_text({policy("busan.example")});
  const auto with = [&](std::string_view old, std::string_view now) {
    auto text = good;
    text.replace(text.find(old), old.size(), now);
    return names(text);
  };
  EXPECT_EQ(with("enforce", "testing"), "busan.example ");
  EXPECT_EQ(with("\"enforce", "\"loud"), "");
  EXPECT_EQ(with("604800", "-1"), "");
  EXPECT_EQ(with("604800", "99999999999"), "");
  EXPECT_EQ(with("busan.example", "-"), "");
  EXPECT_EQ(with("\"mx1.busan.example\"", "7"), "");
  EXPECT_EQ(with("1800000000000000", "-1"), "");
  EXPECT_EQ(with("1800604800000000", "9200000000000000000"), "");
  EXPECT_EQ(with("\"id\"", "\"no\""), "");
  EXPECT_EQ(names("[]\n7\nx\n" + good), "busan.example ");
}

TEST(StsMemory, IsBounded) {
  const auto one = sts_memory_text({policy("busan.example")});
  EXPECT_EQ(sts_memory_text({policy("busan.example"), policy("daegu.example")}, one.size() + 10), one);
}

}  // namespace
}  // namespace pabal::queue
