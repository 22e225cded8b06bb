// What the grammar and the rules refuse with, in English. Each has its line in server/imap/language_texts.hpp, too:
// what is not in this list doesn't compile as a refusal, and what has no line there doesn't either.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace pabal::imap {

inline constexpr auto kRefusalTexts = std::to_array<std::string_view>({
    "\"(\" is missing",
    "\")\" is missing",
    "\">\" is missing",
    "\"[\" is missing",
    "\"]\" is missing",
    "0 can't be meant",
    "0, 1 or infinity",
    "FLAGS is missing",
    "FlagChange needs MessageNew and MessageExpunge",
    "MIME needs a part",
    "MessageNew and MessageExpunge need each other",
    "NUL in a literal",
    "PARTIAL and ALL exclude each other",
    "QRESYNC needs ENABLE QRESYNC",
    "RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE",
    "SET or NONE",
    "TEXT or URL",
    "TLS is active already",
    "TLS is not available here",
    "VANISHED needs ENABLE QRESYNC",
    "VANISHED needs UID FETCH and CHANGEDSINCE",
    "a character is missing",
    "a command begins with a tag and a space",
    "a command is missing",
    "a flag that can't be set",
    "a keyword is missing",
    "a literal is not whole",
    "a message is missing",
    "a name with %, * or # can't be given",
    "a number is missing",
    "a number is too large",
    "a pattern is missing",
    "a quoted string is not UTF-8",
    "a quoted string is wrong",
    "a search nested too deeply",
    "a section is too deep",
    "a space is missing",
    "a string is missing",
    "a word is missing",
    "a word or string is missing",
    "already logged in",
    "an initial response is missing",
    "arguments are missing",
    "as many numbers as UIDs are needed",
    "batches from the highest to the lowest",
    "compression is active already",
    "items are for messages of the selected mailbox",
    "literals of more than 4096 octets must wait (LITERAL-)",
    "log in first",
    "message numbers are off (UIDONLY)",
    "no mailbox is selected",
    "not a date",
    "not a mailbox name",
    "not a mailbox name: a level of dots",
    "not a mailbox name: an empty level",
    "not a mailbox name: control characters",
    "not a mailbox name: empty",
    "not a mailbox name: not UTF-8",
    "not a mailbox name: not modified UTF-7",
    "not a mailbox name: too long",
    "not a mailbox name: too many levels",
    "not a metadata entry",
    "not a range",
    "not a section",
    "not a set of messages",
    "not an object id",
    "one message is replaced",
    "one message replaces another",
    "only events of messages belong to the selected mailbox",
    "only numbers may be in this set",
    "passwords in plain text only over TLS",
    "priv, shared or all",
    "rights are lower-case letters and digits",
    "search text that is not in its charset",
    "the line is too long",
    "the mailbox is read-only",
    "the selected mailbox is named twice",
    "the session is at its end",
    "too large",
    "too many arguments",
    "too many items",
    "too many keywords",
    "too many parts",
    "too many search keys",
    "unknown charset",
    "unknown command",
    "unknown item of FETCH",
    "unknown item of STATUS",
    "unknown mailbox filter",
    "unknown modifier",
    "unknown modifier of PREVIEW",
    "unknown option",
    "unknown parameter",
    "unknown result option",
    "unknown return option",
    "unknown search key",
    "unknown selection option",
    "unknown sort criterion",
    "unknown threading algorithm",
    "with UTF8=ACCEPT a search names no charset",
    "wrong arguments",
});

/// One of them, or none.
class RefusalText {
 public:
  constexpr RefusalText() = default;
  // Not explicit: a literal is what it is made of.
  template <std::size_t size>
  consteval RefusalText(const char (&english)[size]) : english_(english) {  // NOLINT(google-explicit-constructor)
    if (std::ranges::find(kRefusalTexts, english_) == kRefusalTexts.end()) throw "a text that is not in the list";
  }
  /// The one of this wording; `otherwise` where there is none.
  [[nodiscard]] static constexpr RefusalText worded(std::string_view english, RefusalText otherwise) noexcept {
    const auto* const found = std::ranges::find(kRefusalTexts, english);
    if (found != kRefusalTexts.end()) otherwise.english_ = *found;
    return otherwise;
  }
  [[nodiscard]] constexpr std::string_view english() const noexcept { return english_; }
  friend bool operator==(RefusalText, RefusalText) = default;

 private:
  std::string_view english_;
};

}  // namespace pabal::imap
