#include "reports/unpack.hpp"

#include <array>
#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <zlib.h>

#include "base/text.hpp"

namespace pabal::reports {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;

/// Counts what comes out of what came in.
class Budget {
 public:
  Budget(std::size_t packed, const UnpackLimits& limits) : packed_(packed), limits_(limits) {}
  [[nodiscard]] Result<void> take(std::size_t octets) {
    taken_ += octets;
    if (taken_ > limits_.octets) {
      return fail(ErrorKind::limit, fmt::format("it unpacks to more than {} octets", limits_.octets));
    }
    if (taken_ > limits_.ratio_from && taken_ / limits_.ratio > packed_) {
      return fail(ErrorKind::limit, fmt::format("it unpacks to more than {} times its size", limits_.ratio));
    }
    return {};
  }

 private:
  std::size_t packed_;
  std::size_t taken_ = 0;
  UnpackLimits limits_;
};

struct EndInflate {
  void operator()(z_stream* stream) const noexcept {
    inflateEnd(stream);
    delete stream;
  }
};

/// RFC 1952: one member after another, as gzip(1) reads them; what stands behind the last is left.
Result<std::string> gunzip(std::string_view octets, Budget& budget) {
  std::unique_ptr<z_stream, EndInflate> stream(new z_stream{});
  if (inflateInit2(stream.get(), 15 + 16) != Z_OK) return fail(ErrorKind::io, "no memory to unpack it");
  stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(octets.data()));
  stream->avail_in = static_cast<uInt>(octets.size());
  std::string out;
  std::array<char, kPiece> piece;
  while (true) {
    stream->next_out = reinterpret_cast<Bytef*>(piece.data());
    stream->avail_out = static_cast<uInt>(piece.size());
    const int done = inflate(stream.get(), Z_NO_FLUSH);
    const std::size_t made = piece.size() - stream->avail_out;
    if (auto fine = budget.take(made); !fine) return pass(fine);
    out.append(piece.data(), made);
    if (done == Z_STREAM_END) {
      const std::string_view rest(reinterpret_cast<const char*>(stream->next_in), stream->avail_in);
      if (!rest.starts_with("\x1f\x8b")) return out;
      if (inflateReset(stream.get()) != Z_OK) return fail(ErrorKind::syntax, "damaged gzip");
      continue;
    }
    if (done != Z_OK) return fail(ErrorKind::syntax, done == Z_BUF_ERROR ? "gzip that breaks off" : "damaged gzip");
  }
}

struct FreeArchive {
  void operator()(archive* reader) const noexcept { archive_read_free(reader); }
};

/// By libarchive's name of an entry's format: "ZIP 2.0 (deflation)".
bool is_plain_zip(const char* name) {
  const std::string_view format(name != nullptr ? name : "");
  return format.ends_with("(deflation)") || format.ends_with("(uncompressed)");
}

Error archive_error(archive* reader) {
  const char* words = archive_error_string(reader);
  return {.kind = ErrorKind::syntax,
          .peer = "a damaged ZIP archive",
          .log = fmt::format("ZIP: {}", printable(words != nullptr ? words : "unknown", 100))};
}

Result<std::vector<Unpacked>> unzip(std::string_view octets, Budget& budget, std::size_t most_entries) {
  const std::unique_ptr<archive, FreeArchive> reader(archive_read_new());
  if (!reader) return fail(ErrorKind::io, "no memory to unpack it");
  if (archive_read_support_format_zip(reader.get()) != ARCHIVE_OK ||
      archive_read_open_memory(reader.get(), octets.data(), octets.size()) != ARCHIVE_OK) {
    return std::unexpected(archive_error(reader.get()));
  }
  std::vector<Unpacked> found;
  std::size_t entries = 0;
  std::string piece(kPiece, '\0');
  while (true) {
    archive_entry* entry = nullptr;
    const int next = archive_read_next_header(reader.get(), &entry);
    if (next == ARCHIVE_EOF) break;
    if (next != ARCHIVE_OK && next != ARCHIVE_WARN) return std::unexpected(archive_error(reader.get()));
    if (++entries > most_entries) {
      return fail(ErrorKind::limit, fmt::format("an archive of more than {} files", most_entries));
    }
    if (archive_entry_is_encrypted(entry) != 0) return fail(ErrorKind::syntax, "an encrypted archive");
    // What else there is (LZMA, Zstandard, PPMd) takes as much memory as its sender says before anything comes out.
    if (!is_plain_zip(archive_format_name(reader.get()))) {
      return fail(ErrorKind::unsupported, "a ZIP archive that is packed in another way than by deflate");
    }
    // Passing over what is no file would unpack it all the same, and uncounted.
    if (archive_entry_filetype(entry) != AE_IFREG) {
      return fail(ErrorKind::syntax, "a ZIP archive with something in it that is no file");
    }
    Unpacked one;
    if (const char* name = archive_entry_pathname(entry); name != nullptr) one.name = printable(name, 200);
    while (true) {
      const auto got = archive_read_data(reader.get(), piece.data(), piece.size());
      if (got < 0) return std::unexpected(archive_error(reader.get()));
      if (got == 0) break;
      if (auto fine = budget.take(static_cast<std::size_t>(got)); !fine) return pass(fine);
      one.octets.append(piece, 0, static_cast<std::size_t>(got));
    }
    found.push_back(std::move(one));
  }
  return found;
}

}  // namespace

Result<std::vector<Unpacked>> unpack(std::string_view octets, const UnpackLimits& limits) {
  if (octets.size() > limits.packed_octets) {
    return fail(ErrorKind::limit, fmt::format("it has more than {} octets", limits.packed_octets));
  }
  Budget budget(octets.size(), limits);
  if (octets.starts_with("PK\x03\x04") || octets.starts_with("PK\x05\x06")) {
    return unzip(octets, budget, limits.entries);
  }
  std::vector<Unpacked> one(1);
  if (octets.starts_with("\x1f\x8b")) {
    auto text = gunzip(octets, budget);
    if (!text) return pass(text);
    one.front().octets = *std::move(text);
    return one;
  }
  if (octets.size() > limits.octets)
    return fail(ErrorKind::limit, fmt::format("it has more than {} octets", limits.octets));
  one.front().octets = std::string(octets);
  return one;
}

std::string gzip(std::string_view octets) {
  z_stream stream{};
  std::string out;
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  out.resize(deflateBound(&stream, static_cast<uLong>(octets.size())));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(octets.data()));
  stream.avail_in = static_cast<uInt>(octets.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace pabal::reports
