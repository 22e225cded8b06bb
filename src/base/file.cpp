#include "base/file.hpp"

namespace pabal {

Result<std::optional<std::size_t>> File::try_read_at(std::span<char> buffer, std::uint64_t offset) {
  auto done = read_at(buffer, offset);
  if (!done) return pass(done);
  return *done;
}

Result<void> File::write_pieces_at(std::span<const std::string_view> pieces, std::uint64_t offset) {
  for (const auto piece : pieces) {
    if (auto written = write_at(piece, offset); !written) return written;
    offset += piece.size();
  }
  return {};
}

Result<std::string> read_file(FileSystem& files, const std::string& path, std::size_t limit) {
  auto file = files.open(path, OpenMode::read);
  if (!file) return pass(file);
  auto size = (*file)->size();
  if (!size) return pass(size);
  if (*size > limit) return fail(ErrorKind::limit, "file too big", path + ": file too big");
  std::string octets(static_cast<std::size_t>(*size), '\0');
  auto read = (*file)->read_at(octets, 0);
  if (!read) return pass(read);
  octets.resize(*read);
  return octets;
}

Result<void> replace_file(FileSystem& files, const std::string& path, std::string_view octets) {
  const std::string fresh = path + ".new";
  {
    auto file = files.open(fresh, OpenMode::create);
    if (!file) return pass(file);
    if (auto done = (*file)->truncate(0); !done) return done;
    if (auto done = (*file)->write_at(octets, 0); !done) return done;
    if (auto done = (*file)->sync(); !done) return done;
  }
  if (auto done = files.rename(fresh, path); !done) return done;
  const auto slash = path.rfind('/');
  return files.sync_folder(slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash));
}

}  // namespace pabal
