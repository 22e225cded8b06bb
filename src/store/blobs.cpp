#include "store/blobs.hpp"

#include <algorithm>

namespace pabal::store {

namespace {
std::int64_t as_signed(std::uint64_t number) noexcept { return static_cast<std::int64_t>(number); }
std::uint64_t as_unsigned(std::int64_t number) noexcept { return static_cast<std::uint64_t>(number); }
}  // namespace

RecordHeader record_header_of(const BlobRow& row) noexcept {
  RecordHeader header;
  header.generation = row.generation;
  header.blob = row.id;
  header.length = row.size;
  header.salt = row.salt;
  header.checksum = row.checksum;
  return header;
}

Result<void> insert_blob(db::Connection& connection, const BlobRow& row) {
  const bool in_segment = row.location == Location::segment;
  const auto place = [&](std::int64_t value) { return in_segment ? db::Parameter(value) : db::Parameter(); };
  const bool begins = in_segment || row.location == Location::file;
  auto inserted = connection.run(
      "INSERT INTO blob (blob_id, refs, size, stored, codec, key_id, location, segment, generation, start, salt, "
      "checksum) "
      "VALUES ($1, $2, $3, $3, 0, 0, $4, $5, $6, $7, $8, $9)",
      {row.id.value, row.refs, as_signed(row.size), static_cast<std::int64_t>(row.location), place(row.segment),
       place(row.generation), begins ? db::Parameter(as_signed(row.start)) : db::Parameter(), as_signed(row.salt),
       db::Octets{{row.checksum.data(), row.checksum.size()}}});
  if (!inserted) return pass(inserted);
  return {};
}

Result<void> insert_blob_data(db::Connection& connection, BlobId blob, const Incoming& content) {
  const auto size = content.size();
  if (size > kDataPart * static_cast<std::uint64_t>(kDataParts)) {
    return fail(ErrorKind::limit, "message too big", "a blob is too big for the database");
  }
  std::string buffer;
  std::int64_t number = 0;
  std::uint64_t at = 0;
  do {
    auto part = content.part(at, kDataPart, buffer);
    if (!part) return pass(part);
    auto inserted = connection.run("INSERT INTO blob_data (data_id, octets) VALUES ($1, $2)",
                                   {(blob.value * kDataParts) + number, db::Octets{*part}});
    if (!inserted) return pass(inserted);
    at += part->size();
    ++number;
  } while (at < size);
  return {};
}

Result<void> add_references(db::Connection& connection, std::span<const Piece> pieces, std::int64_t count) {
  for (const auto& piece : pieces) {
    auto changed = connection.run("UPDATE blob SET refs = refs + $2 WHERE blob_id = $1", {piece.blob.value, count});
    if (!changed) return pass(changed);
    if (*changed != 1) return fail(ErrorKind::io, "local error", fmt::format("blob {} is missing", piece.blob.value));
  }
  return {};
}

Result<void> drop_references(db::Connection& connection, std::span<const Piece> pieces, std::int64_t count,
                             SystemTime now) {
  for (const auto& piece : pieces) {
    auto left = connection.number("UPDATE blob SET refs = refs - $2 WHERE blob_id = $1 RETURNING refs",
                                  {piece.blob.value, count});
    if (!left) return pass(left);
    if (!*left) return fail(ErrorKind::io, "local error", fmt::format("blob {} is missing", piece.blob.value));
    if (**left > 0) continue;
    auto noted =
        connection.run("INSERT INTO dead_blob (blob_id, since) VALUES ($1, $2) ON CONFLICT (blob_id) DO NOTHING",
                       {piece.blob.value, to_database(now)});
    if (!noted) return pass(noted);
  }
  return {};
}

std::string number_list(std::size_t first) {
  std::string text;
  for (std::size_t i = 0; i < kListed; ++i) text += fmt::format("{}${}", i == 0 ? "" : ", ", first + i);
  return text;
}

namespace {

// Blobs of the same count, by rising id: a range without gaps, or at most kListed.
class SomeBlobs {
 public:
  SomeBlobs(std::span<const std::int64_t> blobs, std::int64_t count)
      : blobs_(blobs), count_(count), range_(blobs.size() > kListed) {}
  [[nodiscard]] std::int64_t count() const noexcept { return count_; }
  // `sql` is for those whose ids are BETWEEN $2 AND $3, or in a list of kListed from $2 on. One that is shorter repeats
  // its last.
  struct Statement {
    explicit Statement(std::string_view head, std::string_view tail = {})
        : in_range(fmt::format("{} blob_id BETWEEN $2 AND $3{}", head, tail)),
          in_list(fmt::format("{} blob_id IN ({}){}", head, number_list(2), tail)) {}
    std::string in_range;
    std::string in_list;
  };
  Result<std::int64_t> run(db::Connection& connection, const Statement& sql, std::int64_t first) const {
    if (range_) return connection.run(sql.in_range, {first, blobs_.front(), blobs_.back()});
    std::array<db::Parameter, kListed + 1> parameters;
    parameters[0] = first;
    for (std::size_t i = 0; i < kListed; ++i) parameters[i + 1] = blobs_[std::min(i, blobs_.size() - 1)];
    return connection.run(sql.in_list, parameters);
  }
  // The same, which must find all of them.
  Result<void> change(db::Connection& connection, const Statement& sql, std::int64_t first) const {
    auto changed = run(connection, sql, first);
    if (!changed) return pass(changed);
    if (static_cast<std::size_t>(*changed) == blobs_.size()) return {};
    return fail(ErrorKind::io, "local error", fmt::format("blobs from {} on are missing", blobs_.front()));
  }

 private:
  std::span<const std::int64_t> blobs_;
  std::int64_t count_;
  bool range_;
};

// Nearly all gain or lose one, and go together.
template <class Change>
Result<void> by_lots(const ReferenceCounts& counts, Change change) {
  std::map<std::int64_t, std::vector<std::int64_t>> by_count;
  for (const auto& [blob, count] : counts) by_count[count].push_back(blob);
  for (const auto& [count, all] : by_count) {
    for (std::span<const std::int64_t> rest(all); !rest.empty();) {
      std::size_t run = 1;
      while (run < rest.size() && rest[run] == rest[run - 1] + 1) ++run;
      const auto some = rest.first(run > kListed ? run : std::min(kListed, rest.size()));
      if (auto changed = change(SomeBlobs(some, count)); !changed) return changed;
      rest = rest.subspan(some.size());
    }
  }
  return {};
}

}  // namespace

ReferenceCounts counted(std::vector<std::int64_t> blobs) {
  std::ranges::sort(blobs);
  ReferenceCounts counts;
  for (const auto blob : blobs) {
    if (counts.empty() || counts.back().first != blob) counts.emplace_back(blob, 0);
    ++counts.back().second;
  }
  return counts;
}

Result<void> drop_references(db::Connection& connection, const ReferenceCounts& counts, SystemTime now) {
  // Not with RETURNING, for which SQLite fills a temporary table.
  static const SomeBlobs::Statement drop("UPDATE blob SET refs = refs - $1 WHERE");
  static const SomeBlobs::Statement note(
      "INSERT INTO dead_blob (blob_id, since) SELECT blob_id, $1 FROM blob WHERE refs <= 0 AND",
      " ON CONFLICT (blob_id) DO NOTHING");
  return by_lots(counts, [&](const SomeBlobs& some) -> Result<void> {
    if (auto dropped = some.change(connection, drop, some.count()); !dropped) return dropped;
    auto noted = some.run(connection, note, to_database(now));
    if (!noted) return pass(noted);
    return {};
  });
}

Result<void> add_references(db::Connection& connection, const ReferenceCounts& counts) {
  static const SomeBlobs::Statement add("UPDATE blob SET refs = refs + $1 WHERE");
  return by_lots(counts, [&](const SomeBlobs& some) { return some.change(connection, add, some.count()); });
}

BlobRow blob_row(const db::Rows& rows) {
  BlobRow row;
  row.id = BlobId{rows.integer(0)};
  row.refs = rows.integer(1);
  row.size = as_unsigned(rows.integer(2));
  row.location = static_cast<Location>(rows.integer(3));
  if (row.location == Location::segment) {
    row.segment = rows.integer(4);
    row.generation = rows.integer(5);
  }
  if (!rows.is_null(6)) row.start = as_unsigned(rows.integer(6));
  row.salt = as_unsigned(rows.integer(7));
  const auto checksum = rows.octets(8);
  std::ranges::copy_n(checksum.begin(), static_cast<std::ptrdiff_t>(std::min(checksum.size(), row.checksum.size())),
                      row.checksum.begin());
  return row;
}

Result<std::optional<BlobRow>> find_blob(db::Connection& connection, BlobId blob) {
  auto rows = connection.query(
      "SELECT blob_id, refs, size, location, segment, generation, start, salt, checksum FROM blob WHERE blob_id = $1",
      {blob.value});
  if (!rows) return pass(rows);
  auto any = rows->next();
  if (!any) return pass(any);
  if (!*any) return std::nullopt;
  return blob_row(*rows);
}

Result<bool> read_blob_data(db::Connection& connection, const BlobRow& row, std::uint64_t offset, std::size_t count,
                            std::string& out) {
  while (count != 0) {
    const auto part = as_signed(offset / kDataPart);
    const auto skip = static_cast<std::size_t>(offset % kDataPart);
    // Of a big part no more than is wanted comes over the wire.
    auto rows = connection.query(
        "SELECT substr(octets, CAST($2 AS INTEGER), CAST($3 AS INTEGER)) FROM blob_data WHERE data_id = $1",
        {(row.id.value * kDataParts) + part, as_signed(skip + 1), as_signed(std::min(count, kDataPart - skip))});
    if (!rows) return pass(rows);
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return false;
    const auto octets = rows->octets(0);
    if (octets.empty()) return false;
    out.append(octets);
    count -= octets.size();
    offset += octets.size();
  }
  return true;
}

ReadGate::Pass::Pass(ReadGate& gate) : gate_(&gate) {
  auto sides = gate.sides_.lock();
  side_ = sides->now;
  ++sides->inside[side_];
}

ReadGate::Pass::~Pass() {
  auto sides = gate_->sides_.lock();
  if (--sides->inside[side_] == 0 && side_ != sides->now) gate_->left_.notify_all();
}

void ReadGate::wait_for_readers() {
  auto sides = sides_.lock();
  const auto old = sides->now;
  sides->now = 1 - old;
  left_.wait(sides.unique_lock(), [&] { return sides->inside[old] == 0; });
}

}  // namespace pabal::store
