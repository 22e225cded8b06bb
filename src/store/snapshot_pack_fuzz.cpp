// Packed snapshots: any octets are taken, also those whose checksum is right, and whatever they say can be looked at.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include <xxhash.h>

#include "store/snapshot_pack.hpp"

namespace {

void look(const pabal::store::MailboxSnapshot& snapshot) {
  std::size_t rows = 0;
  for (std::size_t at = 0; at < snapshot.size();) {
    const auto run = snapshot.run(at);
    if (run.empty()) std::abort();
    for (const auto& row : run) rows += snapshot.keywords(row).size() < SIZE_MAX ? 1 : 0;
    at += run.size();
  }
  if (rows != snapshot.size()) std::abort();
  for (const std::uint32_t uid : {1U, 77U, 0x80000000U, UINT32_MAX}) {
    if (snapshot.lower_bound(uid) > snapshot.size()) std::abort();
  }
  if (const auto first = snapshot.first_unseen(); first && *first >= snapshot.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::store;
  std::string octets(reinterpret_cast<const char*>(data), size);
  if (const auto made = unpack_snapshot(octets)) look(**made);
  constexpr std::size_t behind = 16;
  if (size < behind) return 0;
  std::memcpy(octets.data(), "PBLSNAP1", 8);
  const std::uint64_t checksum = XXH3_64bits(octets.data() + behind, size - behind);
  std::memcpy(octets.data() + 8, &checksum, sizeof(checksum));
  if (const auto made = unpack_snapshot(octets)) look(**made);
  return 0;
}
