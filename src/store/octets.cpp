// Reading emails' octets.
#include <algorithm>

#include "store/shard.hpp"
#include "store/stored_email.hpp"

namespace pabal::store {

namespace {

constexpr std::size_t kAtOnce = 32;  ///< emails that one statement looks up
constexpr std::size_t kLoadAtMost =
    1 << 20;  ///< octets from the database that one call of open_emails() takes into memory
constexpr std::size_t kLoadEachAtMost = 128 << 10;

std::unexpected<Error> damaged(const BlobRow& row, std::string_view how) {
  return fail(ErrorKind::damaged, std::string(kDamaged), fmt::format("blob {}: {}", row.id.value, how));
}

// Reads into the end of `out`; nothing: it would have to wait.
Result<bool> read_file_part(File& file, std::uint64_t offset, std::size_t count, std::string& out, bool may_wait) {
  Result<std::optional<std::size_t>> got = std::nullopt;
  const std::size_t before = out.size();
  out.resize_and_overwrite(before + count, [&](char* data, std::size_t) {
    const std::span<char> buffer(data + before, count);
    if (may_wait) {
      auto read = file.read_at(buffer, offset);
      if (read) {
        got = *read;
      } else {
        got = pass(read);
      }
    } else {
      got = file.try_read_at(buffer, offset);
    }
    return got && *got ? before + **got : before;
  });
  if (!got) return pass(got);
  if (!*got) return false;
  if (**got != count)
    return fail(ErrorKind::damaged, std::string(kDamaged), "a blob's file is shorter than it should be");
  return true;
}

template <std::size_t... I>
std::string numbers_from(std::size_t first, std::index_sequence<I...>) {
  std::string text;
  ((text += (I == 0 ? "$" : ", $") + std::to_string(first + I)), ...);
  return text;
}
std::string numbers_from(std::size_t first) { return numbers_from(first, std::make_index_sequence<kAtOnce>()); }

}  // namespace

bool StoredEmail::try_read(std::uint64_t offset, std::size_t count, std::string& out) {
  const std::size_t before = out.size();
  auto appended = append(offset, count, out, false);
  if (appended && *appended) return true;
  out.resize(before);  // an error is found again, and told, by read()
  return false;
}

Async<Result<std::string>> StoredEmail::read(std::uint64_t offset, std::size_t count) {
  co_return co_await shard_->around_.pool->run([this, offset, count] { return read_now(offset, count); });
}

Result<std::string> StoredEmail::read_now(std::uint64_t offset, std::size_t count) {
  std::string out;
  auto appended = append(offset, count, out, true);
  if (!appended) return pass(appended);
  return out;
}

Result<bool> StoredEmail::append(std::uint64_t offset, std::size_t count, std::string& out, bool may_wait) {
  if (offset >= size_) return true;
  count = static_cast<std::size_t>(std::min<std::uint64_t>(count, size_ - offset));
  if (out.capacity() < out.size() + count) out.reserve(out.size() + count);
  if (offset < prefix_.size()) {
    const auto part = std::string_view(prefix_).substr(static_cast<std::size_t>(offset), count);
    out.append(part);
    count -= part.size();
    offset = 0;
  } else {
    offset -= prefix_.size();
  }
  for (auto& part : pieces_) {
    if (count == 0) break;
    if (offset >= part.piece.length) {
      offset -= part.piece.length;
      continue;
    }
    const auto now = static_cast<std::size_t>(std::min<std::uint64_t>(count, part.piece.length - offset));
    if (part.wrong) return damaged(part.source->row, "the checksum is wrong");
    const std::size_t before = out.size();
    auto appended = append_blob(*part.source, part.piece.offset + offset, now, out, may_wait);
    if (!appended || !*appended) return appended;
    auto verified = verify(part, part.piece.offset + offset, std::string_view(out).substr(before));
    if (!verified) return pass(verified);
    count -= now;
    offset = 0;
  }
  return true;
}

// Most readers go through a letter once, from its beginning to its end, in parts: the last of them is refused where the
// whole is not what was stored.
Result<void> StoredEmail::verify(Part& part, std::uint64_t offset, std::string_view octets) {
  const auto& row = part.source->row;
  const auto end = offset + octets.size();
  if (octets.size() == row.size || offset > part.summed || end <= part.summed) return {};
  if (!part.sum) part.sum.emplace(row.salt);
  part.sum->add(octets.substr(static_cast<std::size_t>(part.summed - offset)));
  part.summed = end;
  if (end != row.size || part.sum->checksum() == row.checksum) return {};
  part.wrong = true;
  return damaged(row, "the checksum is wrong");
}

Result<bool> StoredEmail::append_blob(const BlobSource& source, std::uint64_t offset, std::size_t count,
                                      std::string& out, bool may_wait) {
  const auto& row = source.row;
  if (source.broken) return std::unexpected(*source.broken);
  if (offset + count > row.size) return damaged(row, "a piece goes past its end");
  const std::size_t before = out.size();
  if (source.file != nullptr) {
    auto read = read_file_part(*source.file, row.start + offset, count, out, may_wait);
    if (!read || !*read) return read;
  } else if (row.location == Location::file) {
    // Opened for each read: a mailbox of big letters must not use up the descriptors.
    if (!may_wait) return false;
    auto file = shard_->around_.files->open(shard_->path_of_file(row.id), OpenMode::read);
    if (!file) return pass(file);
    auto read = read_file_part(**file, row.start + offset, count, out, true);
    if (!read) return read;
  } else if (source.loaded) {
    out.append(source.octets, static_cast<std::size_t>(offset), count);
  } else {
    if (!may_wait) return false;
    auto read = shard_->readers_.read(
        [&](db::Connection& connection) { return read_blob_data(connection, row, offset, count, out); });
    if (!read) return read;
    if (!*read) {
      // It has moved into a segment or a file since.
      out.resize(before);
      return shard_->read_moved(row.id, offset, count, out);
    }
  }
  if (count == row.size && checksum_of(std::string_view(out).substr(before), row.salt) != row.checksum) {
    return damaged(row, "the checksum is wrong");
  }
  return true;
}

Result<BlobSource> Shard::source_of(const BlobRow& row) {
  BlobSource source;
  source.row = row;
  if (row.location == Location::segment) {
    if (!segments_) return damaged(row, "is in a segment, but the shard has no folder");
    auto segment = segments_->pin(row.segment, row.generation);
    if (!segment) return pass(segment);
    // Whether what stands there is this blob at all, before anybody sees an octet of it.
    RecordHeaderOctets header{};
    auto read = (*segment)->file->read_at(header, row.start - kRecordHeaderOctets);
    if (!read) return pass(read);
    if (*read != header.size() ||
        parse_record_header(row.segment, {header.data(), header.size()}) != record_header_of(row)) {
      return damaged(row, fmt::format("another record is at its place in segment {}", row.segment));
    }
    source.file = (*segment)->file.get();
    source.holder = std::move(*segment);
  } else {
    source.holder = pin_blob(row.id);
  }
  return source;
}

std::shared_ptr<const void> Shard::pin_blob(BlobId blob) {
  pins_.add(blob);
  return {this, [blob](const void* shard) { const_cast<Shard*>(static_cast<const Shard*>(shard))->pins_.drop(blob); }};
}

Result<bool> Shard::read_moved(BlobId blob, std::uint64_t offset, std::size_t count, std::string& out) {
  const ReadGate::Pass pass_in(gate_);
  auto row = readers_.read([&](db::Connection& connection) { return find_blob(connection, blob); });
  if (!row) return pass(row);
  if (!*row) return fail(ErrorKind::not_found, "message gone", fmt::format("blob {} is gone", blob.value));
  auto source = source_of(**row);
  if (!source) return pass(source);
  std::unique_ptr<File> own;
  if ((*row)->location == Location::file) {
    auto opened = around_.files->open(path_of_file(blob), OpenMode::read);
    if (!opened) return pass(opened);
    own = std::move(*opened);
  }
  File* const file = own ? own.get() : source->file;
  if (file == nullptr) return damaged(**row, "its octets are missing");
  auto read = read_file_part(*file, (*row)->start + offset, count, out, true);
  if (!read) return read;
  if (count == (*row)->size &&
      checksum_of(std::string_view(out).substr(out.size() - count), (*row)->salt) != (*row)->checksum) {
    return damaged(**row, "the checksum is wrong");
  }
  return true;
}

Async<Result<std::vector<std::unique_ptr<EmailOctets>>>> Shard::open_emails(AccountId account,
                                                                            std::vector<EmailId> emails) {
  co_return co_await around_.pool->run(
      [this, account, emails = std::move(emails)] { return open_now(account, emails); });
}

namespace {

struct FoundEmail {
  EmailId email;
  std::uint64_t size = 0;
  std::string prefix;
  std::vector<Piece> pieces;
};
struct Found {
  std::vector<FoundEmail> emails;
  std::unordered_map<BlobId, std::pair<BlobRow, std::string>> blobs;  ///< with the octets of small ones in the database
  std::size_t loaded = 0;
};

// The rows of at most kAtOnce ids at a time; the rest of the parameters repeats the last id.
template <class TakeRow>
Result<void> look_up(db::Connection& connection, std::string_view sql, std::optional<std::int64_t> first,
                     std::span<const std::int64_t> ids, TakeRow take) {
  for (std::size_t at = 0; at < ids.size(); at += kAtOnce) {
    std::array<db::Parameter, kAtOnce + 1> parameters;
    std::size_t count = 0;
    if (first) parameters[count++] = *first;
    for (std::size_t i = 0; i < kAtOnce; ++i) parameters[count++] = ids[std::min(at + i, ids.size() - 1)];
    auto rows = connection.query(sql, std::span<const db::Parameter>(parameters.data(), count));
    if (!rows) return pass(rows);
    while (true) {
      auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) break;
      if (auto taken = take(*rows); !taken) return taken;
    }
  }
  return {};
}

Result<void> find_blobs(db::Connection& connection, std::vector<std::int64_t> ids, Found& found) {
  static const std::string sql =
      fmt::format("SELECT {} FROM blob WHERE blob_id IN ({})", kBlobColumns, numbers_from(1));
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  auto looked = look_up(connection, sql, std::nullopt, ids, [&](const db::Rows& rows) -> Result<void> {
    const auto row = blob_row(rows);
    found.blobs.try_emplace(row.id, row, std::string());
    return {};
  });
  if (!looked) return looked;
  for (auto& [id, blob] : found.blobs) {
    const auto& row = blob.first;
    const bool in_database = row.location == Location::row || row.location == Location::database;
    if (!in_database || !blob.second.empty() || row.size > kLoadEachAtMost || found.loaded + row.size > kLoadAtMost)
      continue;
    auto read = read_blob_data(connection, row, 0, static_cast<std::size_t>(row.size), blob.second);
    if (!read) return pass(read);
    found.loaded += row.size;
  }
  return {};
}

Result<Found> find_emails(db::Connection& connection, AccountId account, std::span<const EmailId> emails) {
  static const std::string sql = fmt::format(
      "SELECT email_id, size, prefix, pieces FROM email WHERE account_id = $1 AND email_id IN ({})", numbers_from(2));
  Found found;
  std::vector<std::int64_t> ids;
  ids.reserve(emails.size());
  for (const auto email : emails) ids.push_back(email.value);
  std::vector<std::int64_t> blobs;
  auto looked = look_up(connection, sql, account.value, ids, [&](const db::Rows& rows) -> Result<void> {
    auto pieces = decode_pieces(rows.octets(3));
    if (!pieces) return pass(pieces);
    for (const auto& piece : *pieces) blobs.push_back(piece.blob.value);
    found.emails.push_back({EmailId{rows.integer(0)}, static_cast<std::uint64_t>(rows.integer(1)),
                            std::string(rows.octets(2)), std::move(*pieces)});
    return {};
  });
  if (!looked) return pass(looked);
  if (auto blobs_found = find_blobs(connection, std::move(blobs), found); !blobs_found) return pass(blobs_found);
  return found;
}

}  // namespace

namespace {
std::shared_ptr<const BlobSource> missing_source(BlobId blob) {
  auto source = std::make_shared<BlobSource>();
  source->row.id = blob;
  source->broken = damaged(source->row, "has no row").error();
  return source;
}
}  // namespace

std::shared_ptr<const BlobSource> Shard::loaded_source(const BlobRow& row, std::string octets) {
  auto source = std::make_shared<BlobSource>();
  if (auto found = source_of(row)) {
    *source = std::move(*found);
    source->loaded = source->file == nullptr && octets.size() == row.size;
    source->octets = std::move(octets);
  } else {
    source->row = row;
    source->broken = std::move(found).error();  // one that is damaged must not hide the others
  }
  return source;
}

Result<std::vector<std::unique_ptr<EmailOctets>>> Shard::open_now(AccountId account,
                                                                  const std::vector<EmailId>& emails) {
  // From the look at the rows to the last pin nothing that they name may be recycled.
  const ReadGate::Pass inside(gate_);
  auto found = readers_.read([&](db::Connection& connection) { return find_emails(connection, account, emails); });
  if (!found) return pass(found);
  std::unordered_map<BlobId, std::shared_ptr<const BlobSource>> sources;
  sources.reserve(found->blobs.size());
  for (auto& [id, blob] : found->blobs) {
    sources.emplace(id, loaded_source(blob.first, std::move(blob.second)));
  }
  std::unordered_map<EmailId, std::size_t> places;
  places.reserve(emails.size());
  for (std::size_t i = 0; i < emails.size(); ++i) places.emplace(emails[i], i);
  std::vector<std::unique_ptr<EmailOctets>> opened(emails.size());
  for (auto& email : found->emails) {
    auto stored = std::make_unique<StoredEmail>(*this, std::move(email.prefix), email.size);
    for (const auto& piece : email.pieces) {
      auto& source = sources[piece.blob];
      if (!source) source = missing_source(piece.blob);
      stored->add(source, piece);
    }
    opened[places[email.email]] = std::move(stored);
  }
  return opened;
}

Result<std::unique_ptr<StoredEmail>> Shard::open_pieces(std::span<const Piece> pieces) {
  const ReadGate::Pass inside(gate_);
  std::uint64_t size = 0;
  std::vector<std::int64_t> ids;
  for (const auto& piece : pieces) {
    size += piece.length;
    ids.push_back(piece.blob.value);
  }
  auto found = readers_.read([&](db::Connection& connection) -> Result<Found> {
    Found all;
    if (auto looked = find_blobs(connection, ids, all); !looked) return pass(looked);
    return all;
  });
  if (!found) return pass(found);
  auto email = std::make_unique<StoredEmail>(*this, std::string(), size);
  for (const auto& piece : pieces) {
    auto blob = found->blobs.find(piece.blob);
    if (blob == found->blobs.end()) return damaged(BlobRow{.id = piece.blob}, "has no row");
    email->add(loaded_source(blob->second.first, blob->second.second), piece);
  }
  return email;
}

Result<Incoming> Shard::read_pieces(std::span<const Piece> pieces) {
  auto email = open_pieces(pieces);
  if (!email) return pass(email);
  const auto size = (*email)->size();
  Incoming content = receive(size);
  for (std::uint64_t at = 0; at < size;) {
    auto part = (*email)->read_now(at, 1 << 20);
    if (!part) return pass(part);
    at += part->size();
    content.append(*part);
    if (!content.wants_spill()) continue;
    if (auto spilled = content.spill_now(); !spilled) return pass(spilled);
  }
  return content;
}

}  // namespace pabal::store
