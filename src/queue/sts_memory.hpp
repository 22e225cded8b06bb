// MTA-STS policies as they stand in a file between two runs: a JSON object a line, the most lately used first.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "queue/mta_sts.hpp"

namespace pabal::queue {

/// Of a file that is written or read.
inline constexpr std::size_t most_sts_memory = 32UL << 20;

/// As many of them, from the first on, as fit.
[[nodiscard]] std::string sts_memory_text(const std::vector<RememberedPolicy>& policies,
                                          std::size_t most = most_sts_memory);
/// What can be read; lines that are damaged or of another version are left out: the policies are fetched again.
[[nodiscard]] std::vector<RememberedPolicy> read_sts_memory(std::string_view text);

}  // namespace pabal::queue
