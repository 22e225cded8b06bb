// PeerWire: the octets between us and a peer: commands out, replies in, each with its time-out, and what was said kept
// for the trace.
#pragma once
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "net/stream.hpp"
#include "queue/peer.hpp"
#include "smtp/client_reply.hpp"

namespace pabal::queue {

class PeerWire {
 public:
  /// `said`: what was noted before, with other connections.
  PeerWire(std::unique_ptr<net::Stream> stream, const Clock& clock, std::vector<Said> said = {})
      : stream_(std::move(stream)), clock_(&clock), said_(std::move(said)) {}

  [[nodiscard]] net::Stream& stream() noexcept { return *stream_; }
  [[nodiscard]] const net::Stream& stream() const noexcept { return *stream_; }

  /// The next reply, whole within `timeout` however slowly it trickles. Errors: timeout, closed, syntax, limit.
  [[nodiscard]] Async<Result<smtp::ClientReply>> read(std::chrono::milliseconds timeout);
  /// `timeout` for each 64 KiB.
  [[nodiscard]] Async<Result<void>> write(std::string octets, std::chrono::milliseconds timeout);
  [[nodiscard]] Async<Result<void>> write_pieces(std::string_view first, std::string_view second,
                                                 std::chrono::milliseconds timeout);
  /// Nothing that is read or written from now on takes longer than to this moment, whatever time-out it has.
  void set_deadline(std::chrono::steady_clock::time_point deadline) noexcept { deadline_ = deadline; }
  /// Whether something of the peer has come that nobody has read.
  [[nodiscard]] bool has_input() const noexcept { return !stream_->input().empty(); }
  /// The same, and looks whether more has come by now, without waiting for it.
  [[nodiscard]] Async<bool> look();

  /// Keeps it for the trace, as far as there is room.
  void note(std::string command, std::string reply);
  [[nodiscard]] std::vector<Said> take_said();

 private:
  static constexpr std::size_t kMostKept = 64UL << 10;  ///< octets of what was said
  static constexpr std::size_t kMostOfOne = 2048;

  [[nodiscard]] std::chrono::milliseconds within(std::chrono::milliseconds timeout) const;

  std::unique_ptr<net::Stream> stream_;
  const Clock* clock_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  smtp::ReplyReader reader_;
  std::vector<Said> said_;
  std::size_t kept_ = 0;
};

/// What went wrong with a connection, in the form of a reply: 4.4.2 for what is lost, 4.5.0 for what is no mail server.
[[nodiscard]] smtp::ClientReply reply_for(const Error& error);
/// A reply in our own words; `code` 450 or 550.
[[nodiscard]] smtp::ClientReply own_reply(int code, std::string_view status, std::string_view words);

}  // namespace pabal::queue
