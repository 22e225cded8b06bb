// The letters that commands are given as files, or on standard input.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"

namespace pabal::app {

/// Gives a file's octets piece by piece.
class LetterSource {
 public:
  /// "-" is standard input. Errors: the file.
  [[nodiscard]] static Result<LetterSource> open(const std::string& path);
  /// At most a mebibyte; empty at the end. Errors: io.
  [[nodiscard]] Result<std::string> next();

 private:
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
};

/// All of it. Errors: the file; limit, where it is over 1 GiB.
[[nodiscard]] Result<std::string> read_letter(const std::string& path);

}  // namespace pabal::app
