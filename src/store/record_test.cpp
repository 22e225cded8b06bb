#include "store/record.hpp"

#include <gtest/gtest.h>

namespace pabal::store {
namespace {

RecordHeader example() {
  RecordHeader header;
  header.generation = 3;
  header.blob = BlobId{77};
  header.length = 10'240;
  header.key_id = 9;
  header.salt = 0x1234567890abcdef;
  header.checksum = checksum_of("octets", header.salt);
  return header;
}

std::string text_of(const RecordHeaderOctets& octets) { return {octets.data(), octets.size()}; }

TEST(Record, RoundTrip) {
  const auto octets = text_of(build_record_header(5, example()));
  EXPECT_EQ(parse_record_header(5, octets), example());
  EXPECT_EQ(parse_record_header(5, octets + "more"), example());
}

TEST(Record, EveryOctetCounts) {
  const auto octets = text_of(build_record_header(5, example()));
  EXPECT_FALSE(parse_record_header(6, octets)) << "another segment's record";
  for (std::size_t i = 0; i < octets.size(); ++i) {
    auto changed = octets;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(parse_record_header(5, changed)) << "octet " << i;
    EXPECT_FALSE(parse_record_header(5, octets.substr(0, i))) << "prefix " << i;
  }
}

TEST(Record, ChecksumInPartsIsTheSame) {
  const std::string octets(100'000, 'x');
  ChecksumMaker maker(42);
  for (std::size_t at = 0; at < octets.size(); at += 777) maker.add(std::string_view(octets).substr(at, 777));
  EXPECT_EQ(maker.checksum(), checksum_of(octets, 42));
  EXPECT_NE(maker.checksum(), checksum_of(octets, 43)) << "the salt is part of it";
}

}  // namespace
}  // namespace pabal::store
