#include "net/socket_stream.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>
#include <poll.h>

#include "net/socket_address.hpp"

namespace pabal::net {

namespace {

constexpr std::size_t kMostInput = BufferPool::kSizes.back();
constexpr std::size_t kRecord = 16UL << 10;  // RFC 8446 §5.1: the most that a TLS record carries
constexpr std::size_t kPiecesACall = 16;
/// A writer that gets rid of so much within its timeout is given the timeout anew.
constexpr std::size_t kProgress = 64UL << 10;
constexpr auto kLinger = std::chrono::seconds(2);
constexpr std::size_t kMostLingering = 1UL << 20;
/// A peer that sent so much before our last words is likely to be sending still.
constexpr std::size_t kLongRun = 1UL << 10;

std::unexpected<Error> timed_out() { return fail(ErrorKind::timeout, "timeout"); }

std::unexpected<Error> lost(std::string_view doing, int error_number) {
  return fail(ErrorKind::closed, "connection lost",
              fmt::format("{}: {}", doing, std::generic_category().message(error_number)));
}

SteadyTime after(std::chrono::milliseconds timeout) { return std::chrono::steady_clock::now() + timeout; }

std::size_t total(std::span<const std::string_view> pieces) {
  std::size_t octets = 0;
  for (const auto piece : pieces) octets += piece.size();
  return octets;
}

/// What of the pieces stands behind `offset`, at most as many pieces as fit a call.
std::size_t gather(std::span<const std::string_view> pieces, std::size_t offset, std::span<iovec> out) {
  std::size_t used = 0;
  for (auto piece : pieces) {
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    piece.remove_prefix(offset);
    offset = 0;
    out[used++] = {.iov_base = const_cast<char*>(piece.data()), .iov_len = piece.size()};
    if (used == out.size()) break;
  }
  return used;
}

}  // namespace

SocketStream::SocketStream(const Executor& home, FileDescriptor socket, Endpoint peer, Endpoint local,
                           const void* server)
    : descriptor_(home),
      home_(Home::of(home)),
      peer_(std::move(peer)),
      local_(std::move(local)),
      socket_is_loopback_(peer_.is_loopback()) {
  descriptor_.assign(socket.get());
  static_cast<void>(socket.release());  // the descriptor's now
  if (server != nullptr) home_.enlist(*this, server);
}

SocketStream::~SocketStream() {
  home_.drop(*this);
  release_buffer();
}

void SocketStream::set_proxied(Endpoint peer, Endpoint local) {
  peer_ = std::move(peer);
  local_ = std::move(local);
}

void SocketStream::put_back(std::string_view octets) {
  if (octets.empty()) return;
  buffer_ = home_.buffers().take(octets.size());
  begin_ = 0;
  end_ = octets.copy(buffer_.data.get(), buffer_.size);
}

bool SocketStream::try_send(std::string_view octets) noexcept {
  const auto sent = ::send(descriptor_.native_handle(), octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent == static_cast<ssize_t>(octets.size());
}

Async<Result<std::string>> SocketStream::peek(std::size_t most) {
  const auto deadline = after(timeout_);
  std::string octets(most, '\0');
  while (true) {
    if (const auto may = may_read(); !may) co_return pass(may);
    const auto got = ::recv(descriptor_.native_handle(), octets.data(), octets.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got >= 0) {
      octets.resize(static_cast<std::size_t>(got));
      co_return octets;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return lost("read", errno);
    if (const auto waited = co_await wait_readable(deadline); !waited) co_return pass(waited);
  }
}

Result<void> SocketStream::drop(std::size_t count) {
  std::string scratch(count, '\0');
  while (count > 0) {
    const auto got = ::recv(descriptor_.native_handle(), scratch.data(), count, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return lost("read", got == 0 ? ECONNRESET : errno);
    count -= static_cast<std::size_t>(got);
  }
  return {};
}

void SocketStream::consume(std::size_t count) noexcept {
  begin_ += std::min(count, end_ - begin_);
  if (begin_ == end_) begin_ = end_ = 0;
}

void SocketStream::expect_bulk(bool bulk) noexcept {
  bulk_ = bulk;
  if (!bulk) next_size_ = BufferPool::kSizes.front();
}

void SocketStream::release_buffer() noexcept {
  begin_ = end_ = 0;
  if (buffer_.size > 0) home_.buffers().give_back(std::exchange(buffer_, {}));
}

void SocketStream::make_room() {
  const auto unread = end_ - begin_;
  if (unread == 0) {
    if (buffer_.size >= next_size_) return;
    release_buffer();
    buffer_ = home_.buffers().take(next_size_);
    return;
  }
  if (buffer_.size - end_ >= buffer_.size / 2) return;
  auto* data = buffer_.data.get();
  if (buffer_.size - unread >= buffer_.size / 2 || buffer_.size == kMostInput) {
    std::memmove(data, data + begin_, unread);
  } else {
    auto bigger = home_.buffers().take(buffer_.size + 1);
    std::memcpy(bigger.data.get(), data + begin_, unread);
    home_.buffers().give_back(std::exchange(buffer_, std::move(bigger)));
  }
  begin_ = 0;
  end_ = unread;
}

Result<void> SocketStream::may_read() const {
  if (closed_ || stopped_) return fail(ErrorKind::closed, "connection closed", "the stream was closed before");
  if (interrupted_) return fail(ErrorKind::closed, "the server is stopping");
  return {};
}

Result<void> SocketStream::may_write() const {
  if (closed_ || stopped_) return fail(ErrorKind::closed, "connection closed", "the stream was closed before");
  return {};
}

void SocketStream::begin_wait(SteadyTime& which, SteadyTime deadline) {
  turns_.waited();
  which = deadline;
  home_.watch(*this);
}

void SocketStream::deadline_passed(SteadyTime now) noexcept {
  if (read_deadline_ <= now) {
    read_timed_out_ = true;
    read_deadline_ = kNever;
  }
  if (write_deadline_ <= now) {
    write_timed_out_ = true;
    write_deadline_ = kNever;
  }
  boost::system::error_code ignored;
  descriptor_.cancel(ignored);
}

void SocketStream::interrupt() noexcept {
  interrupted_ = true;
  boost::system::error_code ignored;
  descriptor_.cancel(ignored);
}

void SocketStream::wake() noexcept {
  woken_ = true;
  // Who waits for something else than input goes on waiting.
  boost::system::error_code ignored;
  descriptor_.cancel(ignored);
}

bool SocketStream::peer_has_left() const noexcept {
  if (ended_ || closed_ || stopped_) return true;
  pollfd look{.fd = descriptor_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&look, 1, 0) > 0;
}

void SocketStream::stop_hard() noexcept {
  stopped_ = true;
  ::shutdown(descriptor_.native_handle(), SHUT_RDWR);
  interrupt();
}

Result<SocketStream::Got> SocketStream::try_read(std::span<char> room) {
  if (!tls_) {
    while (true) {
      const auto got = ::recv(descriptor_.native_handle(), room.data(), room.size(), 0);
      if (got > 0) return Got{.step = TlsSession::Step::done, .count = static_cast<std::size_t>(got)};
      if (got == 0) return Got{.step = TlsSession::Step::ended};
      if (errno == EAGAIN) return Got{.step = TlsSession::Step::want_read};
      if (errno != EINTR) return lost("read", errno);
    }
  }
  std::size_t count = 0;
  while (count < room.size()) {
    const auto moved = tls_->read(room.subspan(count));
    // What came before an error is the reader's; the error comes again.
    if (!moved && count == 0) return pass(moved);
    if (!moved || moved->step != TlsSession::Step::done) {
      if (count > 0) break;
      return Got{.step = moved->step};
    }
    count += moved->count;
    if (!bulk_ && !tls_->has_pending()) break;
  }
  return Got{.step = TlsSession::Step::done, .count = count};
}

Async<Result<bool>> SocketStream::fill() {
  if (auto may = may_read(); !may) co_return pass(may);
  if (ended_) co_return false;
  if (end_ - begin_ >= kMostInput) co_return fail(ErrorKind::limit, "too much unread input");
  // After a reply the peer has hardly answered yet: a read would only be told so. In the middle of a run of data it
  // pays.
  bool wait_first = !bulk_ && !likely_more_ && !(tls_ && tls_->has_pending());
  auto wait_for = Wait::wait_read;
  SteadyTime deadline = kNever;
  while (true) {
    if (wait_first) {
      if (std::exchange(woken_, false)) co_return timed_out();
      if (begin_ == end_) release_buffer();
      if (deadline == kNever) deadline = after(timeout_);
      begin_wait(read_deadline_, deadline);
      boost::system::error_code cancelled;
      co_await descriptor_.async_wait(wait_for, asio::redirect_error(use_async, cancelled));
      read_deadline_ = kNever;
      if (std::exchange(read_timed_out_, false)) co_return timed_out();
      if (auto may = may_read(); !may) co_return pass(may);
      if (std::exchange(woken_, false)) co_return timed_out();
    }
    make_room();
    const auto room = std::span(buffer_.data.get(), buffer_.size).subspan(end_);
    const auto got = try_read(room);
    if (!got) co_return pass(got);
    switch (got->step) {
      case TlsSession::Step::done:
        end_ += got->count;
        unanswered_ += got->count;
        likely_more_ = got->count == room.size();
        if (bulk_ && likely_more_) next_size_ = std::min(buffer_.size * 4, kMostInput);
        if (turns_.step(got->count)) co_await give_way();
        co_return true;
      case TlsSession::Step::ended:
        ended_ = true;
        if (begin_ == end_) release_buffer();
        co_return false;
      case TlsSession::Step::want_read:
        wait_for = Wait::wait_read;
        break;
      case TlsSession::Step::want_write:
        wait_for = Wait::wait_write;
        break;
    }
    wait_first = true;
  }
}

Result<std::size_t> SocketStream::try_write(std::span<const std::string_view> pieces, std::size_t offset) {
  const auto size = total(pieces);
  iovec vector[kPiecesACall];
  while (offset < size) {
    const auto count = gather(pieces, offset, vector);
    if (!tls_) {
      msghdr message{};
      message.msg_iov = vector;
      message.msg_iovlen = count;
      const auto sent = ::sendmsg(descriptor_.native_handle(), &message, MSG_NOSIGNAL);
      if (sent >= 0) {
        offset += static_cast<std::size_t>(sent);
      } else if (errno == EAGAIN) {
        break;
      } else if (errno != EINTR) {
        return lost("write", errno);
      }
      continue;
    }
    std::string_view record(static_cast<const char*>(vector[0].iov_base), vector[0].iov_len);
    Buffer joined;
    if (count > 1 && record.size() < kRecord) {
      // Several pieces share a record.
      joined = home_.buffers().take(kRecord);
      std::size_t filled = 0;
      for (const auto& piece : std::span(vector, count)) {
        const auto part = std::min(piece.iov_len, kRecord - filled);
        std::memcpy(joined.data.get() + filled, piece.iov_base, part);
        filled += part;
      }
      record = {joined.data.get(), filled};
    }
    const auto moved = tls_->write(record.substr(0, kRecord));
    if (joined.size > 0) home_.buffers().give_back(std::move(joined));
    if (!moved) return pass(moved);
    if (moved->step != TlsSession::Step::done) {
      tls_write_blocked_on_ = moved->step;
      break;
    }
    offset += moved->count;
  }
  return offset;
}

Async<Result<void>> SocketStream::wait_readable(SteadyTime deadline) {
  begin_wait(read_deadline_, deadline);
  boost::system::error_code cancelled;
  co_await descriptor_.async_wait(Wait::wait_read, asio::redirect_error(use_async, cancelled));
  read_deadline_ = kNever;
  if (std::exchange(read_timed_out_, false)) co_return timed_out();
  co_return Result<void>();
}

Async<Result<void>> SocketStream::wait_writable(SteadyTime deadline) {
  begin_wait(write_deadline_, deadline);
  boost::system::error_code cancelled;
  co_await descriptor_.async_wait(
      tls_ && tls_write_blocked_on_ == TlsSession::Step::want_read ? Wait::wait_read : Wait::wait_write,
      asio::redirect_error(use_async, cancelled));
  write_deadline_ = kNever;
  if (std::exchange(write_timed_out_, false)) co_return timed_out();
  co_return may_write();
}

Async<Result<void>> SocketStream::write_all(std::span<const std::string_view> pieces, std::size_t offset) {
  const auto size = total(pieces);
  auto deadline = after(timeout_);
  auto renew_at = offset + kProgress;
  while (offset < size) {
    if (auto waited = co_await wait_writable(deadline); !waited) co_return waited;
    const auto sent = try_write(pieces, offset);
    if (!sent) co_return pass(sent);
    offset = *sent;
    if (offset >= renew_at) {
      deadline = after(timeout_);
      renew_at = offset + kProgress;
    }
  }
  co_return Result<void>();
}

Async<Result<void>> SocketStream::write(std::string_view octets) {
  if (auto may = may_write(); !may) co_return may;
  answered_ = std::exchange(unanswered_, 0);
  const std::string_view pieces[] = {octets};
  const auto sent = try_write(pieces, 0);
  if (!sent) co_return pass(sent);
  if (turns_.step(*sent)) co_await give_way();
  if (*sent == octets.size()) co_return Result<void>();
  co_return co_await write_all(pieces, *sent);
}

Async<Result<void>> SocketStream::write_pieces(std::span<const std::string_view> pieces) {
  if (auto may = may_write(); !may) co_return may;
  answered_ = std::exchange(unanswered_, 0);
  const auto sent = try_write(pieces, 0);
  if (!sent) co_return pass(sent);
  if (turns_.step(*sent)) co_await give_way();
  if (*sent == total(pieces)) co_return Result<void>();
  co_return co_await write_all(pieces, *sent);
}

Async<Result<void>> SocketStream::shake_hands(Result<std::unique_ptr<TlsSession>> session) {
  if (auto may = may_read(); !may) co_return may;
  if (tls_) co_return fail(ErrorKind::state, "TLS is already active");
  if (!session) co_return pass(session);
  release_buffer();
  const auto deadline = after(timeout_);
  while (true) {
    const auto step = (*session)->handshake();
    if (!step) co_return pass(step);
    if (*step == TlsSession::Step::done) break;
    const auto waited = *step == TlsSession::Step::want_write ? co_await wait_writable(deadline)  //
                                                              : co_await wait_readable(deadline);
    if (!waited) co_return waited;
    if (auto may = may_read(); !may) co_return may;
  }
  tls_ = std::move(*session);
  tls_info_ = std::make_unique<TlsInfo>(tls_->info());
  likely_more_ = false;
  co_return Result<void>();
}

Async<Result<void>> SocketStream::start_tls(std::shared_ptr<const TlsContext> context) {
  co_return co_await shake_hands(TlsSession::server(std::move(context), descriptor_.native_handle()));
}

Async<Result<void>> SocketStream::start_tls_client(std::shared_ptr<const TlsClientContext> context,
                                                   std::string peer_name) {
  co_return co_await shake_hands(TlsSession::client(std::move(context), peer_name, descriptor_.native_handle()));
}

/// Reads and forgets what the peer still sends: to close a socket with unread input would reset the connection, and so
/// would what arrives later; the peer might lose our last reply (RFC 9112 §9.6). Ends at the peer's end, or soon.
Async<void> SocketStream::linger() {
  auto scratch = home_.buffers().take(kRecord);
  const auto deadline = after(kLinger);
  std::size_t seen = 0;
  while (!stopped_ && seen < kMostLingering) {
    const auto got = ::recv(descriptor_.native_handle(), scratch.data.get(), scratch.size, 0);
    if (got > 0) seen += static_cast<std::size_t>(got);
    if (got == 0 || (got < 0 && errno != EAGAIN)) break;
    if (got > 0) continue;
    // A peer that had spoken shortly and is silent has nothing on its way that could harm the reply.
    if (seen == 0 && answered_ + unanswered_ < kLongRun) break;
    if (const auto waited = co_await wait_readable(deadline); !waited) break;
  }
  home_.buffers().give_back(std::move(scratch));
}

Async<void> SocketStream::close() {
  if (std::exchange(closed_, true)) co_return;
  release_buffer();
  if (tls_) tls_->say_goodbye();
  ::shutdown(descriptor_.native_handle(), SHUT_WR);
  if (!ended_) co_await linger();
  tls_.reset();
  boost::system::error_code ignored;
  descriptor_.close(ignored);
}

Async<Result<std::unique_ptr<Stream>>> connect(Endpoint to, std::chrono::milliseconds timeout) {
  const auto home = co_await asio::this_coro::executor;
  const auto address = SocketAddress::of(to);
  if (!address) co_return pass(address);
  FileDescriptor socket(::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) co_return fail_errno("socket for", to.text(), errno);
  const int number = socket.get();
  if (::connect(number, address->get(), address->size()) != 0 && errno != EINPROGRESS) {
    co_return lost("connect to " + to.text(), errno);
  }
  set_tcp_options(number, to);
  auto stream = std::make_unique<SocketStream>(home, std::move(socket), to, Endpoint());
  if (auto waited = co_await stream->wait_writable(after(timeout)); !waited) co_return pass(waited);
  int error_number = 0;
  socklen_t size = sizeof error_number;
  ::getsockopt(number, SOL_SOCKET, SO_ERROR, &error_number, &size);
  if (error_number != 0) co_return lost("connect to " + to.text(), error_number);
  stream->local_ = SocketAddress::local_of(number).endpoint();
  co_return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace pabal::net
