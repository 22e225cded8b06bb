// DeflateStream: a connection whose two directions are compressed (RFC 4978), over the connection itself. While nothing
// comes for some seconds it holds no more than what its peer may still refer to.
#pragma once
#include <chrono>
#include <string>

#include "net/deflate.hpp"
#include "net/give_way.hpp"
#include "net/stream.hpp"

namespace pabal::net {

class DeflateStream final : public Stream {
 public:
  /// `inner` must outlive it. What stands in its input() already is compressed.
  explicit DeflateStream(Stream& inner) : inner_(&inner) {}

  [[nodiscard]] std::string_view input() const noexcept override { return std::string_view(input_).substr(consumed_); }
  void consume(std::size_t count) noexcept override;
  /// As Stream::fill(), 16 KiB at most a call, so that no octet from the peer can become more than that at once. Kind
  /// `closed` too where what comes is not compressed.
  [[nodiscard]] Async<Result<bool>> fill() override;
  void expect_bulk(bool bulk) noexcept override { inner_->expect_bulk(bulk); }

  /// The peer can read all of it when it has come.
  [[nodiscard]] Async<Result<void>> write(std::string_view octets) override;
  [[nodiscard]] Async<Result<void>> write_pieces(std::span<const std::string_view> pieces) override;

  void set_timeout(std::chrono::milliseconds timeout) noexcept override { timeout_ = timeout; }
  /// `state`: TLS comes before compression (RFC 4978 §3).
  [[nodiscard]] Async<Result<void>> start_tls(std::shared_ptr<const TlsContext> context) override;
  [[nodiscard]] Async<Result<void>> start_tls_client(std::shared_ptr<const TlsClientContext> context,
                                                     std::string peer_name) override;
  [[nodiscard]] const TlsInfo* tls() const noexcept override { return inner_->tls(); }
  [[nodiscard]] const Endpoint& peer() const noexcept override { return inner_->peer(); }
  [[nodiscard]] const Endpoint& local() const noexcept override { return inner_->local(); }
  [[nodiscard]] bool is_loopback() const noexcept override { return inner_->is_loopback(); }
  void interrupt() noexcept override { inner_->interrupt(); }
  void wake() noexcept override { inner_->wake(); }
  [[nodiscard]] bool interrupted() const noexcept override { return inner_->interrupted(); }
  [[nodiscard]] bool peer_has_left() const noexcept override { return inner_->peer_has_left(); }
  [[nodiscard]] Async<void> close() override { return inner_->close(); }

  /// Whether it holds no state but the peer's history.
  [[nodiscard]] bool resting() const noexcept { return deflater_.resting() && inflater_.resting(); }

 private:
  /// What of inner's input is to be had without waiting. True: there is more input now.
  [[nodiscard]] Result<bool> inflate_some();
  [[nodiscard]] Async<Result<bool>> fill_inner();

  /// Octets inflated, or deflated, in one turn.
  static constexpr std::size_t kOctetsATurn = 256UL << 10;
  static constexpr std::size_t kPiece = 16UL << 10;
  static constexpr std::size_t kMostInput = 256UL << 10;
  /// Without octets for so long it rests.
  static constexpr std::chrono::milliseconds kRestAfter{5'000};

  Stream* inner_;
  Inflater inflater_;
  Deflater deflater_;
  std::string input_;
  std::size_t consumed_ = 0;
  bool more_ = false;  ///< the inflater may hold octets beyond those that it gave
  std::chrono::milliseconds timeout_ = std::chrono::minutes(5);
  Turns turns_{kOctetsATurn};
};

}  // namespace pabal::net
