// Record: how a blob's octets stand in a segment file. A header of 64 octets, then the octets. Segments are recycled
// and overwritten, so the header says whose record this is (segment, generation, blob) and carries a checksum of the
// octets that is seeded with a salt of its own: an old record is never mistaken for a live one.
//
//     0 magic "PblR"   4 version 1   5 codec   6 key id (2)   8 generation   16 blob id   24 length   32 salt
//    40 checksum of the octets (XXH3-128, seed: salt)   56 checksum of octets 0 to 55 (XXH3-64, seed: segment number)
//
// Numbers are little-endian.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ids.hpp"

struct XXH3_state_s;

namespace pabal::store {

using Checksum = std::array<char, 16>;

/// How octets are stored.
enum class Codec : std::uint8_t { plain = 0 };

[[nodiscard]] Checksum checksum_of(std::string_view octets, std::uint64_t salt) noexcept;

/// The same over octets that come in parts.
class ChecksumMaker {
 public:
  explicit ChecksumMaker(std::uint64_t salt);
  ~ChecksumMaker();
  ChecksumMaker(ChecksumMaker&& other) noexcept;
  ChecksumMaker& operator=(ChecksumMaker&&) = delete;
  void add(std::string_view octets) noexcept;
  [[nodiscard]] Checksum checksum() const noexcept;

 private:
  XXH3_state_s* state_;
};

struct RecordHeader {
  std::int64_t generation = 0;
  BlobId blob;
  std::uint64_t length = 0;  ///< octets after the header
  Codec codec = Codec::plain;
  std::uint16_t key_id = 0;  ///< 0: not encrypted
  std::uint64_t salt = 0;
  Checksum checksum{};
  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};
inline constexpr std::size_t kRecordHeaderOctets = 64;
using RecordHeaderOctets = std::array<char, kRecordHeaderOctets>;

[[nodiscard]] RecordHeaderOctets build_record_header(std::int64_t segment, const RecordHeader& header) noexcept;
/// Nothing where these octets are not the header of a record of that segment.
[[nodiscard]] std::optional<RecordHeader> parse_record_header(std::int64_t segment, std::string_view octets) noexcept;

}  // namespace pabal::store
