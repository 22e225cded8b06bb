#include "store/snapshot_block.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

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
  for (const auto& row : rows) {
    const std::uint64_t value = number(row) - least;
    out.append(reinterpret_cast<const char*>(&value), width);
  }
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
  const auto column = [&](PackedRows::Column which) { return Column(packed, which, octets.data()); };
  const auto uids = column(PackedRows::uid);
  const auto emails = column(PackedRows::email);
  const auto changes = column(PackedRows::change);
  const auto sizes = column(PackedRows::size);
  const auto marks = column(PackedRows::marks);
  const bool gaps = packed.widths[PackedRows::uid] != 0;
  std::vector<MessageRow> rows(packed.count);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& row = rows[i];
    row.uid = static_cast<std::uint32_t>(gaps ? uids[i] : uids[i] + i);
    row.email = EmailId{static_cast<std::int64_t>(emails[i])};
    row.change = ChangeNumber{static_cast<std::int64_t>(changes[i] + (packed.change_above_email ? emails[i] : 0))};
    row.set_size(sizes[i]);
    const auto mark = marks[i];
    row.set_flags(static_cast<Flags>(mark & 0xFFFFU));
    row.keywords = mark >> 16 < packed.keyword_sets ? static_cast<std::uint32_t>(mark >> 16) : 0;
  }
  return rows;
}

SnapshotBlock::SnapshotBlock(std::vector<MessageRow> rows) {
  packed_.count = static_cast<std::uint32_t>(rows.size());
  if (!rows.empty()) {
    packed_.least[PackedRows::uid] = rows.front().uid;
    packed_.last_uid = rows.back().uid;
    packed_.unseen = count_unseen(rows);
  }
  rows_ = new std::vector<MessageRow>(std::move(rows));
}

SnapshotBlock::SnapshotBlock(const PackedRows& packed, std::shared_ptr<const std::string> octets)
    : packed_(packed), octets_(std::move(octets)) {}

SnapshotBlock::~SnapshotBlock() { delete rows_.load(); }

const std::vector<MessageRow>& SnapshotBlock::rows() const noexcept {
  if (const auto* known = rows_.load(std::memory_order_acquire)) return *known;
  auto made = std::make_unique<const std::vector<MessageRow>>(unpack_rows(packed_, *octets_));
  const std::vector<MessageRow>* there = nullptr;
  // Another may have been quicker.
  if (!rows_.compare_exchange_strong(there, made.get(), std::memory_order_acq_rel)) return *there;
  return *made.release();
}

}  // namespace pabal::store
