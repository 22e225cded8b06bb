// Letters that were made beforehand, signed ones for instance, in one file: for each a line with its sender and how
// many octets follow, and those: the letter as it goes after DATA, dot-stuffed, with the closing dot. It begins with a
// field X-Load, which is no part of what is signed and gets another number each time that the letter is sent.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace pabal::bench {

struct PreparedLetter {
  std::string sender;
  std::string wire;
};

/// Appends a letter, given as it is (lines end with CRLF, no X-Load, no stuffing), to the file.
void write_prepared(std::FILE* file, std::string_view sender, std::string_view letter);

/// All letters of a file; ends the program where it can't be read or isn't one.
[[nodiscard]] std::vector<PreparedLetter> read_prepared(const std::string& path);

/// Appends the letter's wire form with this number.
void append_prepared(const PreparedLetter& letter, std::uint64_t number, std::string& out);

}  // namespace pabal::bench
