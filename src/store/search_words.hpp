// How a text in the form that is compared (codec/collation.hpp, unicode_casemap) falls into words for the search index,
// and what of a text that is looked for stands in them. It is made so that the index's answer is exact: a text without
// a separator is held by a letter if and only if one of the letter's words holds it.
//
// A word is a run of letters, digits and all octets above ASCII; and of ".", "@", "-", "_", "+", "'" that stand between
// two of these, so that addresses and names of hosts are one word. A run that is longer than kWordOctets (a text in a
// script without spaces) stands as windows that overlap by half.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace pabal::store {

inline constexpr std::size_t kWordOctets = 96;
inline constexpr std::size_t kHalfWord = kWordOctets / 2;

namespace search_detail {
[[nodiscard]] constexpr bool is_letter(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         static_cast<unsigned char>(c) >= 0x80;
}
[[nodiscard]] constexpr bool is_joiner(char c) noexcept {
  return c == '.' || c == '@' || c == '-' || c == '_' || c == '+' || c == '\'';
}
/// The end of the run that begins at `at`, which is a letter.
[[nodiscard]] constexpr std::size_t run_end(std::string_view text, std::size_t at) noexcept {
  while (at < text.size()) {
    if (!is_letter(text[at])) {
      const bool joins = is_joiner(text[at]) && at + 1 < text.size() && is_letter(text[at + 1]);
      if (!joins) break;
    }
    ++at;
  }
  return at;
}
}  // namespace search_detail

/// Calls back with each word, windows too.
template <class Take>
void for_each_word(std::string_view text, Take take) {
  for (std::size_t at = 0; at < text.size();) {
    if (!search_detail::is_letter(text[at])) {
      ++at;
      continue;
    }
    const auto end = search_detail::run_end(text, at);
    auto run = text.substr(at, end - at);
    while (run.size() > kWordOctets) {
      take(run.substr(0, kWordOctets));
      run.remove_prefix(kHalfWord);
    }
    take(run);
    at = end;
  }
}

/// What is looked for in the words.
struct SoughtWords {
  std::vector<std::string> pieces;  ///< a letter that holds the text has, for each, a word that holds it
  bool exact = false;               ///< and the other way round: there is one piece, which is the text
};
[[nodiscard]] inline SoughtWords sought_words(std::string_view text) {
  SoughtWords sought;
  std::size_t pieces = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!search_detail::is_letter(text[at])) {
      ++at;
      continue;
    }
    const auto end = search_detail::run_end(text, at);
    ++pieces;
    sought.exact = pieces == 1 && end - at == text.size() && text.size() <= kHalfWord;
    sought.pieces.emplace_back(text.substr(at, std::min(end - at, kHalfWord)));
    at = end;
  }
  return sought;
}

}  // namespace pabal::store
