#include "server/imap/session.hpp"

#include "imap/response.hpp"
#include "imap/rules.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/notifier.hpp"

namespace pabal::server::imap {

namespace {

constexpr std::size_t kCommandBeforeLogin = 8 << 10;

// What it does to messages is told with its answer.
bool tells_of_itself(Verb verb) noexcept {
  return verb == Verb::store || verb == Verb::expunge || verb == Verb::move || verb == Verb::fetch;
}

// RFC 9051 §6.4.4.1: a search that was to save its result leaves none where it fails, and what was there where it is
// wrong.
bool saves_result(const Command& command) noexcept {
  if (const auto* search = std::get_if<grammar::Search>(&command.arguments)) return search->returns.save;
  if (const auto* sort = std::get_if<grammar::Sort>(&command.arguments)) return sort->returns.save;
  const auto* several = std::get_if<grammar::MultiSearch>(&command.arguments);
  return several != nullptr && several->returns.save;
}

}  // namespace

void News::tell(const std::shared_ptr<News>& news) {
  if (news->pending_.exchange(true)) return;
  asio::post(news->home_, [news] {
    if (news->waking_ && news->stream_ != nullptr) news->stream_->wake();
  });
}

Session::Session(Shared& shared, net::Stream& stream, net::SessionFacts facts, Policy policy)
    : Connection(shared, stream, std::move(facts), std::move(policy)), shared_(&shared) {
  set_reader();
}

Session::~Session() {
  if (news_) news_->end();
}

// What the reader takes depends on the state.
void Session::set_reader() {
  const auto& limits = shared_->limits;
  const bool in = user_.has_value();
  reader_.set_limits({.line = std::min(limits.max_command_octets, in ? limits.max_command_octets : kCommandBeforeLogin),
                      .command = in ? limits.max_command_octets : kCommandBeforeLogin,
                      .message = limits.max_message_bytes,
                      .literal_minus = !limits.literal_plus,
                      .messages = in});
  reader_.set_rules({.utf8 = enabled_.utf8 || enabled_.rev2, .uid_only = enabled_.uid_only});
}

Async<bool> Session::drain() {
  if (!has_output() || out().size() < shared_->limits.window_bytes) co_return true;
  co_return co_await flush();
}

void Session::say(grammar::Condition condition, std::string_view code, ClientText text) {
  grammar::append_untagged(out(), condition, code, in_language(language_, text.english()));
}

void Session::say_bye(ClientText text, std::string_view code) { say(grammar::Condition::bye, code, text); }

void Session::say_mailbox_lost(const Error& error) {
  if (error.kind == ErrorKind::not_found) return say_bye("The mailbox is not there any more.");
  if (error.kind == ErrorKind::state) return say_bye("The mailbox was renamed.");
  log().error("mailbox_unreadable", {{"why", error.log}});
  say_bye("The mailbox can't be read now.", "UNAVAILABLE");
}

Async<bool> Session::say_progress(std::string tag) {
  say(grammar::Condition::ok, progress_code(tag, work_), "Still at it.");
  return flush();
}

bool Session::goes_on(Waited waited) {
  if (waited == Waited::too_long) say_bye("Idle for too long.");
  return waited == Waited::input || waited == Waited::woken;
}

Async<std::optional<std::string>> Session::ask(std::string text) {
  out().append("+ ").append(text).append("\r\n");
  heard();
  grammar::LineReader lines;
  while (true) {
    auto input = stream().input();
    const auto before = input.size();
    const auto line = lines.next(input, kCommandBeforeLogin);
    const auto used = before - input.size();
    if (line.state == grammar::LineReader::State::whole) {
      std::string answer(line.text);
      stream().consume(used);
      co_return answer;
    }
    stream().consume(used);
    // No client would make an endless response by mistake.
    if (line.state == grammar::LineReader::State::too_long) co_return std::nullopt;
    if (!co_await flush()) co_return std::nullopt;
    if (!goes_on(co_await wait())) co_return std::nullopt;
  }
}

namespace {

Answer answer_of(Answer::Status status, std::string_view text, std::string code) {
  return {.status = status, .code = std::move(code), .text = std::string(text)};
}
// In the words of the store, which is looked up as it goes out.
Answer no_as_said(const Error& error, std::string code = {}) {
  return answer_of(Answer::Status::no, error.peer, std::move(code));
}

}  // namespace

Answer ok(ClientText text, std::string code) { return answer_of(Answer::Status::ok, text.english(), std::move(code)); }
Answer no(ClientText text, std::string code) { return answer_of(Answer::Status::no, text.english(), std::move(code)); }
Answer bad(ClientText text, std::string code) {
  return answer_of(Answer::Status::bad, text.english(), std::move(code));
}

Answer ended() { return {.then = Answer::Then::end}; }
Answer lost() { return {.then = Answer::Then::cut}; }

Answer refused(const Error& error) {
  switch (error.kind) {
    case ErrorKind::not_found:
      return no("No such mailbox.", "NONEXISTENT");
    case ErrorKind::exists:
      return no("It is there already.", "ALREADYEXISTS");
    case ErrorKind::policy:
      return no_as_said(error, "CANNOT");
    case ErrorKind::quota:
      return no("The mailbox is full.", "OVERQUOTA");
    case ErrorKind::limit:
      return no_as_said(error, "LIMIT");
    case ErrorKind::busy:
      return no("In use, try again later.", "INUSE");
    case ErrorKind::syntax:
    case ErrorKind::state:
    case ErrorKind::auth:
    case ErrorKind::unsupported:
      return no_as_said(error);
    case ErrorKind::damaged:
      return no("What was stored can't be read.", "CORRUPTION");
    case ErrorKind::io:
    case ErrorKind::no_space:
    case ErrorKind::timeout:
    case ErrorKind::closed:
      return no("Something is wrong here, try again later.", "UNAVAILABLE");
  }
  return no_as_said(error);
}

grammar::SessionFacts Session::facts() const {
  const auto state = selected_ ? grammar::SessionState::selected
                     : user_   ? grammar::SessionState::authenticated
                               : grammar::SessionState::not_authenticated;
  return {.state = state,
          .features = features(),
          .tls = stream().tls() != nullptr,
          .tls_available = policy().starttls && !is_compressed(),  // RFC 4978 §3: below the compression it can't begin
          .plaintext_allowed = plaintext_allowed(),
          .compressed = is_compressed(),
          .read_only = selected_ && selected_->read_only,
          .uid_only = enabled_.uid_only,
          .qresync = enabled_.qresync,
          .utf8_accept = enabled_.utf8};
}

void Session::log_out() {
  selected_.reset();
  notifier_.reset();
  news_->wake(false);
  user_.reset();
  enabled_ = {};
  collation_ = codec::Collation::unicode_casemap;
  language_ = Language::english;
  note_logout();
  set_reader();
}

Async<bool> Session::begin_tls() {
  if (!co_await Connection::begin_tls()) co_return false;
  // RFC 9051 §6.2.1: all that was learned before is forgotten.
  enabled_ = {};
  set_reader();
  co_return true;
}

// Takes in what others did to the selected mailbox. False: it can't be had any more, and the client knows.
Async<bool> Session::take_news() {
  if (!news_->take()) co_return true;
  auto looked = co_await renew_rights();
  if (looked) looked = co_await refresh();
  if (looked) co_return true;
  say_mailbox_lost(looked.error());
  co_return false;
}

// False: the connection has to end, after a flush.
Async<bool> Session::respond(std::string tag, Answer answer, Telling telling) {
  if (answer.then == Answer::Then::idle) co_return true;
  if (answer.then == Answer::Then::cut) {
    cut();
    co_return false;
  }
  // Where the server stops in the middle of it BYE is all there is to say.
  if (answer.then == Answer::Then::end && (answer.text.empty() || stream().interrupted())) co_return false;
  if (selected_ && answer.then != Answer::Then::end) {
    if (!co_await take_news()) co_return false;
    if (!co_await tell_changes(telling)) co_return false;
    tell_held_removals();
  }
  const auto condition = answer.status == Answer::Status::ok   ? grammar::Condition::ok
                         : answer.status == Answer::Status::no ? grammar::Condition::no
                                                               : grammar::Condition::bad;
  grammar::append_tagged(out(), tag, condition, answer.code, in_language(language_, answer.text));
  if (answer.status != Answer::Status::bad) forget_errors();
  if (answer.status == Answer::Status::bad && one_error_too_many()) {
    say_bye("Too many errors.");
    co_return false;
  }
  if (answer.then == Answer::Then::begin_tls) co_return co_await begin_tls();
  if (answer.then == Answer::Then::begin_compression) co_return co_await begin_compression();
  co_return answer.then == Answer::Then::go_on;
}

Async<bool> Session::reject(grammar::BadCommand why) {
  shared_->wrong_commands.add();
  if (why.refusal.empties_result && selected_) selected_->saved_search = {};
  grammar::append_refusal(out(), why.tag, why.refusal, in_language(language_, why.refusal.text.english()));
  if (why.refusal.status == grammar::Refusal::Status::bye) co_return false;
  if (why.refusal.status == grammar::Refusal::Status::bad && one_error_too_many()) {
    say_bye("Too many errors.");
    co_return false;
  }
  co_return true;
}

// The command lies in its handler's frame alone.
Async<bool> Session::serve(std::unique_ptr<Command> owned) {
  auto& command = *owned;
  if (one_command_too_many()) {
    say_bye("Too many commands.");
    co_return false;
  }
  shared_->commands[static_cast<std::size_t>(command.verb)].add();
  auto tag = command.tag;
  // A command on messages works on what is there now; the client's numbers stay until it is told. Its rights may be
  // others by then.
  const bool on_messages = grammar::info(command.verb).valid == grammar::ValidIn::selected;
  if (on_messages && selected_ && !co_await take_news()) co_return false;
  if (auto refusal = grammar::refusal(command, facts())) {
    co_return co_await reject({.tag = std::move(tag), .refusal = std::move(*refusal)});
  }
  const Telling telling{
      .keep_numbers = grammar::numbers_must_stay(command), .uid = command.uid, .own = tells_of_itself(command.verb)};
  const bool selects = command.verb == Verb::select || command.verb == Verb::examine;
  const bool had_condstore = enabled_.condstore;
  const bool saves = saves_result(command);
  auto work = handler_of(command.verb)(this, std::move(command));
  owned.reset();
  auto answer = co_await std::move(work);
  if (saves && answer.status == Answer::Status::no && selected_) selected_->saved_search = {};
  // RFC 7162 §3.1: the first command that switches CONDSTORE on also tells where the mailbox stands.
  if (enabled_.condstore && !had_condstore && selected_ && !selects && answer.then == Answer::Then::go_on) {
    say(grammar::Condition::ok, fmt::format("HIGHESTMODSEQ {}", selected_->view.snapshot().head().change.value),
        "Highest.");
  }
  co_return co_await respond(std::move(tag), std::move(answer), telling);
}

// One event of the reader. False: the connection has to end.
Async<bool> Session::take(grammar::ReaderEvent event) {
  if (auto* command = std::get_if<Command>(&event)) {
    known_target_.reset();
    return serve(std::make_unique<Command>(std::move(*command)));
  }
  if (auto* rejected = std::get_if<grammar::Rejected>(&event)) {
    appending_.reset();
    return reject(std::move(rejected->why));
  }
  if (std::holds_alternative<grammar::SayContinue>(event)) {
    grammar::append_continue(out(), "go on");
    return going_on();
  }
  return take_append(std::move(event));
}

Session::Step Session::next_step() {
  auto input = stream().input();
  const auto before = input.size();
  auto event = reader_.next(input);
  Step step;
  step.used = before - input.size();
  if (std::holds_alternative<grammar::NeedInput>(event)) return step;
  // A view into the input.
  const auto* data = std::get_if<grammar::AppendData>(&event);
  step.what = data != nullptr ? Step::What::data : Step::What::event;
  step.work = data != nullptr ? take_data(data->octets) : take(std::move(event));
  return step;
}

Async<> Session::run() {
  news_ = std::make_shared<News>(co_await asio::this_coro::executor, stream());
  say(grammar::Condition::ok, "CAPABILITY " + capabilities(*this), "Pabal is ready.");
  bool going = true;
  while (going) {
    auto [what, used, work] = idling_ ? next_idle_step() : next_step();
    if (what == Step::What::need_input) {
      stream().consume(used);
      if (idling_) {
        going = co_await tell_while_idle();
      } else if (notifier_ && !appending_) {
        going = co_await tell_notified(notifier_->delays_removals());
      }
      going = going && co_await flush() && goes_on(co_await wait(patience()));
    } else if (what == Step::What::data) {
      going = co_await std::move(work);
      stream().consume(used);
    } else {
      stream().consume(used);
      heard();
      if (turns_.step()) co_await net::give_way();
      going = co_await std::move(work);
      if (going) going = co_await drain();
    }
    if (stream().interrupted()) {
      if (!is_cut() && (going || !has_output())) {
        say_bye("The server is stopping.", "UNAVAILABLE");
      }
      going = false;
    }
  }
  co_await flush();
  co_await stream().close();
  if (user_) log().info("logout", {});
}

}  // namespace pabal::server::imap
