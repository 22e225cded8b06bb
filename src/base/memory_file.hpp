// A disk in memory, for tests: the same behaviour as the real one, as far as a process that doesn't lose its power can
// see.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "base/guarded.hpp"

namespace pabal {

/// The octets of a file. Copies share what they have in common, so that a copy of a whole disk costs little. Not for
/// several threads at once; copies are independent of each other.
class MemoryContent {
 public:
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// How many octets were there to read.
  std::size_t read(std::span<char> buffer, std::uint64_t offset) const;
  void write(std::string_view octets, std::uint64_t offset);
  /// What is beyond a smaller size is gone; new room reads as zeros.
  void resize(std::uint64_t size);
  [[nodiscard]] std::string all() const;

 private:
  static constexpr std::size_t chunk_size = 8192;
  using Chunk = std::array<char, chunk_size>;
  [[nodiscard]] Chunk& own(std::size_t index);

  std::vector<std::shared_ptr<Chunk>> chunks_;  ///< null: zeros
  std::uint64_t size_ = 0;
};

/// Any thread. Paths are taken as they are: "/a/b" and "/a//b" differ. A file may only be made in a folder that
/// make_folder made, or in "" , "." or "/", which are always there.
class MemoryFileSystem final : public FileSystem {
 public:
  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] Result<bool> exists(const std::string& path) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> make_folder(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& folder) override;
  [[nodiscard]] Result<void> sync_folder(const std::string& folder) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

  /// Puts a whole file there, folders too (tests that begin with a given disk).
  void place(const std::string& path, MemoryContent content);
  /// All files by path.
  [[nodiscard]] std::map<std::string, MemoryContent> contents();
  [[nodiscard]] std::set<std::string> folders();
  /// All files with their octets, by path.
  [[nodiscard]] std::map<std::string, std::string> dump();
  /// An independent copy of all files and folders; locks and open files stay behind.
  [[nodiscard]] std::unique_ptr<MemoryFileSystem> copy();

 private:
  using Node = Guarded<MemoryContent>;
  struct Tree {
    std::map<std::string, std::shared_ptr<Node>> files;
    std::set<std::string> folders;
  };
  class MemoryFile;
  class MemoryLock;
  static void add_folder(Tree& tree, const std::string& path);

  Guarded<Tree> tree_;
  std::shared_ptr<Guarded<std::set<std::string>>> locks_ = std::make_shared<Guarded<std::set<std::string>>>();
};

/// The folder that a path stands in: "/a/b" → "/a", "b" → ".".
[[nodiscard]] std::string folder_of(const std::string& path);

}  // namespace pabal
