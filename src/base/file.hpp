// File and FileSystem: the seam that all disk access goes through, SQLite's too. The real disk, a disk in memory, one
// that fails at the nth operation and one that records every write (so that a test can replay the disk as a power loss
// might leave it) stand behind it.
//
// A failed sync is never tried again: the kernel may have dropped the pages, and a second sync that succeeds proves
// nothing. Whoever owns the file stops taking writes.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace pabal {

/// One open file. Offsets and sizes are in octets. Calls on one File from several threads are allowed where they touch
/// different ranges, as with pread and pwrite.
class File {
 public:
  virtual ~File() = default;
  /// Reads up to buffer.size() octets; fewer only at the end of the file. Returns how many.
  [[nodiscard]] virtual Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) = 0;
  /// The same if the octets are to be had without waiting for the disk; nothing where they are not (or not all of
  /// them).
  [[nodiscard]] virtual Result<std::optional<std::size_t>> try_read_at(std::span<char> buffer, std::uint64_t offset);
  /// Writes all of it or fails.
  [[nodiscard]] virtual Result<void> write_at(std::string_view octets, std::uint64_t offset) = 0;
  /// Writes all pieces one after another, in one call where the system can.
  [[nodiscard]] virtual Result<void> write_pieces_at(std::span<const std::string_view> pieces, std::uint64_t offset);
  /// After success the written octets, and the size if it grew, survive a power loss (fdatasync).
  [[nodiscard]] virtual Result<void> sync() = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() = 0;
  [[nodiscard]] virtual Result<void> truncate(std::uint64_t size) = 0;
  /// Makes room up to `size` without changing what is there; new room reads as zeros.
  [[nodiscard]] virtual Result<void> allocate(std::uint64_t size) = 0;
};

enum class OpenMode : std::uint8_t { read, read_write, create, create_new };

/// Held while it lives; see FileSystem::lock.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  /// `create` opens or makes, `create_new` fails with `exists` if it is there. New files are 0600. A new file's name
  /// survives a power loss only after sync_folder of its folder.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  [[nodiscard]] virtual Result<bool> exists(const std::string& path) = 0;
  [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// Makes the folder and those above it (0700); no error if it is there.
  [[nodiscard]] virtual Result<void> make_folder(const std::string& path) = 0;
  /// Names (not paths) in the folder, sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
  [[nodiscard]] virtual Result<void> sync_folder(const std::string& folder) = 0;
  /// Takes an exclusive lock on a lock file, made if need be, or fails with `busy` and says who holds it.
  [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
};

/// The real disk.
class RealFileSystem final : public FileSystem {
 public:
  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] Result<bool> exists(const std::string& path) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> make_folder(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& folder) override;
  [[nodiscard]] Result<void> sync_folder(const std::string& folder) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
};

/// A whole small file, at most `limit` octets.
[[nodiscard]] Result<std::string> read_file(FileSystem& files, const std::string& path, std::size_t limit = 16 << 20);
/// Replaces a small file so that after a power loss either the old or the new one is there whole.
[[nodiscard]] Result<void> replace_file(FileSystem& files, const std::string& path, std::string_view octets);

}  // namespace pabal
