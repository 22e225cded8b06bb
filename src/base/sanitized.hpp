// For tests: how much less of everything a build with sanitizers does, where each step takes several times as long.
#pragma once
#include <cstddef>

namespace pabal {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr std::size_t kSlower = 5;
#else
inline constexpr std::size_t kSlower = 1;
#endif

}  // namespace pabal
