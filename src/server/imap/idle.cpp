// IDLE (RFC 9051 §6.3.13): the client hears what changes until it says DONE.
#include <utility>

#include "base/text.hpp"
#include "imap/response.hpp"
#include "server/imap/commands.hpp"

namespace pabal::server::imap {

namespace {
constexpr std::size_t kLongestLine = 1000;
}

Async<Answer> idle(Session* session, Command command) {
  grammar::append_continue(session->out(), "idling");
  session->begin_idle(std::move(command.tag));
  co_return Answer{.then = Answer::Then::idle};
}

void Session::begin_idle(std::string tag) {
  idling_ = std::make_unique<Idling>(std::move(tag));
  news_->wake(true);
}

Session::Step Session::next_idle_step() {
  auto input = stream().input();
  const auto before = input.size();
  const auto line = idling_->lines.next(input, kLongestLine);
  Step step;
  step.used = before - input.size();
  if (line.state == grammar::LineReader::State::incomplete) return step;
  const bool done = line.state == grammar::LineReader::State::whole && equal_ignoring_case(line.text, "DONE");
  step.what = Step::What::event;
  step.work = end_idle(done ? ok("Done.") : bad("DONE was expected."));
  return step;
}

// False: the connection has to end.
Async<bool> Session::tell_while_idle() {
  if (notifies()) co_return co_await tell_notified(false);
  if (!selected_) co_return true;
  const bool untold = std::exchange(idling_->untold, false);
  if (!news_->take() && !untold) co_return true;
  auto looked = co_await renew_rights();
  if (looked) looked = co_await refresh();
  if (!looked) {
    say_mailbox_lost(looked.error());
    co_return false;
  }
  if (co_await tell_changes({})) co_return true;
  cut();
  co_return false;
}

Async<bool> Session::end_idle(Answer answer) {
  news_->wake(notifies());
  auto tag = std::move(std::exchange(idling_, nullptr)->tag);
  return respond(std::move(tag), std::move(answer), {});
}

}  // namespace pabal::server::imap
