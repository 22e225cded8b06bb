// A file system over another that fails on purpose: at the nth operation of a kind, or when a budget of octets is used
// up, as a full disk does.
#pragma once
#include <array>
#include <cerrno>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/guarded.hpp"

namespace pabal {

enum class DiskOperation : std::uint8_t {
  open,
  read,
  write,
  sync,
  size,
  truncate,
  allocate,
  remove,
  rename,
  make_folder,
  list,
  sync_folder,
  lock,
  exists
};
inline constexpr std::size_t disk_operations = 14;

/// "write" for DiskOperation::write.
[[nodiscard]] std::string_view name_of(DiskOperation operation) noexcept;

/// Which operation fails, and how.
struct DiskFailure {
  std::optional<DiskOperation> operation{};  ///< nothing: any
  std::uint64_t nth = 1;                     ///< the nth from now on; 1 is the next
  int error_number = EIO;                    ///< EIO or ENOSPC
  bool for_ever = false;                     ///< all later ones of that kind too
  std::string path_contains{};               ///< only those on such a path are counted; empty: all
  /// A write that fails has written this many of its octets all the same (at most all of them).
  std::uint64_t written_before = 0;
};

/// Any thread. The file system below must outlive it.
class FailingFileSystem final : public FileSystem {
 public:
  explicit FailingFileSystem(FileSystem& below) : state_(below) {}

  /// Adds a failure; several may be pending.
  void fail_at(DiskFailure failure);
  /// No more failures, and no limit of space.
  void heal();
  /// How many octets all files may still grow together; nothing: no limit. A write beyond writes what fits and fails
  /// with ENOSPC. Removing and truncating gives room back.
  void set_space(std::optional<std::uint64_t> octets);
  /// How many operations of this kind there were since the beginning; nothing: of all kinds.
  [[nodiscard]] std::uint64_t count(std::optional<DiskOperation> operation = {});
  /// How many failures there were.
  [[nodiscard]] std::uint64_t failed();

  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] Result<bool> exists(const std::string& path) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> make_folder(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& folder) override;
  [[nodiscard]] Result<void> sync_folder(const std::string& folder) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

 private:
  friend class FailingFile;
  struct Pending {
    DiskFailure failure;
    std::uint64_t seen = 0;
  };
  struct State {
    explicit State(FileSystem& file_system) : below(&file_system) {}
    FileSystem* below;
    std::vector<Pending> pending;
    std::array<std::uint64_t, disk_operations> counts{};
    std::uint64_t failed = 0;
    std::optional<std::uint64_t> space;
  };
  /// Counts the operation; the failure that strikes it, if any.
  [[nodiscard]] std::optional<DiskFailure> strikes(DiskOperation operation, const std::string& path);
  [[nodiscard]] Result<void> check(DiskOperation operation, const std::string& path);
  /// Takes room for growth; how much of it there is.
  [[nodiscard]] std::uint64_t take_space(std::uint64_t octets);
  void give_space(std::uint64_t octets);
  [[nodiscard]] FileSystem& below() { return *state_.lock()->below; }

  Guarded<State> state_;
};

}  // namespace pabal
