// LANGUAGE (RFC 5255): in which language people are told why. The English text is what commands give and tests read;
// it is turned into another language as it goes out. Codes, names and numbers stay as they are.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/imap/language_texts.hpp"

namespace pabal::server::imap {

enum class Language : std::uint8_t { english, korean };

/// As LANGUAGE names it: "en", "ko".
[[nodiscard]] std::string_view tag_of(Language language) noexcept;
/// RFC 4647 §3.4: "ko-KR" finds ko; "i-default" and "default" English.
[[nodiscard]] std::optional<Language> find_language(std::string_view range) noexcept;
/// A text for clients that has its line in each language. One without it doesn't compile.
class ClientText {
 public:
  // Not explicit: a literal is what it is made of.
  template <std::size_t size>
  consteval ClientText(const char (&english)[size]) : english_(english) {  // NOLINT(google-explicit-constructor)
    if (find_text(english_) == kTexts.end()) throw "a text without its line in language_texts.hpp";
  }
  [[nodiscard]] constexpr std::string_view english() const noexcept { return english_; }

 private:
  std::string_view english_;
};
/// The text in that language; as it is where it isn't known there (RFC 5255 §3.2 asks for no more than is there).
[[nodiscard]] std::string_view in_language(Language language, std::string_view english) noexcept;

}  // namespace pabal::server::imap
