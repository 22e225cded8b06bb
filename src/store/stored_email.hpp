// An email's octets, opened: its prefix, and for each piece where the blob is. While it lives segments are pinned and
// open, and blobs that are files or in the database are pinned by id.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "store/blobs.hpp"
#include "store/store.hpp"

namespace pabal::store {

class Shard;

/// A blob as a reader holds it.
struct BlobSource {
  BlobRow row;
  File* file = nullptr;                ///< a segment's; null: a file of its own, memory or the database
  std::shared_ptr<const void> holder;  ///< keeps the file, or the pin
  std::string octets;                  ///< a small blob's that is in the database
  bool loaded = false;
  std::optional<Error> broken;  ///< its place can't be read: told when somebody reads
};

class StoredEmail final : public EmailOctets {
 public:
  StoredEmail(Shard& shard, std::string prefix, std::uint64_t size)
      : shard_(&shard), prefix_(std::move(prefix)), size_(size) {}

  void add(std::shared_ptr<const BlobSource> source, const Piece& piece) {
    pieces_.push_back({std::move(source), piece, {}, 0, false});
  }

  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }
  [[nodiscard]] bool try_read(std::uint64_t offset, std::size_t count, std::string& out) override;
  [[nodiscard]] Async<Result<std::string>> read(std::uint64_t offset, std::size_t count) override;
  /// Blocking.
  [[nodiscard]] Result<std::string> read_now(std::uint64_t offset, std::size_t count);

 private:
  struct Part {
    std::shared_ptr<const BlobSource> source;
    Piece piece;
    std::optional<ChecksumMaker> sum;  ///< of what was read from the blob's beginning on, without a gap
    std::uint64_t summed = 0;
    bool wrong = false;  ///< read to its end, and it wasn't what was stored
  };
  /// Adds octets that were read to the part's sum, and compares that at the blob's end.
  [[nodiscard]] static Result<void> verify(Part& part, std::uint64_t offset, std::string_view octets);
  /// False: it would have to wait (only where it may not).
  [[nodiscard]] Result<bool> append(std::uint64_t offset, std::size_t count, std::string& out, bool may_wait);
  [[nodiscard]] Result<bool> append_blob(const BlobSource& source, std::uint64_t offset, std::size_t count,
                                         std::string& out, bool may_wait);

  Shard* shard_;
  std::string prefix_;
  std::uint64_t size_;
  std::vector<Part> pieces_;
};

}  // namespace pabal::store
