#include "server/imap/language.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "server/imap/commands.hpp"

namespace pabal::server::imap {

namespace {

struct Pair {
  std::string_view english;
  std::string_view korean;
};
// By the English text.
constexpr std::array kTexts = {
    Pair{"A message has at least one octet.", "메시지가 비어 있습니다."},
    Pair{"A part can't be had.", "가져올 수 없는 부분이 있습니다."},
    Pair{"A part's transfer encoding is not known.", "알 수 없는 전송 인코딩이 있습니다."},
    Pair{"A value is too long.", "값이 너무 깁니다."},
    Pair{"An empty response was expected.", "빈 응답이 와야 합니다."},
    Pair{"An identifier is missing.", "사용자 이름이 없습니다."},
    Pair{"Another mailbox has this special use.", "다른 메일함이 이미 이 용도로 쓰입니다."},
    Pair{"Another's mailbox takes no replacement.", "다른 사용자의 메일함으로는 바꿀 수 없습니다."},
    Pair{"Appended.", "메시지를 추가했습니다."},
    Pair{"As many as are allowed.", "허용된 만큼만 처리했습니다."},
    Pair{"Authentication cancelled.", "인증을 취소했습니다."},
    Pair{"Authentication ended.", "인증이 끝났습니다."},
    Pair{"Authentication failed.", "인증에 실패했습니다."},
    Pair{"BINARY and BODY exclude each other.", "BINARY와 BODY는 함께 쓸 수 없습니다."},
    Pair{"Begin TLS now.", "TLS를 시작하십시오."},
    Pair{"Closed.", "메일함을 닫았습니다."},
    Pair{"Compressed from here on.", "이제부터 압축합니다."},
    Pair{"Copied.", "복사했습니다."},
    Pair{"DONE was expected.", "DONE이 와야 합니다."},
    Pair{"Deleted.", "삭제했습니다."},
    Pair{"Done.", "완료했습니다."},
    Pair{"First unseen.", "읽지 않은 첫 메시지입니다."},
    Pair{"Flags.", "플래그입니다."},
    Pair{"Goodbye.", "안녕히 가십시오."},
    Pair{"Highest.", "가장 높은 변경 번호입니다."},
    Pair{"Id.", "메일함 식별자입니다."},
    Pair{"Idle for too long.", "오랫동안 요청이 없었습니다."},
    Pair{"In use, try again later.", "사용 중입니다. 나중에 다시 시도하십시오."},
    Pair{"It is there already.", "이미 있습니다."},
    Pair{"It was the open one.", "열려 있던 메일함입니다."},
    Pair{"Limits are set by the operator.", "한도는 운영자가 정합니다."},
    Pair{"Logged in.", "로그인했습니다."},
    Pair{"Made.", "만들었습니다."},
    Pair{"Mailboxes stay with their owner.", "메일함의 소유자는 바꿀 수 없습니다."},
    Pair{"Mechanisms.", "URL 인증 방식입니다."},
    Pair{"Message numbers are the open mailbox's.", "메시지 번호는 열린 메일함에서만 쓸 수 있습니다."},
    Pair{"Moved.", "옮겼습니다."},
    Pair{"Next.", "다음 UID입니다."},
    Pair{"No mailbox is selected.", "열린 메일함이 없습니다."},
    Pair{"No more is told unasked.", "이제부터 변경 사항을 알리지 않습니다."},
    Pair{"No such authentication mechanism here.", "지원하지 않는 인증 방식입니다."},
    Pair{"No such mailbox.", "그런 메일함이 없습니다."},
    Pair{"No such mechanism here.", "지원하지 않는 방식입니다."},
    Pair{"No such quota root.", "그런 할당량이 없습니다."},
    Pair{"None of these is known.", "알려진 것이 없습니다."},
    Pair{"Not in another's mailboxes.", "다른 사용자의 메일함에서는 할 수 없습니다."},
    Pair{"Not this special use.", "쓸 수 없는 특수 용도입니다."},
    Pair{"Only for the open mailbox.", "열린 메일함에서만 쓸 수 있습니다."},
    Pair{"Opened to look.", "읽기 전용으로 열었습니다."},
    Pair{"Opened.", "메일함을 열었습니다."},
    Pair{"RELEVANCY is of FUZZY.", "RELEVANCY는 FUZZY와 함께 씁니다."},
    Pair{"Removals are still to be told.", "아직 알리지 않은 삭제가 있습니다."},
    Pair{"Renamed.", "이름을 바꾸었습니다."},
    Pair{"Replaced.", "메시지를 바꾸었습니다."},
    Pair{"Some messages are gone.", "없어진 메시지가 있습니다."},
    Pair{"Some of the messages are gone; the others were copied.", "없어진 메시지가 있어 나머지만 복사했습니다."},
    Pair{"Some were changed in between.", "그사이에 바뀐 메시지가 있습니다."},
    Pair{"Something is wrong here, try again later.", "서버에 문제가 있습니다. 나중에 다시 시도하십시오."},
    Pair{"Still at it.", "처리하고 있습니다."},
    Pair{"Such a name can't be given.", "쓸 수 없는 이름입니다."},
    Pair{"That is another server's URL.", "다른 서버의 URL입니다."},
    Pair{"That is another user's URL.", "다른 사용자의 URL입니다."},
    Pair{"That is no URL to be authorized.", "인증할 수 있는 URL이 아닙니다."},
    Pair{"The URL leads to nothing here.", "URL이 가리키는 것이 없습니다."},
    Pair{"The filter is no search.", "필터가 검색식이 아닙니다."},
    Pair{"The filters make too long a search.", "필터로 만든 검색식이 너무 깁니다."},
    Pair{"The key was reset.", "키를 바꾸었습니다."},
    Pair{"The login can't be checked now, try again later.", "지금은 로그인할 수 없습니다. 나중에 다시 시도하십시오."},
    Pair{"The mailbox can't be read now.", "지금은 메일함을 읽을 수 없습니다."},
    Pair{"The mailbox is full.", "메일함이 가득 찼습니다."},
    Pair{"The mailbox is not there any more.", "메일함이 없어졌습니다."},
    Pair{"The mailbox was renamed meanwhile.", "그사이에 메일함의 이름이 바뀌었습니다."},
    Pair{"The mailbox was renamed.", "메일함의 이름이 바뀌었습니다."},
    Pair{"The message is gone.", "메시지가 없어졌습니다."},
    Pair{"The message is too big.", "메시지가 너무 큽니다."},
    Pair{"The other mailbox is closed.", "다른 메일함을 닫았습니다."},
    Pair{"The program has too many sets.", "검색식에 집합이 너무 많습니다."},
    Pair{"The replacement is there.", "바꿀 메시지가 도착했습니다."},
    Pair{"The result can't be kept up to date.", "검색 결과를 갱신할 수 없습니다."},
    Pair{"The results have become too big.", "검색 결과가 너무 커졌습니다."},
    Pair{"The server is stopping.", "서버가 종료됩니다."},
    Pair{"The tag is in use.", "사용 중인 태그입니다."},
    Pair{"There are mailboxes below it.", "하위 메일함이 있습니다."},
    Pair{"There are too many entries.", "항목이 너무 많습니다."},
    Pair{"There can be no such entry.", "쓸 수 없는 항목입니다."},
    Pair{"There is no message of this number.", "그 번호의 메시지가 없습니다."},
    Pair{"There is no such event here.", "지원하지 않는 이벤트입니다."},
    Pair{"There is no such filter.", "그런 필터가 없습니다."},
    Pair{"There is no such message.", "그런 메시지가 없습니다."},
    Pair{"There is no such result.", "그런 검색 결과가 없습니다."},
    Pair{"There is no such right.", "그런 권한이 없습니다."},
    Pair{"Too many big messages.", "큰 메시지가 너무 많습니다."},
    Pair{"Too many commands.", "명령이 너무 많습니다."},
    Pair{"Too many errors.", "오류가 너무 많습니다."},
    Pair{"Too many failed logins.", "로그인에 너무 많이 실패했습니다."},
    Pair{"Too many mailboxes.", "메일함이 너무 많습니다."},
    Pair{"Too many messages.", "메시지가 너무 많습니다."},
    Pair{"Too many patterns.", "패턴이 너무 많습니다."},
    Pair{"Too many results are kept up to date.", "갱신하는 검색 결과가 너무 많습니다."},
    Pair{"Unsupported language.", "지원하지 않는 언어입니다."},
    Pair{"Use TLS first.", "먼저 TLS를 사용하십시오."},
    Pair{"Valid.", "UID 유효 번호입니다."},
    Pair{"What the clock changes is not told.", "시간에 따라 바뀌는 결과는 갱신하지 않습니다."},
    Pair{"What was stored can't be read.", "저장된 내용을 읽을 수 없습니다."},
    Pair{"You may not change these.", "이 플래그를 바꿀 권한이 없습니다."},
    Pair{"You may not do that there.", "권한이 없습니다."},
    Pair{"You may not expunge here.", "여기서는 지울 권한이 없습니다."},
    Pair{"already logged in", "이미 로그인했습니다."},
    Pair{"arguments are missing", "인수가 없습니다."},
    Pair{"compression is active already", "이미 압축하고 있습니다."},
    Pair{"log in first", "먼저 로그인하십시오."},
    Pair{"message numbers are off (UIDONLY)", "메시지 번호를 쓸 수 없습니다(UIDONLY)."},
    Pair{"no mailbox is selected", "열린 메일함이 없습니다."},
    Pair{"passwords in plain text only over TLS", "암호는 TLS로만 보낼 수 있습니다."},
    Pair{"the mailbox is read-only", "읽기 전용 메일함입니다."},
    Pair{"too many arguments", "인수가 너무 많습니다."},
    Pair{"unknown command", "알 수 없는 명령입니다."},
    Pair{"unknown parameter", "알 수 없는 매개변수입니다."},
    Pair{"with UTF8=ACCEPT a search names no charset", "UTF8=ACCEPT에서는 검색에 문자 집합을 쓸 수 없습니다."},
    Pair{"wrong arguments", "인수가 잘못되었습니다."},
};
static_assert(std::ranges::is_sorted(kTexts, {}, &Pair::english));

}  // namespace

std::string_view tag_of(Language language) noexcept { return language == Language::korean ? "ko" : "en"; }

std::optional<Language> find_language(std::string_view range) noexcept {
  if (equal_ignoring_case(range, "i-default") || equal_ignoring_case(range, "default")) return Language::english;
  const auto primary = range.substr(0, range.find('-'));
  for (const auto language : {Language::english, Language::korean}) {
    if (equal_ignoring_case(primary, tag_of(language))) return language;
  }
  return std::nullopt;
}

std::string_view in_language(Language language, std::string_view english) noexcept {
  if (language == Language::english) return english;
  const auto found = std::ranges::lower_bound(kTexts, english, {}, &Pair::english);
  return found == kTexts.end() || found->english != english ? english : found->korean;
}

Async<Answer> language(Session* session, Command command) {
  const auto& wanted = std::get<grammar::Words>(command.arguments).words;
  if (wanted.empty()) {
    session->out().append("* LANGUAGE (en ko i-default)\r\n");
    co_return ok("Done.");
  }
  for (const auto& range : wanted) {
    const auto found = find_language(range);
    if (!found) continue;
    session->set_language(*found);
    session->out().append(fmt::format("* LANGUAGE ({})\r\n", tag_of(*found)));
    co_return ok("Done.");
  }
  co_return no("Unsupported language.");
}

}  // namespace pabal::server::imap
