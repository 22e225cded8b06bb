// Segments: the append-only files that hold most blobs. Space is allocated in whole files, and a file in which nothing
// lives any more is written anew under the next generation (design.md: overwriting flushes faster than growing).
//
// Every group begins on a block boundary, so that a block which was flushed is never written again while it lives.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/guarded.hpp"
#include "base/ids.hpp"
#include "db/writer.hpp"
#include "store/record.hpp"

namespace pabal::store {

/// One segment file while anybody uses it. Its use count is the pin: a segment is recycled only while nobody else holds
/// it.
struct Segment {
  std::int64_t number = 0;
  std::int64_t generation = 0;
  std::unique_ptr<File> file;
};

/// Where a record's octets (after the header) begin.
struct SegmentPlace {
  std::shared_ptr<Segment> segment;
  std::uint64_t start = 0;
};

/// One record to be written, and then where it is. The octets must live until then.
struct Append {
  BlobId blob;
  std::uint64_t salt = 0;
  Checksum checksum{};
  std::string_view octets;
  SegmentPlace place;
};

class Segments {
 public:
  static constexpr std::uint64_t block = 4096;

  Segments(FileSystem& files, std::string folder, std::uint64_t segment_bytes, std::size_t spare, db::Writer& writer)
      : files_(&files), folder_(std::move(folder)), segment_bytes_(segment_bytes), spare_(spare), writer_(&writer) {}

  /// Reads what there is, and removes files that no row speaks of. Once, before all else.
  [[nodiscard]] Result<void> open(db::Connection& connection);

  /// Writes and flushes these records; each one's place is set. One thread at a time. `io` kind errors after which
  /// flush_failed() is true are for good.
  [[nodiscard]] Result<void> append(std::span<Append*> records);
  [[nodiscard]] bool flush_failed() const noexcept { return flush_failed_.load(std::memory_order_relaxed); }
  /// The biggest record's octets.
  [[nodiscard]] std::uint64_t most_octets() const noexcept { return segment_bytes_ - kRecordHeaderOctets; }

  /// For readers, any thread: the segment's file, pinned.
  [[nodiscard]] Result<std::shared_ptr<Segment>> pin(std::int64_t number, std::int64_t generation);

  /// A file for a later segment, made ahead of need (upkeep's thread).
  [[nodiscard]] Result<void> prepare();
  /// Whether nobody but this object holds the segment. A segment that is full gets no new writers.
  [[nodiscard]] bool unpinned(std::int64_t number);
  /// The segment's row says free and is committed, and no reader can come to it any more: it waits to be recycled, or
  /// goes.
  [[nodiscard]] Result<void> retire(std::int64_t number, std::int64_t generation);
  [[nodiscard]] std::int64_t current() const noexcept { return current_number_.load(std::memory_order_relaxed); }

  [[nodiscard]] std::string path_of(std::int64_t number) const;

 private:
  struct Known {
    std::unordered_map<std::int64_t, std::shared_ptr<Segment>> open;
    std::vector<std::pair<std::int64_t, std::int64_t>> free;  ///< number and last generation of files to write anew
    std::shared_ptr<Segment> prepared;                        ///< flushed, no row yet
    std::int64_t next_number = 1;
  };

  [[nodiscard]] Result<void> write(std::span<Append*> records, std::uint64_t end);
  [[nodiscard]] Result<void> begin_next();
  [[nodiscard]] Result<std::shared_ptr<Segment>> make(std::int64_t number);
  void remember(const std::shared_ptr<Segment>& segment);

  FileSystem* files_;
  std::string folder_;
  std::uint64_t segment_bytes_;
  std::size_t spare_;
  db::Writer* writer_;
  Guarded<Known> known_;
  std::atomic<bool> flush_failed_{false};
  std::atomic<std::int64_t> current_number_{0};

  // The appending thread's own.
  std::shared_ptr<Segment> current_;
  std::uint64_t tail_ = 0;
  std::vector<RecordHeaderOctets> headers_;
  std::vector<std::string_view> vectors_;
};

}  // namespace pabal::store
