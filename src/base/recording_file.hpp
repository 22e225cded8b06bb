// A disk in memory that writes down all that is done to it, and from that can make the disk as it may stand after the
// power was lost at any moment. So a test can run something once, and then look at thousands of disks that a power loss
// might have left.
//
//     RecordingFileSystem disk;
//     ... run; whenever something is promised, note disk.position() with it ...
//     PowerLoss loss(disk);
//     for (std::size_t k = 0; k <= loss.size(); ++k) {
//       loss.advance(k);                                      // the power goes after the first k records
//       auto left = loss.disk(PowerLoss::Fate::random, seed);
//       ... open from *left: all that was promised at a position <= k must be there ...
//     }
//
// What survives, as POSIX promises it and not a bit more:
// - What a File::sync covered (all that was written to that file before the call of sync began) is there, and so is the
// size.
// - What was written later is there, or not, or partly, independently for each sector of 512 octets, which is itself
// never torn: it
//   holds one of its versions in time. The size is one of its versions in time too; sectors that were not written
//   within it read as they were before, or as zeros.
// - A file that was made, renamed or removed: that is so for certain after sync_folder of its folder (a rename between
// folders:
//   of both). Before, each of these steps has happened or not; some disks keep their order, some don't, and both are
//   tried.
// - Folders that make_folder made are there.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "base/memory_file.hpp"

namespace pabal {

/// One thing that was done to the disk. Reading leaves no record.
struct DiskRecord {
  enum class Kind : std::uint8_t { create, write, resize, sync, rename, remove, make_folder, sync_folder };
  Kind kind;
  std::uint64_t file = 0;  ///< which file (create, write, resize, sync, rename, remove)
  std::string path;        ///< of the file or folder
  std::string to;          ///< rename
  std::uint64_t number =
      0;  ///< write: offset; resize: the new size; sync, sync_folder: it covers the records before this one
  std::string octets;  ///< write
};

/// Any thread.
class RecordingFileSystem final : public FileSystem {
 public:
  /// An empty disk.
  RecordingFileSystem();
  /// Begins with this disk, all of it durable (a second run after a power loss).
  explicit RecordingFileSystem(std::unique_ptr<MemoryFileSystem> start);
  ~RecordingFileSystem() override;

  /// How many records there are: what is promised now must survive any power loss after this many records.
  [[nodiscard]] std::size_t position();
  /// Every sync takes this long (in which others may write); default none.
  void set_sync_time(std::chrono::microseconds time);
  /// The disk as it is, power on: for looking, or to go on without a record.
  [[nodiscard]] MemoryFileSystem& disk() noexcept { return *disk_; }
  [[nodiscard]] std::vector<DiskRecord> records();

  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] Result<bool> exists(const std::string& path) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> make_folder(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& folder) override;
  [[nodiscard]] Result<void> sync_folder(const std::string& folder) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

 private:
  friend class PowerLoss;
  class RecordingFile;
  struct Journal {
    std::vector<DiskRecord> records;
    std::map<std::string, std::uint64_t> ids;  ///< by path
    std::uint64_t next_id = 1;
    std::chrono::microseconds sync_time{0};
  };
  [[nodiscard]] Result<void> sync(DiskRecord record);

  std::unique_ptr<MemoryFileSystem> disk_;
  std::map<std::string, std::uint64_t> start_ids_;
  std::map<std::string, MemoryContent> start_;
  std::set<std::string> start_folders_;
  Guarded<Journal> journal_;
};

/// Goes through the records of a run. One thread; independent of the recorder once made.
class PowerLoss {
 public:
  enum class Fate : std::uint8_t {
    dropped,  ///< nothing survives but what must
    kept,     ///< all survives
    random,   ///< any mixture, by the seed
  };

  /// Takes what was recorded so far.
  explicit PowerLoss(RecordingFileSystem& recorder);

  [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }
  /// The record after which advance(k) stands, in words, for a test's message: "12: write data/x 4096+512".
  [[nodiscard]] std::string describe(std::size_t k) const;
  /// The power is lost after the first `k` records; k never goes back.
  void advance(std::size_t k);
  /// The disk as it may stand then. The same seed gives the same disk.
  [[nodiscard]] std::unique_ptr<MemoryFileSystem> disk(Fate fate, std::uint64_t seed = 0) const;

 private:
  struct FileState {
    MemoryContent durable;
    std::vector<std::size_t> pending;  ///< records that no sync has covered
  };
  struct NameStep {
    std::size_t record;
    std::set<std::string> folders;  ///< that still have to be flushed
  };
  class Dice;
  [[nodiscard]] MemoryContent content(const FileState& file, Dice& dice) const;
  static void apply(MemoryContent& content, const DiskRecord& record);
  static void apply(std::map<std::string, std::uint64_t>& names, const DiskRecord& record);

  std::vector<DiskRecord> records_;
  std::size_t position_ = 0;
  std::map<std::uint64_t, FileState> files_;
  std::map<std::string, std::uint64_t> names_;  ///< durable
  std::vector<NameStep> name_steps_;            ///< not yet durable
  std::set<std::string> folders_;
};

}  // namespace pabal
