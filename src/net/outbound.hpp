// Connections to a host with several addresses (RFC 8305, happy eyeballs): tries begin one after the other, the
// families in turn, and the first that is through wins; an address that does not answer costs a quarter of a second
// instead of its time-out.
#pragma once
#include <chrono>
#include <memory>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "base/async.hpp"
#include "base/error.hpp"
#include "net/endpoint.hpp"
#include "net/stream.hpp"

namespace pabal::net {

/// For an orderly stop: ends the connections that are being made, and those that would be from then on. Home thread.
class OutboundStop {
 public:
  void stop();
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  /// Rings when it is told to.
  void add(Alarm& alarm) { waiting_.push_back(&alarm); }
  void remove(const Alarm& alarm) { std::erase(waiting_, &alarm); }

 private:
  bool stopped_ = false;
  std::vector<Alarm*> waiting_;
};

struct OutboundOptions {
  std::vector<Endpoint> to;  ///< in the order of preference, families mixed as they come; also Unix sockets
  /// To connect from: for each family the first of it, any port. An address whose family has none here is connected to
  /// from wherever the system chooses, but never where `only_from` is set.
  std::vector<boost::asio::ip::address> from = {};
  bool only_from = false;
  std::chrono::milliseconds timeout = std::chrono::seconds(30);        ///< for all tries together
  std::chrono::milliseconds between = std::chrono::milliseconds(250);  ///< RFC 8305 §5: Connection Attempt Delay
  std::shared_ptr<OutboundStop> stop = nullptr;                        ///< may be null
};

struct Outbound {
  struct Failed {
    Endpoint to;
    Error error;
  };
  std::unique_ptr<Stream> stream;  ///< null: all have failed
  Endpoint to;                     ///< where it leads
  std::vector<Failed> failed;      ///< the tries that failed, in the order in which they did
};

/// RFC 8305 §4: the family of the first address and the other in turn, each in its order.
[[nodiscard]] std::vector<Endpoint> interleave(std::vector<Endpoint> addresses);

/// Connects; at home of who calls. Ends within the time-out. Errors of single tries: timeout, closed (refused,
/// unreachable, told to stop), io (the source address can't be had).
[[nodiscard]] Async<Outbound> connect_any(OutboundOptions options);

}  // namespace pabal::net
