#include "server/smtp/session.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "base/wiped.hpp"
#include "net/give_way.hpp"

namespace pabal::server::smtp {

using pabal::smtp::Bdat;
using pabal::smtp::Command;
using pabal::smtp::LineSplitter;
using pabal::smtp::Protocol;
using pabal::smtp::Situation;
using pabal::smtp::Stage;
using pabal::smtp::Verb;

namespace {
constexpr std::size_t kMostGathered = 32UL << 10;  // replies of a pipelined group that wait to be written together
constexpr std::size_t kKeptWhileIdle = 256;

pabal::smtp::ParseRules parse_rules(const Settings& settings, bool may_hold) noexcept {
  return {.spaces_after_colon = settings.spaces_after_colon,
          .missing_brackets = settings.missing_brackets,
          .dsn = settings.dsn && settings.relay,
          .binary_mime = settings.binary_mime,
          .require_tls = settings.require_tls_extension,
          .priority = settings.relay,
          .future_release = may_hold,
          .deliver_by = settings.relay};
}

/// A chunk is work that its peer shares; without octets it is as idle as NOOP.
bool moves_octets(const Command& command) noexcept {
  const auto* bdat = std::get_if<Bdat>(&command);
  return bdat != nullptr && (bdat->size > 0 || bdat->last);
}
}  // namespace

Session::Session(const Server& server, net::Stream& stream, std::string id, Log log)
    : server_(&server),
      settings_(&server.settings()),
      listener_(&server.listener()),
      stream_(&stream),
      id_(std::move(id)),
      log_(std::move(log)),
      ends_at_(server.services().clock->steady() + settings_->max_session_time) {}

Async<> Session::run() {
  if (co_await greet()) {
    while (!ended_) {
      if (std::holds_alternative<Receiving>(phase_)) {
        conclude(co_await receive_text());
      } else if (start_tls_ || out_.size() > kMostGathered) {
        if (co_await flush() && start_tls_) co_await switch_to_tls();
      } else if (stream_->interrupted()) {
        say_goodbye(421, "4.3.2", "The server is shutting down");
      } else if (!is_too_late()) {
        if (turns_.step()) co_await net::give_way();
        const auto event = splitter_.next(stream_->input(), line_limit());
        if (event.kind == LineSplitter::Kind::incomplete) {
          // The wait stands here, where no frame of a command is alive, so that an idle session is small.
          stream_->consume(event.consumed);
          co_await wait_for_input(settings_->command_timeout);
        } else {
          co_await handle(event);
        }
      }
    }
  }
  co_await flush();
}

Async<bool> Session::greet() {
  if (settings_->greeting_delay.count() > 0) {
    // RFC 5321 §3.1: the client waits for the greeting. One that doesn't is no mail server.
    stream_->set_timeout(settings_->greeting_delay);
    const auto early = co_await stream_->fill();
    if (early || early.error().kind != ErrorKind::timeout) {
      if (early && *early) say({554, "5.5.0", "You talk before the greeting"});
      co_return false;
    }
  }
  say({220, "", settings_->hostname + (is_lmtp() ? " LMTP Pabal" : " ESMTP Pabal")});
  co_return true;
}

std::chrono::milliseconds Session::time_left(std::chrono::milliseconds timeout) const noexcept {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(ends_at_ - server_->services().clock->steady());
  return std::clamp(left, std::chrono::milliseconds(1), timeout);
}

// A peer that never stops talking never runs into a timeout: it is told at the next command, or in the middle of a
// text.
bool Session::is_too_late() {
  if (server_->services().clock->steady() < ends_at_) return false;
  say_goodbye(421, "4.4.2", "The session has lasted too long");
  return true;
}

Async<bool> Session::flush() {
  if (out_.empty()) co_return true;
  stream_->set_timeout(settings_->command_timeout);
  const auto written = co_await stream_->write(out_);
  out_.clear();
  if (out_.capacity() > kKeptWhileIdle) out_.shrink_to_fit();
  if (!written) ended_ = true;
  co_return written.has_value();
}

// The one place where the session waits for its peer: replies go out when the input has run dry (RFC 2920 §3.2).
Async<bool> Session::wait_for_input(std::chrono::milliseconds timeout) {
  if (is_too_late() || !co_await flush()) co_return false;
  stream_->set_timeout(time_left(timeout));
  const auto filled = co_await stream_->fill();
  if (filled && *filled) co_return true;
  if (!filled) {
    if (stream_->interrupted()) {
      say_goodbye(421, "4.3.2", "The server is shutting down");
    } else if (filled.error().kind == ErrorKind::timeout) {
      say_goodbye(421, "4.4.2", "Timeout, closing the connection");
    }
  }
  ended_ = true;
  co_return false;
}

void Session::say_goodbye(int code, std::string_view status, std::string words) {
  say({code, status, settings_->hostname + " " + words});
  ended_ = true;
}

std::size_t Session::line_limit() const noexcept {
  const bool long_line = std::holds_alternative<Authenticating>(phase_) ||
                         starts_with_ignoring_case(stream_->input().substr(0, 5), "AUTH ");
  return long_line ? std::max(settings_->max_auth_line, settings_->max_command_line) : settings_->max_command_line;
}

// One line; `event` looks into the stream's input, from which the line is taken away here.
Async<> Session::handle(LineSplitter::Event event) {
  switch (event.kind) {
    case LineSplitter::Kind::incomplete:
      co_return;
    case LineSplitter::Kind::bare_lf:
      stream_->consume(event.consumed);
      refuse_line({500, "5.5.2", "Lines end with CR LF, and have no CR, LF or NUL otherwise"}, event.may_be_bdat);
      co_return;
    case LineSplitter::Kind::too_long:
      stream_->consume(event.consumed);
      refuse_line({500, std::holds_alternative<Authenticating>(phase_) ? "5.5.6" : "5.5.2", "The line is too long"},
                  event.may_be_bdat);
      co_return;
    case LineSplitter::Kind::flood:
      stream_->consume(event.consumed);
      say_goodbye(421, "4.7.0", "Too much without an end of line");
      co_return;
    case LineSplitter::Kind::line:
      break;
  }
  if (std::holds_alternative<Authenticating>(phase_)) {
    std::string response(event.text);
    const WipeAtEnd wiped(response);
    stream_->consume(event.consumed);
    conclude(co_await continue_auth(std::move(response)));
    co_return;
  }
  auto command = pabal::smtp::parse_command(event.text, parse_rules(*settings_, may_hold()));
  const bool is_http = !command && pabal::smtp::looks_like_http(event.text);
  const bool is_bdat = !command && starts_with_ignoring_case(event.text, "BDAT");
  stream_->consume(event.consumed);
  if (command) {
    co_await run_command(*std::move(command));
  } else if (is_http) {
    // A browser that was tricked into talking to us sends the attacker's commands next.
    conclude({502, "5.7.0", "This is a mail server", Then::close});
  } else if (is_bdat) {
    // How much text follows is not known, so nothing behind it can be told from commands.
    conclude({command.error(), Then::close});
  } else {
    conclude(std::move(command.error()));
  }
}

Async<> Session::run_command(Command command) {
  const Verb verb = verb_of(command);
  if (facts_of(verb).ends_group && settings_->strict_pipelining && !stream_->input().empty()) {
    // RFC 2920 §3.1. Who sends a message without waiting for 354 would have its text read as commands if we say no.
    log_.info("peer talks on without waiting", {{"after", facts_of(verb).name}});
    conclude({554, "5.5.0", "You talk on without waiting for the reply", Then::close});
    co_return;
  }
  if (verb != Verb::rcpt && !moves_octets(command) && ++idle_commands_ > settings_->max_commands_without_mail) {
    conclude({421, "4.7.0", settings_->hostname + " Too many commands without a message", Then::close});
    co_return;
  }
  if (auto allowed = pabal::smtp::may(verb, situation(verb)); !allowed) {
    if (verb == Verb::bdat) {
      co_await refuse_bdat(std::get<Bdat>(command), std::move(allowed.error()));
    } else {
      conclude(std::move(allowed.error()));
    }
    co_return;
  }
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::lhlo:
      conclude(hello(std::get<pabal::smtp::Hello>(std::move(command))));
      break;
    case Verb::mail:
      conclude(co_await mail(std::get<pabal::smtp::Mail>(std::move(command))));
      break;
    case Verb::rcpt:
      conclude_rcpt(co_await rcpt(std::get<pabal::smtp::Rcpt>(std::move(command))));
      break;
    case Verb::data:
      conclude(data());
      break;
    case Verb::bdat:
      conclude(co_await bdat(std::get<Bdat>(command)));
      break;
    case Verb::auth:
      conclude(co_await auth(std::get<pabal::smtp::Auth>(std::move(command))));
      break;
    case Verb::starttls:
      conclude(starttls());
      break;
    case Verb::vrfy:
      conclude(vrfy(std::get<pabal::smtp::Vrfy>(command)));
      break;
    default:
      conclude(simple(verb));
      break;
  }
}

// Only from here and from conclude() do replies go out.
void Session::refuse_line(Reply reply, bool may_be_bdat) {
  if (std::holds_alternative<Authenticating>(phase_)) phase_ = Greeted();
  conclude({std::move(reply), may_be_bdat ? Then::close : Then::go_on});
}

void Session::conclude(Outcome outcome) {
  if (outcome.then == Then::hang_up) {
    ended_ = true;
    return;
  }
  say(outcome.reply);
  for (const auto& reply : outcome.more) say(reply);
  count_error(outcome.reply);
  if (outcome.then == Then::start_tls) start_tls_ = true;
  if (outcome.then == Then::close) ended_ = true;
}

// RFC 5321 §4.5.3.1.10: recipients beyond the limit are no error of the client's, which sends to them next time. Only
// who never sends has no end of them.
void Session::conclude_rcpt(Outcome outcome) {
  const int code = outcome.reply.code;
  conclude(std::move(outcome));
  if (code < 400 || code >= 500 || ended_) return;
  if (++put_off_ > settings_->max_recipients) say_goodbye(421, "4.7.0", "Too many recipients that were put off");
}

void Session::count_error(const Reply& reply) {
  if (!reply.is_permanent_failure() || ended_) return;
  if (++errors_ > settings_->max_errors) say_goodbye(421, "4.7.0", "Too many errors");
}

Async<> Session::switch_to_tls() {
  start_tls_ = false;
  stream_->set_timeout(time_left(settings_->command_timeout));
  const auto started = co_await stream_->start_tls(server_->services().tls_context());
  if (!started) {
    log_.info("TLS handshake failed", {{"why", started.error().log}});
    ended_ = true;
    co_return;
  }
  // RFC 3207 §4.2: all that was learned before is forgotten.
  phase_ = Connected();
  splitter_ = LineSplitter();
  helo_.clear();
  extended_ = false;
  account_.reset();
}

Stage Session::stage() const noexcept {
  struct Visitor {
    Stage operator()(const Connected& /*unused*/) const noexcept { return Stage::connected; }
    Stage operator()(const Greeted& /*unused*/) const noexcept { return Stage::greeted; }
    Stage operator()(const Authenticating& /*unused*/) const noexcept { return Stage::greeted; }
    Stage operator()(const Envelope& phase) const noexcept {
      return phase.transaction->recipients.empty() ? Stage::sender : Stage::recipients;
    }
    Stage operator()(const Receiving& /*unused*/) const noexcept { return Stage::recipients; }
    Stage operator()(const Chunks& /*unused*/) const noexcept { return Stage::chunks; }
    Stage operator()(const Broken& /*unused*/) const noexcept { return Stage::broken; }
  };
  return std::visit(Visitor(), phase_);
}

Situation Session::situation(Verb verb) const {
  Situation now;
  now.protocol = listener_->protocol;
  now.stage = stage();
  now.tls = stream_->tls() != nullptr;
  now.tls_demanded = listener_->require_tls;
  now.auth_demanded = listener_->protocol == Protocol::submission;
  now.authenticated = account_.has_value();
  now.hello_demanded = settings_->require_hello;
  if (verb == Verb::starttls || verb == Verb::auth) now.tls_possible = may_start_tls();
  if (verb == Verb::auth) now.auth_offered = !mechanisms().empty();
  if (const auto* envelope = std::get_if<Envelope>(&phase_)) {
    now.recipients_refused = envelope->transaction->refused_recipients > 0;
    now.binary = envelope->transaction->mail.body == pabal::smtp::Body::binary_mime;
  }
  return now;
}

bool Session::may_start_tls() const {
  const auto& context = server_->services().tls_context;
  return listener_->starttls && stream_->tls() == nullptr && context && context() != nullptr;
}

void Session::reset_transaction() {
  if (!std::holds_alternative<Connected>(phase_)) phase_ = Greeted();
}

}  // namespace pabal::server::smtp
