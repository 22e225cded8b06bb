#include "pop3/reply.hpp"

#include <array>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::pop3 {

namespace {

constexpr std::array<LanguageInfo, 2> kLanguages = {{
    {Language::english, "en", "English"},
    {Language::korean, "ko", "한국어"},
}};

struct Words {
  Text text;
  std::string_view english;
  std::string_view korean;
};

constexpr std::array<Words, kTexts> kWords = {{
    {Text::greeting, "Pabal POP3 at your service", "파발 POP3 서버입니다"},
    {Text::bye, "goodbye", "안녕히 가십시오"},
    {Text::done, "done", "처리했습니다"},
    {Text::listing, "{} messages ({} octets)", "메시지 {}통 ({}옥텟)"},
    {Text::capabilities, "capabilities follow", "지원하는 기능은 다음과 같습니다"},
    {Text::languages, "languages follow", "지원하는 언어는 다음과 같습니다"},
    {Text::language_set, "replies are in English now", "이제부터 한국어로 응답합니다"},
    {Text::language_unknown, "that language is not spoken here", "지원하지 않는 언어입니다"},
    {Text::name_taken, "send the password", "비밀번호를 보내 주십시오"},
    {Text::password_before_name, "USER comes before PASS", "PASS보다 USER가 먼저 와야 합니다"},
    {Text::logged_in, "{} messages ({} octets)", "메시지 {}통 ({}옥텟)"},
    {Text::login_failed, "wrong name or password", "사용자 이름 또는 비밀번호가 틀렸습니다"},
    {Text::login_unavailable, "login is not possible at the moment, try again later",
     "지금은 로그인할 수 없습니다. 잠시 뒤에 다시 시도해 주십시오"},
    {Text::too_many_failures, "too many failed logins", "로그인 실패가 너무 많습니다"},
    {Text::tls_needed, "passwords in plain text only over TLS", "평문 비밀번호는 TLS 연결에서만 받습니다"},
    {Text::mechanisms, "mechanisms follow", "인증 방식은 다음과 같습니다"},
    {Text::mechanism_unknown, "that mechanism is not available", "사용할 수 없는 인증 방식입니다"},
    {Text::authentication_cancelled, "authentication cancelled", "인증을 취소했습니다"},
    {Text::response_malformed, "malformed response", "응답의 형식이 잘못되었습니다"},
    {Text::tls_begin, "begin TLS", "TLS를 시작하십시오"},
    {Text::tls_active, "TLS is active already", "이미 TLS를 쓰고 있습니다"},
    {Text::tls_absent, "TLS is not available here", "여기서는 TLS를 쓸 수 없습니다"},
    {Text::tls_after_utf8, "STLS comes before UTF8", "UTF8보다 STLS가 먼저 와야 합니다"},
    {Text::apop_off, "APOP is not offered, use AUTH", "APOP은 지원하지 않습니다. AUTH를 쓰십시오"},
    {Text::utf8_on, "UTF-8 mode", "UTF-8 모드입니다"},
    {Text::summary, "", ""},
    {Text::octets, "{} octets", "{}옥텟"},
    {Text::top, "the top of the message follows", "메시지의 앞부분을 보냅니다"},
    {Text::marked, "message {} is marked for removal", "{}번 메시지를 지울 것으로 표시했습니다"},
    {Text::no_such_message, "no such message", "그런 메시지가 없습니다"},
    {Text::marked_already, "the message is marked for removal", "이미 지울 것으로 표시한 메시지입니다"},
    {Text::message_gone, "the message has been removed by another session", "다른 접속에서 이미 지운 메시지입니다"},
    {Text::message_unreadable, "the message cannot be read at the moment", "지금은 메시지를 읽을 수 없습니다"},
    {Text::unmarked, "{} messages ({} octets)", "메시지 {}통 ({}옥텟)"},
    {Text::removed, "goodbye, {} messages removed", "메시지 {}통을 지웠습니다. 안녕히 가십시오"},
    {Text::not_removed, "no message was removed, try again later",
     "메시지를 하나도 지우지 못했습니다. 나중에 다시 시도해 주십시오"},
    {Text::mailbox_unavailable, "the mailbox is not available at the moment", "지금은 메일함을 열 수 없습니다"},
    {Text::unknown_command, "unknown command", "알 수 없는 명령입니다"},
    {Text::wrong_arguments, "wrong arguments", "명령의 인수가 잘못되었습니다"},
    {Text::not_now, "not in this state", "지금 상태에서는 쓸 수 없는 명령입니다"},
    {Text::line_too_long, "the line is too long", "줄이 너무 깁니다"},
    {Text::too_many_errors, "too many errors", "오류가 너무 많습니다"},
    {Text::stopping, "the server is stopping, come back soon",
     "서버를 멈추는 중입니다. 잠시 뒤에 다시 접속해 주십시오"},
    {Text::internal, "internal error", "서버 내부 오류입니다"},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTexts; ++i) {
    if (kWords[i].text != static_cast<Text>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "the table of words has every Text once, in order");

constexpr std::string_view name_of(Code code) noexcept {
  switch (code) {
    case Code::none:
      return "";
    case Code::auth:
      return "[AUTH] ";
    case Code::sys_temp:
      return "[SYS/TEMP] ";
    case Code::sys_perm:
      return "[SYS/PERM] ";
  }
  return "";
}

}  // namespace

std::span<const LanguageInfo> languages() noexcept { return kLanguages; }

const LanguageInfo& info(Language language) noexcept { return kLanguages[static_cast<std::size_t>(language)]; }

std::optional<Language> find_language(std::string_view range) noexcept {
  if (range == "*" || equal_ignoring_case(range, "i-default")) return kLanguages.front().language;
  while (!range.empty()) {
    for (const auto& entry : kLanguages) {
      if (equal_ignoring_case(entry.tag, range)) return entry.language;
    }
    const auto dash = range.rfind('-');
    range = dash == std::string_view::npos ? std::string_view{} : range.substr(0, dash);
  }
  return std::nullopt;
}

std::string_view words(Text text, Language language) noexcept {
  const auto& entry = kWords[static_cast<std::size_t>(text)];
  return language == Language::korean ? entry.korean : entry.english;
}

void append(std::string& out, const Reply& reply, Language language) {
  out.append(reply.ok ? "+OK" : "-ERR");
  const auto text = words(reply.text, language);
  if (reply.code != Code::none || !reply.verbatim.empty() || !text.empty()) out.push_back(' ');
  out.append(name_of(reply.code));
  out.append(reply.verbatim);
  if (!reply.verbatim.empty() && !text.empty()) out.push_back(' ');
  fmt::vformat_to(std::back_inserter(out), text, fmt::make_format_args(reply.first, reply.second));
  out.append("\r\n");
}

}  // namespace pabal::pop3
