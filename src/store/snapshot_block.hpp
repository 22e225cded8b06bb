// SnapshotBlock: some neighbours in a mailbox, a part of MailboxSnapshot. Its rows are packed, as they stand on disk
// (snapshot_pack.hpp): some ten octets each in place of 32, and who looks at them unpacks what he looks at, which takes
// some nanoseconds a row.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/message_row.hpp"

namespace pabal::store {

/// How rows stand in octets: five columns, one after the other, of `count` numbers of `widths` octets (0 to 8, lowest
/// octet first), each what is above the column's least value.
struct PackedRows {
  enum Column : std::uint8_t { uid, email, change, size, marks };
  static constexpr std::size_t columns = 5;
  /// Octets that must be readable behind the last column.
  static constexpr std::size_t padding = 8;

  std::uint32_t count = 0;  ///< not 0
  std::uint32_t last_uid = 0;
  std::uint32_t unseen = 0;
  std::uint32_t keyword_sets = 1;              ///< keywords that are not below it are the empty set
  bool change_above_email = false;             ///< of `change`: what is above the message's email id
  std::uint64_t begin = 0;                     ///< of the first column
  std::array<std::uint64_t, columns> least{};  ///< `marks` are flags, and keywords above 16 bits
  std::array<std::uint8_t, columns> widths{};  ///< of `uid` 0: no gaps

  [[nodiscard]] std::uint64_t octets() const noexcept {
    std::uint64_t sum = 0;
    for (const auto width : widths) sum += width;
    return sum * count;
  }
};
/// Appends the columns, and says how they stand; `begin` is where they do. `rows` is not empty.
[[nodiscard]] PackedRows pack_rows(const std::vector<MessageRow>& rows, std::string& out);
/// Whatever the octets are: as many rows as `packed` says, as long as its columns are within them.
[[nodiscard]] std::vector<MessageRow> unpack_rows(const PackedRows& packed, std::string_view octets);
/// The same of those from `from` to before `end`.
[[nodiscard]] std::vector<MessageRow> unpack_rows(const PackedRows& packed, std::string_view octets, std::size_t from,
                                                  std::size_t end);

/// Never changes.
class SnapshotBlock {
 public:
  /// Not empty, by rising UID.
  explicit SnapshotBlock(const std::vector<MessageRow>& rows);
  /// The columns and the padding are within the octets.
  SnapshotBlock(const PackedRows& packed, std::shared_ptr<const std::string> octets);

  [[nodiscard]] std::size_t size() const noexcept { return packed_.count; }
  [[nodiscard]] std::uint32_t first_uid() const noexcept {
    return static_cast<std::uint32_t>(packed_.least[PackedRows::uid]);
  }
  [[nodiscard]] std::uint32_t last_uid() const noexcept { return packed_.last_uid; }
  [[nodiscard]] std::size_t unseen() const noexcept { return packed_.unseen; }
  /// Those from `from` to before `end`, which is at most size().
  [[nodiscard]] std::vector<MessageRow> rows(std::size_t from, std::size_t end) const;
  [[nodiscard]] std::vector<MessageRow> rows() const { return rows(0, size()); }
  [[nodiscard]] MessageRow row(std::size_t index) const noexcept;
  /// The first whose UID is `uid` or above; size() where there is none.
  [[nodiscard]] std::size_t lower_bound(std::uint32_t uid) const noexcept;

 private:
  PackedRows packed_;
  std::shared_ptr<const std::string> octets_;
};

}  // namespace pabal::store
