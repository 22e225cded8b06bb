// The replies of POP3: a status indicator, a response code (RFC 2449 §8, RFC 3206, RFC 6856 §6) and words for people,
// in the language that the client chose (LANG, RFC 6856 §3).
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pabal::pop3 {

enum class Language : std::uint8_t { english, korean };

struct LanguageInfo {
  Language language;
  std::string_view tag;   ///< RFC 5646
  std::string_view name;  ///< in itself
};
/// What LANG lists; the first is the default.
[[nodiscard]] std::span<const LanguageInfo> languages() noexcept;
[[nodiscard]] const LanguageInfo& info(Language language) noexcept;
/// RFC 4647 §3.4 look-up of one language range: "ko-KR" finds ko, "*" and i-default the default.
[[nodiscard]] std::optional<Language> find_language(std::string_view range) noexcept;

enum class Code : std::uint8_t {
  none,
  auth,      ///< the credentials, or how they were sent, are the trouble
  sys_temp,  ///< trouble on our side that passes
  sys_perm,  ///< trouble on our side that stays
};

/// Everything that we say. {} are numbers or our own words, in the order of the arguments.
enum class Text : std::uint8_t {
  greeting,
  bye,
  done,
  listing,
  capabilities,
  languages,
  language_set,
  language_unknown,
  name_taken,
  password_before_name,
  logged_in,
  login_failed,
  login_unavailable,
  too_many_failures,
  tls_needed,
  mechanisms,
  mechanism_unknown,
  authentication_cancelled,
  response_malformed,
  tls_begin,
  tls_active,
  tls_absent,
  tls_after_utf8,
  apop_off,
  utf8_on,
  summary,
  octets,
  top,
  marked,
  no_such_message,
  marked_already,
  message_gone,
  message_unreadable,
  unmarked,
  removed,
  not_removed,
  mailbox_unavailable,
  unknown_command,
  wrong_arguments,
  not_now,
  line_too_long,
  too_many_errors,
  stopping,
  internal,
};
inline constexpr std::size_t kTexts = static_cast<std::size_t>(Text::internal) + 1;

/// The words, with {} where arguments go.
[[nodiscard]] std::string_view words(Text text, Language language) noexcept;

struct Reply {
  bool ok = true;
  Code code = Code::none;
  Text text = Text::done;
  std::uint64_t first = 0;  ///< the words' arguments
  std::uint64_t second = 0;
  std::string verbatim = {};  ///< what programs read, before the words: "2 320" of STAT, "ko" of LANG
};

[[nodiscard]] inline Reply yes(Text text, std::uint64_t first = 0, std::uint64_t second = 0) {
  return {.ok = true, .text = text, .first = first, .second = second};
}
[[nodiscard]] inline Reply no(Text text, Code code = Code::none) { return {.ok = false, .code = code, .text = text}; }

/// Appends "+OK …CRLF" or "-ERR [CODE] …CRLF": at most 512 octets (RFC 2449 §4).
void append(std::string& out, const Reply& reply, Language language);

}  // namespace pabal::pop3
