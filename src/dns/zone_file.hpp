// Zone files in the master file format (RFC 1035 §5, RFC 2308 §4 for $TTL).
//
// Taken are $ORIGIN and $TTL, parentheses, quoted strings, comments, relative names, `@`, `\X` and `\DDD`, owners left
// out, TTLs with units ("1h30m"), class IN, and the types of record.hpp. $INCLUDE and $GENERATE are not.
#pragma once
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "dns/name.hpp"
#include "dns/record.hpp"

namespace pabal::dns {

struct ZoneRecord {
  Name owner{};
  std::chrono::seconds ttl{0};
  Record record{};
  Name origin{};         ///< the one in force where it stands
  std::size_t line = 0;  ///< where it begins
};

struct ZoneFile {
  std::string file;
  std::vector<ZoneRecord> records;
};

/// Records that have no TTL of their own, nor a $TTL or a record before them (RFC 1035 §5.1 has none for that).
inline constexpr std::chrono::seconds default_ttl{3600};
/// RFC 2181 §8: the highest bit is never set.
inline constexpr std::chrono::seconds most_ttl{0x7fffffff};

/// Reads all of it. `file` is how messages call it; names are relative to the root until an $ORIGIN says otherwise.
/// Errors: syntax, `file:line: what was expected`, the first of them.
[[nodiscard]] Result<ZoneFile> parse_zone(std::string_view text, std::string file);
[[nodiscard]] Result<ZoneFile> read_zone(FileSystem& files, const std::string& file);

/// The record as a line of a zone file, all names absolute.
[[nodiscard]] std::string text_of(const ZoneRecord& record);

}  // namespace pabal::dns
