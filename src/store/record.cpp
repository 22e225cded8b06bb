#include "store/record.hpp"

#include <bit>
#include <cstring>

#include <xxhash.h>

namespace pabal::store {

namespace {

static_assert(std::endian::native == std::endian::little, "the headers are little-endian");

constexpr std::string_view kMagic = "PblR";
constexpr char kVersion = 1;
constexpr std::size_t kCovered = 56;

template <class T>
void put(RecordHeaderOctets& octets, std::size_t at, T value) noexcept {
  std::memcpy(octets.data() + at, &value, sizeof value);
}
template <class T>
T get(std::string_view octets, std::size_t at) noexcept {
  T value;
  std::memcpy(&value, octets.data() + at, sizeof value);
  return value;
}

Checksum to_checksum(XXH128_hash_t hash) noexcept {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  Checksum checksum;
  static_assert(sizeof canonical.digest == sizeof checksum);
  std::memcpy(checksum.data(), canonical.digest, sizeof canonical.digest);
  return checksum;
}

}  // namespace

Checksum checksum_of(std::string_view octets, std::uint64_t salt) noexcept {
  return to_checksum(XXH3_128bits_withSeed(octets.data(), octets.size(), salt));
}

ChecksumMaker::ChecksumMaker(std::uint64_t salt) : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset_withSeed(state_, salt);
}
ChecksumMaker::~ChecksumMaker() { XXH3_freeState(state_); }
ChecksumMaker::ChecksumMaker(ChecksumMaker&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
void ChecksumMaker::add(std::string_view octets) noexcept { XXH3_128bits_update(state_, octets.data(), octets.size()); }
Checksum ChecksumMaker::checksum() const noexcept { return to_checksum(XXH3_128bits_digest(state_)); }

RecordHeaderOctets build_record_header(std::int64_t segment, const RecordHeader& header) noexcept {
  RecordHeaderOctets octets{};
  std::memcpy(octets.data(), kMagic.data(), kMagic.size());
  octets[4] = kVersion;
  put(octets, 5, header.codec);
  put(octets, 6, header.key_id);
  put(octets, 8, header.generation);
  put(octets, 16, header.blob.value);
  put(octets, 24, header.length);
  put(octets, 32, header.salt);
  std::memcpy(octets.data() + 40, header.checksum.data(), header.checksum.size());
  put(octets, kCovered, XXH3_64bits_withSeed(octets.data(), kCovered, static_cast<std::uint64_t>(segment)));
  return octets;
}

std::optional<RecordHeader> parse_record_header(std::int64_t segment, std::string_view octets) noexcept {
  if (octets.size() < kRecordHeaderOctets || !octets.starts_with(kMagic) || octets[4] != kVersion) return std::nullopt;
  const auto sum = XXH3_64bits_withSeed(octets.data(), kCovered, static_cast<std::uint64_t>(segment));
  if (sum != get<std::uint64_t>(octets, kCovered)) return std::nullopt;
  if (get<std::uint8_t>(octets, 5) != static_cast<std::uint8_t>(Codec::plain)) return std::nullopt;
  RecordHeader header;
  header.codec = Codec::plain;
  header.key_id = get<std::uint16_t>(octets, 6);
  header.generation = get<std::int64_t>(octets, 8);
  header.blob = BlobId{get<std::int64_t>(octets, 16)};
  header.length = get<std::uint64_t>(octets, 24);
  header.salt = get<std::uint64_t>(octets, 32);
  std::memcpy(header.checksum.data(), octets.data() + 40, header.checksum.size());
  return header;
}

}  // namespace pabal::store
