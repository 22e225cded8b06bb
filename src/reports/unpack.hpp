// The packings that reports come in: gzip and ZIP, or none. Whoever sends them is a stranger: what would unpack to too
// much, or to too many things, is refused before it has taken more memory than allowed.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace pabal::reports {

struct UnpackLimits {
  std::size_t packed_octets = std::size_t{16} << 20;  ///< that come in
  std::size_t octets = std::size_t{32} << 20;         ///< of all that comes out
  std::size_t entries = 16;                           ///< of an archive
  /// So many octets may come of one, once there are more than `ratio_from`: XML compresses 20 to 50 times.
  std::size_t ratio = 200;
  std::size_t ratio_from = std::size_t{1} << 20;
};

struct Unpacked {
  std::string name;  ///< within the archive; empty where there are no names
  std::string octets;
};

/// What is packed: every file of a ZIP archive, the one of a gzip stream, or the octets themselves where they are
/// neither. Packings within packings stay as they are. Errors: limit (which one), syntax (damaged, encrypted, an entry
/// that is no file), unsupported (a ZIP of another method than deflate).
[[nodiscard]] Result<std::vector<Unpacked>> unpack(std::string_view octets, const UnpackLimits& limits = {});

/// RFC 1952, with the best compression and without time and name, so that the same text gives the same octets.
[[nodiscard]] std::string gzip(std::string_view octets);

}  // namespace pabal::reports
