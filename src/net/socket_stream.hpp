// SocketStream: a Stream over a TCP or Unix socket, plain or TLS. It tries the system call first where it is likely to
// succeed and waits (by Asio) only where that would block; all deadlines of a thread hang on one timer (home.hpp).
#pragma once
#include <cstdint>
#include <memory>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "net/give_way.hpp"
#include "net/home.hpp"
#include "net/listener.hpp"
#include "net/stream.hpp"
#include "net/tls_session.hpp"

namespace pabal::net {

class SocketStream final : public Stream, private Waiter {
 public:
  /// `socket` is connected and not blocking. `server`: whose orderly stop reaches it (Home::enlist), or null.
  SocketStream(const Executor& home, FileDescriptor socket, Endpoint peer, Endpoint local,
               const void* server = nullptr);
  ~SocketStream() override;
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

  /// The client and the address it came to, as a believed PROXY header tells them.
  void set_proxied(Endpoint peer, Endpoint local);
  /// Input that is there already, at most 16 KiB; before the first fill.
  void put_back(std::string_view octets);
  /// Sends what the socket takes at once and forgets the rest, for words of refusal. Whether it took all.
  bool try_send(std::string_view octets) noexcept;
  /// Up to `most` octets that have arrived on the socket, which stay there; none where the peer has ended its side.
  /// Only before anything was filled or TLS began. Errors as of fill().
  [[nodiscard]] Async<Result<std::string>> peek(std::size_t most);
  /// Takes octets away that peek() has shown.
  [[nodiscard]] Result<void> drop(std::size_t count);

  [[nodiscard]] std::string_view input() const noexcept override {
    return {buffer_.data.get() + begin_, end_ - begin_};
  }
  void consume(std::size_t count) noexcept override;
  [[nodiscard]] Async<Result<bool>> fill() override;
  void expect_bulk(bool bulk) noexcept override;
  [[nodiscard]] Async<Result<void>> write(std::string_view octets) override;
  [[nodiscard]] Async<Result<void>> write_pieces(std::span<const std::string_view> pieces) override;
  void set_timeout(std::chrono::milliseconds timeout) noexcept override { timeout_ = timeout; }
  [[nodiscard]] Async<Result<void>> start_tls(std::shared_ptr<const TlsContext> context) override;
  [[nodiscard]] Async<Result<void>> start_tls_client(std::shared_ptr<const TlsClientContext> context,
                                                     std::string peer_name) override;
  [[nodiscard]] const TlsInfo* tls() const noexcept override { return tls_info_.get(); }
  [[nodiscard]] const Endpoint& peer() const noexcept override { return peer_; }
  [[nodiscard]] const Endpoint& local() const noexcept override { return local_; }
  [[nodiscard]] bool is_loopback() const noexcept override { return socket_is_loopback_ && peer_.is_loopback(); }
  void interrupt() noexcept override;
  void wake() noexcept override;
  [[nodiscard]] bool interrupted() const noexcept override { return interrupted_; }
  [[nodiscard]] bool peer_has_left() const noexcept override;
  [[nodiscard]] Async<void> close() override;

 private:
  friend Async<Result<std::unique_ptr<Stream>>> connect(Endpoint to, std::chrono::milliseconds timeout);
  using Descriptor = asio::posix::basic_stream_descriptor<Executor>;
  using Wait = asio::posix::descriptor_base::wait_type;
  /// What a try at the socket gave.
  struct Got {
    TlsSession::Step step;
    std::size_t count = 0;
  };

  // Waiter
  [[nodiscard]] SteadyTime deadline() const noexcept override { return std::min(read_deadline_, write_deadline_); }
  void deadline_passed(SteadyTime now) noexcept override;
  void stop_gently() noexcept override { interrupt(); }
  void stop_hard() noexcept override;

  /// Why no more can be read, if that is so.
  [[nodiscard]] Result<void> may_read() const;
  [[nodiscard]] Result<void> may_write() const;
  void begin_wait(SteadyTime& which, SteadyTime deadline);
  /// Room for more input, where there is any unread it may move.
  void make_room();
  void release_buffer() noexcept;
  [[nodiscard]] Result<Got> try_read(std::span<char> room);
  [[nodiscard]] Result<std::size_t> try_write(std::span<const std::string_view> pieces, std::size_t offset);
  [[nodiscard]] Async<Result<void>> wait_readable(SteadyTime deadline);
  [[nodiscard]] Async<Result<void>> wait_writable(SteadyTime deadline);
  [[nodiscard]] Async<void> linger();
  [[nodiscard]] Async<Result<void>> write_all(std::span<const std::string_view> pieces, std::size_t offset);
  [[nodiscard]] Async<Result<void>> shake_hands(Result<std::unique_ptr<TlsSession>> session);

  /// Octets that are read or written in one turn.
  static constexpr std::size_t kOctetsATurn = 256UL << 10;

  mutable Descriptor descriptor_;  ///< Asio has no const way to its number
  Home& home_;
  std::unique_ptr<TlsSession> tls_;
  std::unique_ptr<TlsInfo> tls_info_;
  Buffer buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t next_size_ = BufferPool::kSizes.front();  ///< of the buffer to take; grows while bulk reads fill it
  SteadyTime read_deadline_ = kNever;                   ///< of a wait under way
  SteadyTime write_deadline_ = kNever;
  std::chrono::milliseconds timeout_ = std::chrono::minutes(5);
  Endpoint peer_;
  Endpoint local_;
  std::size_t unanswered_ = 0;  ///< octets that came since the last write
  std::size_t answered_ = 0;    ///< and between that and the one before it
  Turns turns_{kOctetsATurn};
  TlsSession::Step tls_write_blocked_on_ = TlsSession::Step::want_write;
  bool socket_is_loopback_;
  bool bulk_ = false;
  bool likely_more_ = false;  ///< the last read filled its room
  bool read_timed_out_ = false;
  bool write_timed_out_ = false;
  bool interrupted_ = false;
  bool woken_ = false;    ///< and no fill() has said so yet
  bool stopped_ = false;  ///< hard: every call fails
  bool ended_ = false;    ///< the peer has ended its side
  bool closed_ = false;
};

/// A TCP or Unix connection to `to`. Errors: timeout, closed (refused, unreachable), io.
[[nodiscard]] Async<Result<std::unique_ptr<Stream>>> connect(Endpoint to, std::chrono::milliseconds timeout);

}  // namespace pabal::net
