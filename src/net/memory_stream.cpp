#include "net/memory_stream.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/redirect_error.hpp>

namespace pabal::net {

namespace {
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
constexpr std::size_t kMostInput = 256UL * 1024;
}  // namespace

struct MemoryStream::Pipe {
  std::deque<std::string> pieces;
  bool ended = false;  ///< the writer has ended
  bool reader_gone = false;
  Timer* waiter = nullptr;  ///< the fill() that waits, if one does

  void wake() {
    if (waiter != nullptr) waiter->cancel();
  }
};

TlsInfo fake_tls() {
  return {.version = "TLSv1.3",
          .cipher = "TLS_AES_256_GCM_SHA384",
          .cipher_bits = 256,
          .server_name = {},
          .alpn = {},
          .resumed = false,
          .exporter = std::string(32, 'e')};
}

MemoryStream::MemoryStream(Options options)
    : incoming_(std::make_shared<Pipe>()),
      piece_limit_(std::max<std::size_t>(options.piece_limit, 1)),
      peer_(std::move(options.peer)),
      local_(std::move(options.local)),
      tls_(std::move(options.tls)),
      tls_after_start_(std::move(options.tls_after_start)),
      comes_to_who_waits_(options.comes_to_who_waits) {
  for (auto& piece : options.input) feed(std::move(piece));
  incoming_->ended = options.ends;
}

MemoryStream::~MemoryStream() {
  incoming_->reader_gone = true;
  if (outgoing_) {
    outgoing_->ended = true;
    outgoing_->wake();
  }
}

MemoryStream::Pair MemoryStream::make_pair(Options first) {
  first.ends = false;
  Options second;
  second.ends = false;
  second.peer = first.local;
  second.local = first.peer;
  second.tls = first.tls;
  second.tls_after_start = first.tls_after_start;
  Pair pair{.first = std::make_unique<MemoryStream>(std::move(first)),
            .second = std::make_unique<MemoryStream>(std::move(second))};
  pair.first->outgoing_ = pair.second->incoming_;
  pair.second->outgoing_ = pair.first->incoming_;
  return pair;
}

void MemoryStream::feed(std::string octets) {
  if (octets.empty()) return;
  incoming_->pieces.push_back(std::move(octets));
  incoming_->wake();
}

void MemoryStream::end() {
  incoming_->ended = true;
  incoming_->wake();
}

void MemoryStream::fail_at(std::size_t nth, ErrorKind kind) noexcept {
  fail_at_ = operations_ + nth;
  fail_kind_ = kind;
}

Result<void> MemoryStream::begin_operation() {
  ++operations_;
  if (closed_) return fail(ErrorKind::closed, "connection closed", "the stream was closed before");
  if (fail_at_ == 0 || operations_ < fail_at_) return {};
  return fail(operations_ == fail_at_ ? fail_kind_ : ErrorKind::closed, "connection failed",
              "failed as the test asked");
}

std::string_view MemoryStream::input() const noexcept { return std::string_view(buffer_).substr(consumed_); }

void MemoryStream::consume(std::size_t count) noexcept {
  consumed_ += std::min(count, buffer_.size() - consumed_);
  if (consumed_ == buffer_.size()) {
    buffer_.clear();
    consumed_ = 0;
  }
}

Async<Result<bool>> MemoryStream::fill() {
  if (auto begun = begin_operation(); !begun) co_return pass(begun);
  if (interrupted_) co_return fail(ErrorKind::closed, "interrupted");
  if (input().size() >= kMostInput) co_return fail(ErrorKind::limit, "too much unread input");
  if (comes_to_who_waits_ && std::exchange(woken_, false)) co_return fail(ErrorKind::timeout, "timeout");
  const auto deadline = std::chrono::steady_clock::now() + timeout_;
  while (incoming_->pieces.empty() && !incoming_->ended) {
    if (std::exchange(woken_, false)) co_return fail(ErrorKind::timeout, "timeout");
    Timer timer(co_await asio::this_coro::executor);
    timer.expires_at(deadline);
    // The pipe forgets the timer also when this coroutine is destroyed while it waits.
    struct Registration {
      std::shared_ptr<Pipe> pipe;
      ~Registration() { pipe->waiter = nullptr; }
    };
    const Registration registration{incoming_};
    incoming_->waiter = &timer;
    boost::system::error_code cancelled;
    co_await timer.async_wait(asio::redirect_error(use_async, cancelled));
    if (interrupted_) co_return fail(ErrorKind::closed, "interrupted");
    if (!cancelled) co_return fail(ErrorKind::timeout, "timeout");
  }
  if (incoming_->pieces.empty()) co_return false;
  buffer_.erase(0, consumed_);
  consumed_ = 0;
  auto& piece = incoming_->pieces.front();
  const auto count = std::min({piece.size(), piece_limit_, kMostInput - buffer_.size()});
  buffer_.append(piece, 0, count);
  piece.erase(0, count);
  piece_begun_ = !piece.empty();
  if (piece.empty()) incoming_->pieces.pop_front();
  co_return true;
}

Result<void> MemoryStream::deliver(std::string_view octets) {
  Result<void> done;
  if (broken_pipe_ && octets.size() >= broken_pipe_->room) {
    octets = octets.substr(0, std::exchange(broken_pipe_->room, 0));
    woken_ = true;
    done = fail(broken_pipe_->kind, "connection failed", "failed while octets were written, as the test asked");
  } else if (broken_pipe_) {
    broken_pipe_->room -= octets.size();
  }
  written_.append(octets);
  if (!outgoing_ || octets.empty()) return done;
  outgoing_->pieces.emplace_back(octets);
  outgoing_->wake();
  return done;
}

Async<Result<void>> MemoryStream::write(std::string_view octets) {
  if (auto begun = begin_operation(); !begun) co_return begun;
  if (outgoing_ && outgoing_->reader_gone) co_return fail(ErrorKind::closed, "the peer is gone");
  co_return deliver(octets);
}

Async<Result<void>> MemoryStream::write_pieces(std::span<const std::string_view> pieces) {
  if (auto begun = begin_operation(); !begun) co_return begun;
  if (outgoing_ && outgoing_->reader_gone) co_return fail(ErrorKind::closed, "the peer is gone");
  std::string all;
  for (const auto piece : pieces) all.append(piece);
  co_return deliver(all);
}

Result<void> MemoryStream::play_tls() {
  if (auto begun = begin_operation(); !begun) return begun;
  if (tls_) return fail(ErrorKind::state, "TLS is already active");
  if (tls_failure_) {
    fail_at(1, ErrorKind::closed);
    return fail(*tls_failure_, "TLS failed", "TLS handshake: failed as the test asked");
  }
  if (piece_begun_) incoming_->pieces.pop_front();
  piece_begun_ = false;
  buffer_.clear();
  consumed_ = 0;
  tls_ = tls_after_start_;
  return {};
}

Async<Result<void>> MemoryStream::start_tls(std::shared_ptr<const TlsContext> /*context*/) { co_return play_tls(); }

Async<Result<void>> MemoryStream::start_tls_client(std::shared_ptr<const TlsClientContext> /*context*/,
                                                   std::string peer_name) {
  auto played = play_tls();
  if (played) tls_->server_name = std::move(peer_name);
  co_return played;
}

bool MemoryStream::peer_has_left() const noexcept { return closed_ || incoming_->ended; }

void MemoryStream::wake() noexcept {
  woken_ = true;
  incoming_->wake();
}

void MemoryStream::interrupt() noexcept {
  interrupted_ = true;
  incoming_->wake();
}

Async<void> MemoryStream::close() {
  closed_ = true;
  incoming_->reader_gone = true;
  if (outgoing_) {
    outgoing_->ended = true;
    outgoing_->wake();
  }
  co_return;
}

}  // namespace pabal::net
