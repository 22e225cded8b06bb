// The file that a big message is received into: FILES/arriving-TOKEN, until it is renamed to be its blob. It is in the
// same folder already, so that one flush of the folder makes the rename durable.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/async.hpp"
#include "base/file.hpp"
#include "store/incoming.hpp"
#include "store/record.hpp"

namespace pabal::store {

struct Incoming::Spilling {
  FileSystem* files = nullptr;
  Pool* pool = nullptr;
  std::string folder;
  std::uint64_t key = 0;  ///< for names and salts that nobody foresees
  mutable std::atomic<std::uint64_t> made{0};
};

struct Incoming::Spilled {
  FileSystem* files = nullptr;
  std::string path;
  std::unique_ptr<File> file;
  std::uint64_t start = head_room;  ///< of the message within the file: what is put before it comes there
  std::uint64_t written = 0;        ///< of the message
  std::uint64_t salt = 0;
  std::optional<ChecksumMaker> checksum;
  bool summed = true;  ///< the checksum is of all that was written
  bool kept = false;   ///< the file is a blob's now

  explicit Spilled(std::uint64_t its_salt) : salt(its_salt), checksum(its_salt) {}
  ~Spilled();
  Spilled(const Spilled&) = delete;
  Spilled& operator=(const Spilled&) = delete;
};

/// A well-mixed number (splitmix64): salts and names from a secret key and a counter.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t key, std::uint64_t count) noexcept {
  std::uint64_t z = key + count * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace pabal::store
