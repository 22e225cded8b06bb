#include "app/letter_source.hpp"

#include <cstdio>

namespace pabal::app {
namespace {

constexpr std::size_t kMostOctets = std::size_t{1} << 30;
constexpr std::size_t kPiece = std::size_t{1} << 20;

}  // namespace

Result<LetterSource> LetterSource::open(const std::string& path) {
  LetterSource source;
  if (path == "-") return source;
  RealFileSystem files;
  auto file = files.open(path, OpenMode::read);
  if (!file) return pass(file);
  source.file_ = std::move(*file);
  return source;
}

Result<std::string> LetterSource::next() {
  std::string piece(kPiece, '\0');
  if (!file_) {
    piece.resize(std::fread(piece.data(), 1, piece.size(), stdin));
    if (std::ferror(stdin) != 0) return fail(ErrorKind::io, "standard input can't be read");
    return piece;
  }
  auto read = file_->read_at(piece, offset_);
  if (!read) return pass(read);
  piece.resize(*read);
  offset_ += *read;
  return piece;
}

Result<std::string> read_letter(const std::string& path) {
  auto source = LetterSource::open(path);
  if (!source) return pass(std::move(source));
  std::string letter;
  while (true) {
    auto piece = source->next();
    if (!piece) return pass(std::move(piece));
    if (piece->empty()) return letter;
    letter += *piece;
    if (letter.size() > kMostOctets) return fail(ErrorKind::limit, "a letter of more than 1 GiB is not read");
  }
}

}  // namespace pabal::app
