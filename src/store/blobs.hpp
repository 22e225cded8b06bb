// Blobs: immutable octets with a count of who refers to them. Their rows, and how their octets are read wherever they
// are. References change only in the shard's writer.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/guarded.hpp"
#include "base/ids.hpp"
#include "db/writer.hpp"
#include "store/compact.hpp"
#include "store/incoming.hpp"
#include "store/record.hpp"
#include "store/schema.hpp"
#include "store/segments.hpp"

namespace pabal::store {

/// A blob's row.
struct BlobRow {
  BlobId id;
  std::int64_t refs = 0;
  std::uint64_t size = 0;
  Location location = Location::row;
  std::int64_t segment = 0;
  std::int64_t generation = 0;
  std::uint64_t start = 0;  ///< within its segment or its file
  std::uint64_t salt = 0;
  Checksum checksum{};
};

/// The header before its octets, where it is in a segment.
[[nodiscard]] RecordHeader record_header_of(const BlobRow& row) noexcept;

// In the writer's transaction.
[[nodiscard]] Result<void> insert_blob(db::Connection& connection, const BlobRow& row);
/// Octets of a blob whose location is row or database.
/// The content is all in memory or all in its file.
[[nodiscard]] Result<void> insert_blob_data(db::Connection& connection, BlobId blob, const Incoming& content);
[[nodiscard]] Result<void> add_references(db::Connection& connection, std::span<const Piece> pieces,
                                          std::int64_t count);
/// Takes `count` references from each piece's blob; one that nobody refers to any more is noted as dead since `now`.
[[nodiscard]] Result<void> drop_references(db::Connection& connection, std::span<const Piece> pieces,
                                           std::int64_t count, SystemTime now);

/// Blobs and how many refer to them, by rising id, each once.
using ReferenceCounts = std::vector<std::pair<std::int64_t, std::int64_t>>;
/// How often each stands there.
[[nodiscard]] ReferenceCounts counted(std::vector<std::int64_t> blobs);
[[nodiscard]] Result<void> add_references(db::Connection& connection, const ReferenceCounts& counts);
/// The same for many at once.
[[nodiscard]] Result<void> drop_references(db::Connection& connection, const ReferenceCounts& counts, SystemTime now);

/// How many numbers a statement for a list of them takes: always so many, so that its text is one.
inline constexpr std::size_t kListed = 64;
/// "$first, $first+1, …".
[[nodiscard]] std::string number_list(std::size_t first);

/// The columns that blob_row() reads.
inline constexpr std::string_view kBlobColumns =
    "blob_id, refs, size, location, segment, generation, start, salt, checksum";
[[nodiscard]] BlobRow blob_row(const db::Rows& rows);
[[nodiscard]] Result<std::optional<BlobRow>> find_blob(db::Connection& connection, BlobId blob);

/// `count` octets of blob_data from `offset`, appended to `out`; false if the blob has no data there.
[[nodiscard]] Result<bool> read_blob_data(db::Connection& connection, const BlobRow& row, std::uint64_t offset,
                                          std::size_t count, std::string& out);

/// Lets the background work wait until every reader that might still come to an old place has pinned it or turned away.
class ReadGate {
 public:
  class Pass {
   public:
    explicit Pass(ReadGate& gate);
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    ReadGate* gate_;
    std::size_t side_;
  };
  /// Returns when all that had a Pass at the time of the call have given it back. One thread at a time.
  void wait_for_readers();

 private:
  struct Sides {
    std::array<std::size_t, 2> inside{};
    std::size_t now = 0;
  };
  Guarded<Sides> sides_;
  std::condition_variable left_;
};

/// Blobs in files of their own and in the database that readers look at: these are not collected. (Segments are pinned
/// by their use count.)
class BlobPins {
 public:
  void add(BlobId blob) { ++(*counts_.lock())[blob]; }
  void drop(BlobId blob) {
    auto counts = counts_.lock();
    const auto found = counts->find(blob);
    if (found != counts->end() && --found->second == 0) counts->erase(found);
  }
  [[nodiscard]] bool pinned(BlobId blob) { return counts_.lock()->contains(blob); }

 private:
  Guarded<std::unordered_map<BlobId, std::size_t>> counts_;
};

}  // namespace pabal::store
