// Passwords and what they are made of, overwritten in memory once they have been used, so that neither a core file nor
// memory that is handed on shows them. Short texts live inside their std::string and stay there, octet for octet, when
// it is moved from; so it is each place that held the secret that has to be wiped. Not reached are the buffers of
// streams, JSON values, and what libraries copy.
#pragma once
#include <optional>
#include <string>
#include <utility>

namespace pabal {

/// Overwrites all octets that the text has room for, also those behind its end, and empties it. It may have been moved
/// from.
void wipe(std::string& text) noexcept;
inline void wipe(std::optional<std::string>& text) noexcept {
  if (text) wipe(*text);
}

/// A text that is wiped at its end.
class Wiped {
 public:
  /// Nothing of it stays in `text`.
  explicit Wiped(std::string&& text) : text_(std::move(text)) { wipe(text); }
  ~Wiped() { wipe(text_); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  [[nodiscard]] const std::string& get() const noexcept { return text_; }

 private:
  std::string text_;
};

/// Wipes somebody else's text, or what else has a wipe(), at the end of a scope, also when it is moved from in it. For
/// a coroutine's parameters, and what stays where they came from.
template <class Text>
class WipeAtEnd {
 public:
  /// `text` must outlive it.
  explicit WipeAtEnd(Text& text) noexcept : text_(&text) {}
  ~WipeAtEnd() { wipe(*text_); }
  WipeAtEnd(const WipeAtEnd&) = delete;
  WipeAtEnd& operator=(const WipeAtEnd&) = delete;

 private:
  Text* text_;
};

}  // namespace pabal
