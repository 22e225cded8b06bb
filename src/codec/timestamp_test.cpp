#include "codec/timestamp.hpp"

#include <gtest/gtest.h>

namespace pabal::codec {
namespace {

TEST(Timestamp, ThereAndBack) {
  for (const auto microseconds : {0LL, 1'800'000'000'123'456LL, 951'782'400'999'999LL, 253'402'300'799'000'000LL}) {
    const auto time = from_database(microseconds);
    EXPECT_EQ(parse_timestamp(format_timestamp(time)), std::chrono::floor<std::chrono::seconds>(time));
  }
  EXPECT_EQ(format_timestamp(from_database(1'800'000'000'123'456)), "2027-01-15T08:00:00.123Z");
}

TEST(Timestamp, Forms) {
  const auto read = [](std::string_view text) {
    const auto time = parse_timestamp(text);
    return time ? format_timestamp(*time) : std::string("none");
  };
  EXPECT_EQ(read("2026-11-22T03:34:21Z"), "2026-11-22T03:34:21.000Z");
  EXPECT_EQ(read("2026-11-22t03:34:21.5z"), "2026-11-22T03:34:21.000Z");
  EXPECT_EQ(read("2026-11-22T03:34:21+09:00"), "2026-11-21T18:34:21.000Z");
  EXPECT_EQ(read("2026-11-22T23:34:60-00:30"), "2026-11-23T00:05:00.000Z");
  EXPECT_EQ(read("0000-01-01T00:00:00Z"), "0000-01-01T00:00:00.000Z");
  const std::string_view good = "2026-11-22T03:34:21+09:00";
  for (std::size_t i = 0; i < good.size(); ++i) EXPECT_EQ(read(good.substr(0, i)), "none") << i;
  for (const auto* bad :
       {"2026-02-29T03:34:21Z", "2026-13-01T00:00:00Z", "2026-11-22 03:34:21Z", "2026-11-22T24:00:00Z",
        "2026-11-22T03:34:21", "2026-11-22T03:34:21Z ", "2026-11-22T03:34:61Z", "2026-11-22T03:34:21.Z",
        "2026-11-22T03:34:21+24:00", "+026-11-22T03:34:21Z", "2026-1-22T03:34:21Z", "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01"}) {
    EXPECT_EQ(read(bad), "none") << bad;
  }
}

}  // namespace
}  // namespace pabal::codec
