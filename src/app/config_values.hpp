// Sizes ("50M") and durations ("30m") as they stand in the settings file and on the command line.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pabal::app {

/// Octets: digits and at most one of K, M, G, T (powers of 1024; a B or iB after it is allowed). Nothing where it isn't
/// one.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;
/// The shortest exact way to write it: 52428800 gives "50M".
[[nodiscard]] std::string size_text(std::uint64_t octets);

/// Digits and one of ms, s, m, h, d.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;
/// The shortest exact way to write it: 1800 s give "30m".
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);

}  // namespace pabal::app
