#include "server/pop3/session.hpp"

#include "base/wiped.hpp"
#include "net/give_way.hpp"
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Session::Session(Shared& shared, net::Stream& stream, net::SessionFacts facts, Policy policy)
    : Connection(shared, stream, std::move(facts), std::move(policy)), shared_(&shared) {}

grammar::Facts Session::facts() const {
  return {.logged_in = is_logged_in(),
          .tls = stream().tls() != nullptr,
          .tls_available = policy().starttls,
          .plaintext_allowed = plaintext_allowed(),
          .utf8 = utf8_};
}

void Session::relax() noexcept {
  if (auto* transaction = std::get_if<Transaction>(&phase_)) transaction->ahead.clear();
}

// Brings more input. False: the connection is at its end (RFC 1939 §3: after an idle timeout without a word).
Async<bool> Session::wait_for_input() {
  auto waited = co_await wait(shared_->limits.relax_after);
  // It is idle, and may stay so for long.
  if (waited == Waited::woken) relax();
  while (waited == Waited::woken) waited = co_await wait();
  co_return waited == Waited::input;
}

std::optional<Answer> Session::without_message(std::uint64_t number) {
  const auto* message = transaction().drop.find(number);
  if (message == nullptr) return Answer{.reply = no(Text::no_such_message)};
  if (message->marked) return Answer{.reply = no(Text::marked_already)};
  return std::nullopt;
}

Async<Result<std::unique_ptr<store::EmailOctets>>> Session::open(std::uint64_t number) {
  auto& transaction = std::get<Transaction>(phase_);
  if (auto octets = transaction.ahead.take(number)) co_return std::move(octets);
  const auto numbers = transaction.ahead.plan(transaction.drop, number, shared_->limits);
  std::vector<EmailId> emails;
  emails.reserve(numbers.size());
  for (const auto n : numbers) emails.push_back(transaction.drop.find(n)->email);
  auto opened = co_await shared_->mailboxes->open(transaction.place, std::move(emails));
  if (!opened) {
    log().error("message_not_opened", {{"number", number}, {"why", opened.error().log}});
    co_return pass(opened);
  }
  transaction.ahead.clear();
  for (std::size_t i = 0; i < opened->size(); ++i) transaction.ahead.put(numbers[i], std::move((*opened)[i]));
  co_return transaction.ahead.take(number);
}

Async<Answer> Session::log_in(Result<account::Account> account) {
  if (!account) {
    const auto& error = account.error();
    const bool too_many = note_refused_login(error);
    if (error.temporary()) co_return Answer{.reply = no(Text::login_unavailable, Code::sys_temp)};
    if (error.kind == ErrorKind::syntax) co_return Answer{.reply = no(Text::response_malformed), .is_error = true};
    if (too_many) {
      co_return Answer{.reply = no(Text::too_many_failures, Code::auth), .then = Answer::Then::end};
    }
    co_return Answer{.reply = no(Text::login_failed, Code::auth)};
  }
  const store::Place place{.account = account->id, .shard = account->shard};
  auto listing = co_await shared_->mailboxes->list(place);
  if (!listing) {
    log().error("mailbox_unavailable", {{"why", listing.error().log}});
    co_return Answer{.reply = no(Text::mailbox_unavailable, Code::sys_temp)};
  }
  std::vector<grammar::Message> messages;
  messages.reserve(listing->entries.size());
  for (const auto& entry : listing->entries) {
    messages.push_back({.email = entry.email, .size = entry.size, .uid = static_cast<std::uint32_t>(entry.uid)});
  }
  grammar::Maildrop drop(listing->uid_validity, std::move(messages));
  const auto present = drop.present();
  const auto octets = drop.present_octets();
  phase_ = Transaction{.place = place, .mailbox = listing->mailbox, .drop = std::move(drop), .ahead = {}};
  note_login(place.account);
  log().info("login", {{"messages", present}, {"octets", octets}, {"tls", stream().tls() != nullptr ? "yes" : "no"}});
  co_return Answer{.reply = yes(Text::logged_in, present, octets)};
}

Async<std::optional<std::string>> Session::ask(std::string text) {
  out().append("+ ").append(text).append("\r\n");
  heard();
  while (true) {
    const auto line = next_line(stream().input(), true, shared_->limits.lines);
    if (line.state == grammar::Line::State::whole) {
      std::string answer(line.text);
      stream().consume(line.size);
      co_return answer;
    }
    // An endless response is no mistake that a client would make.
    if (line.state == grammar::Line::State::too_long) co_return std::nullopt;
    if (!co_await flush()) co_return std::nullopt;
    if (!co_await wait_for_input()) co_return std::nullopt;
  }
}

// Appends octets of the message to what goes out; false where they can't be had.
Async<bool> Session::append_window(store::EmailOctets* octets, std::uint64_t offset, std::size_t count) {
  const std::size_t from = out().size();
  if (!octets->try_read(offset, count, out())) {
    out().resize(from);
    const auto read = co_await octets->read(offset, count);
    if (!read) {
      log().error("message_unreadable", {{"why", read.error().log}});
      co_return false;
    }
    out().append(*read);
  }
  // Never less and never more than was promised: what follows would be taken for something else.
  co_return out().size() - from == count;
}

// `reply_at` is where the status line stands in what goes out. False: the connection has to end.
Async<bool> Session::send_message(MessageBody body, std::size_t reply_at) {
  // TOP seldom needs more than the beginning.
  const std::size_t window = shared_->limits.window_bytes;
  const std::size_t step = body.top ? std::min<std::size_t>(window, 8192) : window;
  const std::uint64_t size = body.octets->size();
  const auto flushed = flushes();
  grammar::DotStuffer stuffer;
  for (std::uint64_t offset = 0; offset < size && !(body.top && body.top->done());) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(step, size - offset));
    const std::size_t from = out().size();
    if (!co_await append_window(body.octets.get(), offset, count)) {
      // What has left already can't be taken back: end without the final dot, so that nobody takes it for the whole
      // message.
      if (flushed != flushes()) {
        cut();
        co_return false;
      }
      out().resize(reply_at);
      say(no(Text::message_unreadable, Code::sys_temp));
      co_return true;
    }
    if (body.top) out().resize(from + body.top->take(std::string_view(out()).substr(from)));
    stuffer.stuff(out(), from);
    offset += count;
    if (out().size() >= window && !co_await flush()) co_return false;
  }
  stuffer.finish(out());
  ++retrieved_;
  shared_->retrieved.add();
  co_return true;
}

Async<bool> Session::send_listing(grammar::ListingBody body) {
  while (!body.produce(out(), shared_->limits.window_bytes)) {
    if (!co_await flush()) co_return false;
  }
  co_return true;
}

Async<bool> Session::begin_tls() {
  if (!co_await Connection::begin_tls()) co_return false;
  // RFC 2595 §4: all that was learned before is forgotten.
  phase_ = Authorization{};
  language_ = grammar::Language::english;
  utf8_ = false;
  co_return true;
}

// False: the connection has to end, after a flush.
Async<bool> Session::respond(Answer answer) {
  const std::size_t reply_at = out().size();
  say(answer.reply);
  if (auto* lines = std::get_if<std::string>(&answer.body)) {
    out().append(*lines);
  } else if (auto* listing = std::get_if<grammar::ListingBody>(&answer.body)) {
    if (!co_await send_listing(*listing)) co_return false;
  } else if (auto* message = std::get_if<MessageBody>(&answer.body)) {
    if (!co_await send_message(std::move(*message), reply_at)) co_return false;
  }
  if (answer.is_error && one_error_too_many()) {
    say(no(Text::too_many_errors));
    co_return false;
  }
  if (answer.then == Answer::Then::begin_tls) co_return co_await begin_tls();
  co_return answer.then == Answer::Then::go_on;
}

Async<bool> Session::serve_line(Result<Command> command) {
  const WipeAtEnd wiped(command);
  if (!command) {
    shared_->wrong_commands.add();
    const bool unknown = command.error().kind == ErrorKind::unsupported;
    co_return co_await respond(
        {.reply = no(unknown ? Text::unknown_command : Text::wrong_arguments), .is_error = true});
  }
  if (command->verb != Verb::quit && one_command_too_many()) {
    co_return co_await respond({.reply = no(Text::too_many_errors), .then = Answer::Then::end});
  }
  const auto verb = command->verb;
  shared_->commands[static_cast<std::size_t>(verb)].add();
  if (auto refused = refusal(verb, facts())) {
    co_return co_await respond({.reply = std::move(*refused), .is_error = true});
  }
  const auto& handler = handler_of(verb);
  if (const auto* now = std::get_if<Now>(&handler)) co_return co_await respond((*now)(*this, *command));
  auto answer = co_await std::get<Later>(handler)(this, std::move(*command));
  co_return co_await respond(std::move(answer));
}

Async<> Session::run() {
  say(yes(Text::greeting));
  const auto& limits = shared_->limits;
  bool going = true;
  while (going) {
    if (skipping_) {
      const auto skipped = grammar::skip_line(stream().input());
      stream().consume(skipped.size);
      skipping_ = !skipped.ended;
    }
    const auto line = skipping_ ? grammar::Line{} : next_line(stream().input(), false, limits.lines);
    if (line.state == grammar::Line::State::whole) {
      auto command = grammar::parse_command(line.text);
      stream().consume(line.size);
      heard();
      if (turns_.step()) co_await net::give_way();
      const WipeAtEnd wiped(command);
      going = co_await serve_line(std::move(command));
      // Replies to commands that came together leave together (RFC 2449 §6.6).
      if (going && out().size() >= limits.window_bytes) going = co_await flush();
    } else if (line.state == grammar::Line::State::too_long) {
      stream().consume(line.size);
      skipping_ = true;
      shared_->wrong_commands.add();
      going = co_await respond({.reply = no(Text::line_too_long), .is_error = true});
    } else {
      going = co_await flush() && co_await wait_for_input();
    }
    if (stream().interrupted()) {
      if (going || !has_output()) say(no(Text::stopping, Code::sys_temp));
      going = false;
    }
  }
  co_await flush();
  co_await stream().close();
  if (std::holds_alternative<Transaction>(phase_)) log().info("logout", {{"retrieved", retrieved_}});
}

}  // namespace pabal::server::pop3
