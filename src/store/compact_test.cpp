#include "store/compact.hpp"

#include <gtest/gtest.h>

namespace pabal::store {
namespace {

template <class List, class Encode, class Decode>
void round_trip(const List& list, Encode encode, Decode decode) {
  const std::string octets = encode(list);
  auto back = decode(octets);
  ASSERT_TRUE(back.has_value());
  EXPECT_TRUE(std::ranges::equal(*back, list));
  for (std::size_t cut = 0; cut < octets.size(); ++cut) {
    // A prefix either ends between two entries or is refused; it never gives more or other entries.
    auto part = decode(std::string_view(octets).substr(0, cut));
    if (part) EXPECT_TRUE(std::ranges::equal(*part, std::span(list).first(part->size())));
  }
}

TEST(Compact, RoundTripsAndPrefixes) {
  round_trip(std::vector<Piece>{{BlobId{1}, 0, 0}, {BlobId{1'000'000}, 300, INT64_MAX - 300}}, encode_pieces,
             decode_pieces);
  round_trip(std::vector<Standing>{{MailboxId{1}, 1}, {MailboxId{99}, INT64_MAX}}, encode_standings, decode_standings);
  round_trip(std::vector<Reached>{{AccountId{7}, UINT32_MAX, MailboxId{1}, 5, EmailId{300}}}, encode_reached,
             decode_reached);
  const auto numbers = [](std::string_view octets) { return decode_numbers(octets); };
  round_trip(std::vector<std::int64_t>{}, encode_numbers, numbers);
  round_trip(std::vector<std::int64_t>{1, 2, 3, 7, 9, 10, 200'000, INT64_MAX}, encode_numbers, numbers);
}

TEST(Compact, RunsAreSmall) {
  std::vector<std::int64_t> run(100'000);
  for (std::size_t i = 0; i < run.size(); ++i) run[i] = static_cast<std::int64_t>(i + 5);
  EXPECT_EQ(encode_numbers(run).size(), 5);
}

TEST(Compact, RefusesWhatEncodingWouldNotWrite) {
  using namespace std::string_literals;
  for (const auto& octets : {""s, "\x02\x01"s, "\x01\x80"s, "\x01\x81\x00"s, "\x01\x00\x01"s,
                             "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x01"s}) {
    EXPECT_FALSE(decode_pieces(octets)) << testing::PrintToString(octets);
    EXPECT_FALSE(decode_numbers(octets)) << testing::PrintToString(octets);
    EXPECT_FALSE(decode_standings(octets)) << testing::PrintToString(octets);
    EXPECT_FALSE(decode_reached(octets)) << testing::PrintToString(octets);
  }
  EXPECT_FALSE(decode_numbers("\x01\x01\x02\x01\x01"s));  // two runs that are one
  EXPECT_FALSE(decode_numbers("\x01\x01\xff\xff\xff\x7f"s, 1000));
  EXPECT_FALSE(decode_numbers("\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x02"s));  // past the last number
}

}  // namespace
}  // namespace pabal::store
