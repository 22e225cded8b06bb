#include "store/flags.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "base/text.hpp"

namespace pabal::store {

namespace {
// By bit.
constexpr std::array<std::string_view, 9> kNames = {"$seen",    "$answered", "$flagged", "$draft",   "$forwarded",
                                                    "$mdnsent", "$junk",     "$notjunk", "$phishing"};
}  // namespace

Flags flag_of_keyword(std::string_view name) noexcept {
  if (name.empty() || name.front() != '$') return 0;
  for (std::size_t bit = 0; bit < kNames.size(); ++bit) {
    if (equal_ignoring_case(name, kNames[bit])) return Flags{1} << bit;
  }
  return 0;
}

std::string_view keyword_of_flag(Flags one) noexcept {
  const auto bit = static_cast<std::size_t>(std::countr_zero(one));
  return bit < kNames.size() ? kNames[bit] : std::string_view();
}

bool is_keyword(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kMostKeywordOctets && std::ranges::all_of(name, [](char c) {
    return c > ' ' && c < '\x7f' && std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
  });
}

}  // namespace pabal::store
