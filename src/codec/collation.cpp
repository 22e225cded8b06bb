#include "codec/collation.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include "base/text.hpp"

namespace pabal::codec {

namespace {

constexpr std::array kCollations = {Collation::unicode_casemap, Collation::ascii_casemap, Collation::octet};

const icu::Normalizer2& compatibility_form() {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* found = icu::Normalizer2::getNFKDInstance(status);
  if (U_FAILURE(status)) throw std::runtime_error("ICU has no data for NFKD");  // a broken installation
  return *found;
}

void append_utf8(std::string& out, UChar32 c) {
  std::array<std::uint8_t, U8_MAX_LENGTH> octets{};
  std::int32_t length = 0;
  U8_APPEND_UNSAFE(octets.data(), length, c);
  out.append(reinterpret_cast<const char*>(octets.data()), static_cast<std::size_t>(length));
}

void append_decomposed(std::string& out, UChar32 c) {
  const UChar32 title = u_totitle(c);
  icu::UnicodeString parts;
  if (compatibility_form().getDecomposition(title, parts) == 0) {
    append_utf8(out, title);
    return;
  }
  for (std::int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1)) {
    append_utf8(out, u_totitle(parts.char32At(i)));
  }
}

// What the code points of the first plane become, made once.
class Keys {
 public:
  Keys() : places_(0x10000), pool_(1, '\0') {
    std::string key;
    for (UChar32 c = 0x80; c < 0x10000; ++c) {
      if (U_IS_SURROGATE(c) || is_syllable(c)) continue;
      key.clear();
      append_decomposed(key, c);
      std::string self;
      append_utf8(self, c);
      if (key == self) continue;
      places_[static_cast<std::size_t>(c)] = static_cast<std::uint32_t>(pool_.size());
      pool_ += static_cast<char>(key.size());
      pool_ += key;
    }
  }

  void append(std::string& out, UChar32 c, std::string_view self) const {
    if (is_syllable(c)) {
      append_syllable(out, c);
    } else if (c >= 0x10000) {
      append_decomposed(out, c);
    } else if (const auto place = places_[static_cast<std::size_t>(c)]; place != 0) {
      out.append(pool_, place + 1, static_cast<unsigned char>(pool_[place]));
    } else {
      out += self;
    }
  }

 private:
  static bool is_syllable(UChar32 c) noexcept { return c >= 0xAC00 && c < 0xAC00 + 11172; }
  // Hangul syllables fall apart by arithmetic (Unicode §3.12).
  static void append_syllable(std::string& out, UChar32 c) {
    const UChar32 index = c - 0xAC00;
    append_utf8(out, 0x1100 + (index / (21 * 28)));
    append_utf8(out, 0x1161 + (index % (21 * 28) / 28));
    if (index % 28 != 0) append_utf8(out, 0x11A7 + (index % 28));
  }

  std::vector<std::uint32_t> places_;  ///< in pool_, a length and that many octets; 0: itself
  std::string pool_;
};

const Keys& keys() {
  static const Keys made;
  return made;
}

void append_casemap(std::string& out, std::string_view text) {
  out.reserve(out.size() + text.size());
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) < 0x80) {
      out += ascii_upper(c);
      ++i;
      continue;
    }
    // Code points have four octets at most: a view of these is enough, however long the text is.
    const auto rest = text.substr(i, 4);
    std::int32_t used = 0;
    UChar32 point = 0;
    U8_NEXT_OR_FFFD(reinterpret_cast<const std::uint8_t*>(rest.data()), used, static_cast<std::int32_t>(rest.size()),
                    point);
    const auto self = rest.substr(0, static_cast<std::size_t>(used));
    keys().append(out, point, point == 0xFFFD ? std::string_view("\xEF\xBF\xBD") : self);
    i += static_cast<std::size_t>(used);
  }
}

// "*" stands for any run of characters (RFC 4790 §3.2).
bool fits(std::string_view pattern, std::string_view name) noexcept {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && ascii_lower(pattern[p]) == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

std::string_view name_of(Collation collation) noexcept {
  switch (collation) {
    case Collation::unicode_casemap:
      return "i;unicode-casemap";
    case Collation::ascii_casemap:
      return "i;ascii-casemap";
    case Collation::octet:
      return "i;octet";
  }
  return "i;unicode-casemap";
}

std::optional<Collation> find_collation(std::string_view wanted) noexcept {
  if (equal_ignoring_case(wanted, "default")) return Collation::unicode_casemap;
  const auto found = std::ranges::find_if(kCollations, [&](Collation one) { return fits(wanted, name_of(one)); });
  if (found == kCollations.end()) return std::nullopt;
  return *found;
}

void append_key(std::string& out, Collation collation, std::string_view utf8) {
  switch (collation) {
    case Collation::unicode_casemap:
      append_casemap(out, utf8);
      return;
    case Collation::ascii_casemap:
      out.reserve(out.size() + utf8.size());
      for (const char c : utf8) out += ascii_upper(c);
      return;
    case Collation::octet:
      out += utf8;
      return;
  }
}

}  // namespace pabal::codec
