#include "store/snapshot_block.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <ranges>

namespace pabal::store {

namespace {

static_assert(std::endian::native == std::endian::little);

std::uint8_t width_of(std::uint64_t number) noexcept {
  return static_cast<std::uint8_t>((std::bit_width(number) + 7) / 8);
}

std::uint64_t marks_of(const MessageRow& row) noexcept { return std::uint64_t{row.keywords} << 16 | row.flags(); }

std::uint32_t count_unseen(const std::vector<MessageRow>& rows) noexcept {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(rows, [](const MessageRow& row) { return (row.flags() & flag::seen) == 0; }));
}

// A column's numbers.
template <class Number>
void pack_column(const std::vector<MessageRow>& rows, PackedRows& packed, PackedRows::Column column, std::string& out,
                 Number number) {
  std::uint64_t least = UINT64_MAX;
  std::uint64_t most = 0;
  for (const auto& row : rows) {
    least = std::min<std::uint64_t>(least, number(row));
    most = std::max<std::uint64_t>(most, number(row));
  }
  packed.least[column] = least;
  const auto width = width_of(most - least);
  packed.widths[column] = width;
  // Eight octets each time, of which the next one's overwrite what is too many.
  const auto before = out.size();
  const auto size = rows.size() * width;
  out.resize_and_overwrite(before + size + sizeof(std::uint64_t), [&](char* data, std::size_t) {
    char* at = data + before;
    for (const auto& row : rows) {
      const std::uint64_t value = number(row) - least;
      std::memcpy(at, &value, sizeof(value));
      at += width;
    }
    return before + size;
  });
}

class Column {
 public:
  Column(const PackedRows& packed, PackedRows::Column column, const char* octets)
      : at_(octets + packed.begin),
        width_(packed.widths[column]),
        mask_(width_ == 8 ? UINT64_MAX : (std::uint64_t{1} << (8 * width_)) - 1),
        least_(packed.least[column]) {
    for (std::size_t i = 0; i < column; ++i) at_ += std::uint64_t{packed.widths[i]} * packed.count;
  }
  [[nodiscard]] std::uint64_t operator[](std::size_t index) const noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, at_ + index * width_, sizeof(value));
    return least_ + (value & mask_);
  }

 private:
  const char* at_;
  std::size_t width_;
  std::uint64_t mask_;
  std::uint64_t least_;
};

class Columns {
 public:
  Columns(const PackedRows& packed, const char* octets)
      : packed_(&packed),
        uids_(packed, PackedRows::uid, octets),
        emails_(packed, PackedRows::email, octets),
        changes_(packed, PackedRows::change, octets),
        sizes_(packed, PackedRows::size, octets),
        marks_(packed, PackedRows::marks, octets),
        gaps_(packed.widths[PackedRows::uid] != 0) {}
  [[nodiscard]] MessageRow row(std::size_t i) const noexcept {
    MessageRow row;
    row.uid = static_cast<std::uint32_t>(gaps_ ? uids_[i] : uids_[i] + i);
    row.email = EmailId{static_cast<std::int64_t>(emails_[i])};
    row.change = ChangeNumber{static_cast<std::int64_t>(changes_[i] + (packed_->change_above_email ? emails_[i] : 0))};
    row.set_size(sizes_[i]);
    const auto mark = marks_[i];
    row.set_flags(static_cast<Flags>(mark & 0xFFFFU));
    row.keywords = mark >> 16 < packed_->keyword_sets ? static_cast<std::uint32_t>(mark >> 16) : 0;
    return row;
  }

 private:
  const PackedRows* packed_;
  Column uids_;
  Column emails_;
  Column changes_;
  Column sizes_;
  Column marks_;
  bool gaps_;
};

}  // namespace

PackedRows pack_rows(const std::vector<MessageRow>& rows, std::string& out) {
  const auto id = [](auto value) { return static_cast<std::uint64_t>(value.value); };
  PackedRows packed;
  packed.count = static_cast<std::uint32_t>(rows.size());
  packed.last_uid = rows.back().uid;
  packed.unseen = count_unseen(rows);
  packed.begin = out.size();
  packed.least[PackedRows::uid] = rows.front().uid;
  if (rows.back().uid - rows.front().uid + 1 != rows.size()) {
    pack_column(rows, packed, PackedRows::uid, out, [](const MessageRow& row) { return row.uid; });
  }
  pack_column(rows, packed, PackedRows::email, out, [id](const MessageRow& row) { return id(row.email); });
  // Most were never changed since they came, or all were changed at once.
  packed.change_above_email =
      std::ranges::all_of(rows, [](const MessageRow& row) { return row.change.value == row.email.value; });
  const bool above = packed.change_above_email;
  pack_column(rows, packed, PackedRows::change, out,
              [id, above](const MessageRow& row) { return above ? id(row.change) - id(row.email) : id(row.change); });
  pack_column(rows, packed, PackedRows::size, out, [](const MessageRow& row) { return row.size(); });
  pack_column(rows, packed, PackedRows::marks, out, marks_of);
  return packed;
}

std::vector<MessageRow> unpack_rows(const PackedRows& packed, std::string_view octets) {
  return unpack_rows(packed, octets, 0, packed.count);
}

std::vector<MessageRow> unpack_rows(const PackedRows& packed, std::string_view octets, std::size_t from,
                                    std::size_t end) {
  const Columns columns(packed, octets.data());
  std::vector<MessageRow> rows(end - from);
  for (std::size_t i = from; i < end; ++i) rows[i - from] = columns.row(i);
  return rows;
}

SnapshotBlock::SnapshotBlock(const std::vector<MessageRow>& rows) {
  std::string octets;
  packed_ = pack_rows(rows, octets);
  packed_.keyword_sets = UINT32_MAX;
  octets.append(PackedRows::padding, '\0');
  octets.shrink_to_fit();
  octets_ = std::make_shared<const std::string>(std::move(octets));
}

SnapshotBlock::SnapshotBlock(const PackedRows& packed, std::shared_ptr<const std::string> octets)
    : packed_(packed), octets_(std::move(octets)) {}

std::vector<MessageRow> SnapshotBlock::rows(std::size_t from, std::size_t end) const {
  return unpack_rows(packed_, *octets_, from, end);
}

MessageRow SnapshotBlock::row(std::size_t index) const noexcept { return Columns(packed_, octets_->data()).row(index); }

std::size_t SnapshotBlock::lower_bound(std::uint32_t uid) const noexcept {
  if (uid <= first_uid()) return 0;
  if (uid > last_uid()) return size();
  if (packed_.widths[PackedRows::uid] == 0) return uid - first_uid();
  const Column uids(packed_, PackedRows::uid, octets_->data());
  const auto indexes = std::views::iota(std::size_t{0}, size());
  return *std::ranges::partition_point(indexes, [&](std::size_t i) { return uids[i] < uid; });
}

}  // namespace pabal::store
