#include "server/common/connection.hpp"

#include <algorithm>

namespace pabal::server::common {

Connection::Connection(Shared& shared, net::Stream& stream, net::SessionFacts facts, Policy policy)
    : shared_(&shared),
      stream_(&stream),
      id_(std::move(facts.id)),
      log_(std::move(facts.log)),
      policy_(std::move(policy)),
      login_deadline_(shared.clock->steady() + shared.connection_limits.login_timeout) {
  shared_->sessions.add(1);
}

Connection::~Connection() {
  if (out_.capacity() > sizeof(std::string)) shared_->buffers.give_back(std::move(out_));
  shared_->sessions.add(-1);
}

std::string& Connection::out() {
  if (out_.capacity() <= sizeof(std::string)) out_ = shared_->buffers.take();
  return out_;
}

Async<bool> Connection::flush() {
  if (out_.empty()) co_return true;
  if (cut_) co_return false;
  stream_->set_timeout(shared_->connection_limits.write_timeout);
  const auto written = co_await stream_->write(out_);
  out_.clear();
  ++flushes_;
  // The rest of what was torn must not be followed by anything.
  if (!written) cut_ = true;
  co_return written.has_value();
}

Async<bool> Connection::say_many(std::string_view octets, std::size_t window) {
  if (octets.size() < window) {
    out().append(octets);
    co_return out_.size() < window || co_await flush();
  }
  if (!co_await flush() || cut_) co_return false;
  for (std::size_t at = 0; at < octets.size(); at += window) {
    stream_->set_timeout(shared_->connection_limits.write_timeout);
    const auto written = co_await stream_->write(octets.substr(at, window));
    ++flushes_;
    if (written) continue;
    cut_ = true;
    co_return false;
  }
  co_return true;
}

void Connection::cut() noexcept {
  out_.clear();
  cut_ = true;
}

Async<Connection::Waited> Connection::wait(std::chrono::milliseconds patience) {
  if (out_.capacity() > sizeof(std::string)) {
    shared_->buffers.give_back(std::move(out_));
    out_ = std::string();
  }
  const auto now = shared_->clock->steady();
  if (!line_deadline_) line_deadline_ = now + shared_->connection_limits.idle_timeout;
  const auto deadline = logged_in_ ? *line_deadline_ : std::min(*line_deadline_, login_deadline_);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
  if (left <= std::chrono::milliseconds(0)) co_return Waited::too_long;
  stream_->set_timeout(std::min(left, patience));
  const auto filled = co_await stream_->fill();
  if (filled) co_return *filled ? Waited::input : Waited::ended;
  if (filled.error().kind != ErrorKind::timeout) co_return Waited::ended;
  co_return shared_->clock->steady() < deadline ? Waited::woken : Waited::too_long;
}

bool Connection::one_command_too_many() noexcept {
  return !logged_in_ && ++commands_before_login_ > shared_->connection_limits.max_commands_before_login;
}

bool Connection::one_error_too_many() noexcept { return ++errors_ >= shared_->connection_limits.max_errors; }

bool Connection::note_refused_login(const Error& error) {
  shared_->logins_bad.add();
  log_.info("login_refused", {{"why", error.log}});
  const bool guessed = !error.temporary() && error.kind != ErrorKind::syntax && error.kind != ErrorKind::policy;
  return guessed && ++login_failures_ >= shared_->connection_limits.max_login_failures;
}

void Connection::note_login(AccountId account) {
  shared_->logins_good.add();
  log_ = log_.with({"account", account.value});
  logged_in_ = true;
  login_failures_ = 0;
}

void Connection::note_logout() {
  logged_in_ = false;
  login_deadline_ = shared_->clock->steady() + shared_->connection_limits.login_timeout;
}

Async<bool> Connection::begin_tls() {
  if (!co_await flush()) co_return false;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(login_deadline_ - shared_->clock->steady());
  stream_->set_timeout(std::clamp(left, std::chrono::milliseconds(1),
                                  std::max(shared_->connection_limits.write_timeout, std::chrono::milliseconds(1))));
  const auto begun = co_await stream_->start_tls(policy_.tls);
  if (!begun) {
    log_.info("tls_failed", {{"why", begun.error().log}});
    co_return false;
  }
  line_deadline_.reset();
  co_return true;
}

Async<bool> Connection::begin_compression() {
  if (!co_await flush()) co_return false;
  compressed_ = std::make_unique<net::DeflateStream>(*stream_);
  stream_ = compressed_.get();
  co_return true;
}

}  // namespace pabal::server::common
