// MemoryStream: a Stream without a socket, for tests of everything that speaks over one. Its input is a script given at
// the start or fed while it runs; what the server writes is recorded; any operation can be made to fail. Two can be
// joined so that each reads what the other writes.
//
// Input is a row of pieces, as a network delivers it: one fill() brings one piece or part of it, never more. start_tls
// "succeeds" at once; it throws away what the piece then being read still holds, as a real one throws away what was
// injected, and keeps the pieces behind it.
#pragma once
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/stream.hpp"

namespace pabal::net {

/// TLS 1.3 with AES-256 and an exporter of 32 times 'e'.
[[nodiscard]] TlsInfo fake_tls();

/// What a test may choose. The defaults are a stranger at a documentation address whose script ends with end of
/// input.
struct MemoryStreamOptions {
  std::vector<std::string> input = {};  ///< the pieces that the peer sends, without waiting for replies
  bool ends = true;                     ///< end of input behind them; else fill() waits for feed() or end()
  std::size_t piece_limit = SIZE_MAX;   ///< at most so many octets a fill(); 1 for byte by byte
  bool comes_to_who_waits = false;      ///< a piece is not there yet for who only looks: a woken fill() finds none
  Endpoint peer = Endpoint::of(boost::asio::ip::make_address("192.0.2.1"), 40001);
  Endpoint local = Endpoint::of(boost::asio::ip::make_address("192.0.2.25"), 25);
  std::optional<TlsInfo> tls = std::nullopt;  ///< set: encrypted from the start
  TlsInfo tls_after_start = fake_tls();       ///< what tls() says after start_tls
};

class MemoryStream final : public Stream {
 public:
  using Options = MemoryStreamOptions;
  MemoryStream() : MemoryStream(Options{}) {}
  explicit MemoryStream(Options options);
  ~MemoryStream() override;
  MemoryStream(const MemoryStream&) = delete;
  MemoryStream& operator=(const MemoryStream&) = delete;

  /// Two joined ones: what one writes, the other reads, a piece a write. Both live on the same thread. The second is
  /// the first's peer; endpoints are swapped.
  struct Pair;
  [[nodiscard]] static Pair make_pair(Options first = Options());

  // The test's side. All from the home thread.
  void feed(std::string octets);  ///< one more piece
  void end();                     ///< the peer ends its side
  /// All that was written so far.
  [[nodiscard]] const std::string& written() const noexcept { return written_; }
  /// The same, and forgets it.
  [[nodiscard]] std::string take_written() { return std::exchange(written_, {}); }
  /// The nth operation from now (1 is the next) fails with `kind`, and all after it with `closed`. Operations are fill,
  /// write, write_pieces and start_tls. A failing write records nothing.
  void fail_at(std::size_t nth, ErrorKind kind) noexcept;
  /// The peer reads so many more octets of what is written: the write that reaches the last of them delivers up to it
  /// and fails with `kind`, and so does every later one. 0: the next write fails at once. What the peer has said can
  /// still be read; who then waits for more is told at once that its time is over.
  void fail_writes_after(std::size_t octets, ErrorKind kind) noexcept { broken_pipe_ = {.room = octets, .kind = kind}; }
  /// The handshake of start_tls fails so, and what goes on afterwards with `closed`.
  void fail_tls(ErrorKind kind) noexcept { tls_failure_ = kind; }
  [[nodiscard]] std::size_t operations() const noexcept { return operations_; }
  void set_peer(Endpoint peer) { peer_ = std::move(peer); }
  [[nodiscard]] bool is_closed() const noexcept { return closed_; }
  [[nodiscard]] bool is_bulk() const noexcept { return bulk_; }
  [[nodiscard]] std::chrono::milliseconds timeout() const noexcept { return timeout_; }

  // Stream
  [[nodiscard]] std::string_view input() const noexcept override;
  void consume(std::size_t count) noexcept override;
  [[nodiscard]] Async<Result<bool>> fill() override;
  void expect_bulk(bool bulk) noexcept override { bulk_ = bulk; }
  [[nodiscard]] Async<Result<void>> write(std::string_view octets) override;
  [[nodiscard]] Async<Result<void>> write_pieces(std::span<const std::string_view> pieces) override;
  void set_timeout(std::chrono::milliseconds timeout) noexcept override { timeout_ = timeout; }
  [[nodiscard]] Async<Result<void>> start_tls(std::shared_ptr<const TlsContext> context) override;
  [[nodiscard]] Async<Result<void>> start_tls_client(std::shared_ptr<const TlsClientContext> context,
                                                     std::string peer_name) override;
  [[nodiscard]] const TlsInfo* tls() const noexcept override { return tls_ ? &*tls_ : nullptr; }
  [[nodiscard]] const Endpoint& peer() const noexcept override { return peer_; }
  [[nodiscard]] const Endpoint& local() const noexcept override { return local_; }
  [[nodiscard]] bool is_loopback() const noexcept override { return peer_.is_loopback(); }
  void interrupt() noexcept override;
  void wake() noexcept override;
  [[nodiscard]] bool interrupted() const noexcept override { return interrupted_; }
  [[nodiscard]] bool peer_has_left() const noexcept override;
  [[nodiscard]] Async<void> close() override;

 private:
  /// One direction of octets on their way.
  struct Pipe;

  [[nodiscard]] Result<void> begin_operation();
  [[nodiscard]] Result<void> deliver(std::string_view octets);
  [[nodiscard]] Result<void> play_tls();

  std::shared_ptr<Pipe> incoming_;
  std::shared_ptr<Pipe> outgoing_;  ///< null where nobody reads but the test
  std::string buffer_;
  std::size_t consumed_ = 0;
  std::string written_;
  std::size_t piece_limit_;
  std::size_t operations_ = 0;
  std::size_t fail_at_ = 0;
  ErrorKind fail_kind_ = ErrorKind::closed;
  struct BrokenPipe {
    std::size_t room;
    ErrorKind kind;
  };
  std::optional<BrokenPipe> broken_pipe_;
  std::optional<ErrorKind> tls_failure_;
  std::chrono::milliseconds timeout_ = std::chrono::minutes(5);
  Endpoint peer_;
  Endpoint local_;
  std::optional<TlsInfo> tls_;
  TlsInfo tls_after_start_;
  bool piece_begun_ = false;  ///< part of the first piece on its way was read
  bool bulk_ = false;
  bool interrupted_ = false;
  bool woken_ = false;
  bool comes_to_who_waits_;
  bool closed_ = false;
};

struct MemoryStream::Pair {
  std::unique_ptr<MemoryStream> first;
  std::unique_ptr<MemoryStream> second;
};

}  // namespace pabal::net
