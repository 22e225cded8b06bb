// IDLE (RFC 9051 §6.3.13): the client hears what changes until it says DONE.
#include "base/text.hpp"
#include "imap/response.hpp"
#include "server/imap/commands.hpp"

namespace pabal::server::imap {

namespace {
constexpr std::size_t kLongestLine = 1000;
}

Async<Answer> idle(Session* session, Command /*command*/) {
  grammar::append_continue(session->out(), "idling");
  session->news().wake(true);
  auto answer = bad("DONE was expected.");
  grammar::LineReader lines;
  // What had to wait while numbers stayed (RFC 9051 §7.5.1) is told at once; nothing else may ever call it forth.
  bool untold = true;
  while (true) {
    if (session->notifies()) {
      if (!co_await session->tell_notified(false)) {
        answer = ended();
        break;
      }
    } else if (session->selected() && (session->news().take() || untold)) {
      untold = false;
      auto looked = co_await session->renew_rights();
      if (looked) looked = co_await session->refresh();
      if (!looked) {
        session->say_mailbox_lost(looked.error());
        answer = ended();
        break;
      }
      if (!co_await session->tell_changes({})) {
        answer = lost();
        break;
      }
    }
    auto& stream = session->stream();
    auto input = stream.input();
    const auto before = input.size();
    const auto line = lines.next(input, kLongestLine);
    const bool done = line.state == grammar::LineReader::State::whole && equal_ignoring_case(line.text, "DONE");
    stream.consume(before - input.size());
    if (done) answer = ok("Done.");
    if (line.state != grammar::LineReader::State::incomplete) break;
    if (!co_await session->flush() || !session->goes_on(co_await session->wait(session->patience()))) {
      answer = ended();
      break;
    }
  }
  session->news().wake(session->notifies());
  co_return answer;
}

}  // namespace pabal::server::imap
