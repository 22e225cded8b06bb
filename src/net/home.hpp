// Home: what the streams of one thread share: pooled input buffers, one timer for all their deadlines, and the list of
// those that a server serves, for its orderly stop. One for each io_context, made when first asked for. Home thread
// only.
#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include "base/async.hpp"
#include "base/clock.hpp"

namespace pabal::net {

/// One timer type for all of net: without type-erased executors.
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

inline constexpr SteadyTime kNever = SteadyTime::max();

/// Octets of one of three sizes; from the pool and back to it.
struct Buffer {
  std::unique_ptr<char[]> data;
  std::size_t size = 0;
};

class BufferPool {
 public:
  static constexpr std::array<std::size_t, 3> kSizes = {16UL << 10, 64UL << 10, 256UL << 10};
  /// The smallest that holds `size` octets; the biggest if none does.
  [[nodiscard]] Buffer take(std::size_t size);
  void give_back(Buffer buffer) noexcept;

 private:
  // Beyond these, buffers go back to the system: 1, 1 and 2 MiB a thread.
  static constexpr std::array<std::size_t, 3> kMostKept = {64, 16, 8};
  std::array<std::vector<std::unique_ptr<char[]>>, 3> free_;
};

/// What may wait with a deadline. A deadline that moves later costs nothing: the entry stays where it is in the queue,
/// and is looked at anew when its old time comes.
class Waiter : public boost::intrusive::set_base_hook<>, public boost::intrusive::list_base_hook<> {
 public:
  virtual ~Waiter() = default;
  /// The nearest deadline, or kNever.
  [[nodiscard]] virtual SteadyTime deadline() const noexcept = 0;
  /// Called at or after the time that deadline() named.
  virtual void deadline_passed(SteadyTime now) noexcept = 0;
  /// For the orderly stop, gentle and then hard.
  virtual void stop_gently() noexcept = 0;
  virtual void stop_hard() noexcept = 0;

 private:
  friend class Home;
  SteadyTime looked_at_ = kNever;  ///< when it comes up in the queue
  const void* server_ = nullptr;
};

class Home final : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;
  explicit Home(asio::io_context& io);
  [[nodiscard]] static Home& of(const Executor& executor) { return asio::use_service<Home>(executor.context()); }

  [[nodiscard]] BufferPool& buffers() noexcept { return buffers_; }

  /// The waiter's deadline is now nearer than it may have been. It must be dropped before it dies.
  void watch(Waiter& waiter);
  void drop(Waiter& waiter) noexcept;

  /// The waiter is a connection that `server` serves, until it is dropped.
  void enlist(Waiter& waiter, const void* server);
  void stop_gently(const void* server) noexcept;
  void stop_hard(const void* server) noexcept;

 private:
  struct ByTime {
    bool operator()(const Waiter& a, const Waiter& b) const noexcept { return a.looked_at_ < b.looked_at_; }
  };
  using Queue = boost::intrusive::multiset<Waiter, boost::intrusive::base_hook<boost::intrusive::set_base_hook<>>,
                                           boost::intrusive::compare<ByTime>>;
  using Served = boost::intrusive::list<Waiter, boost::intrusive::base_hook<boost::intrusive::list_base_hook<>>>;

  void shutdown() override {}
  void arm();
  void look(SteadyTime now) noexcept;

  Timer timer_;
  SteadyTime armed_ = kNever;
  Queue queue_;
  Served served_;
  BufferPool buffers_;
};

}  // namespace pabal::net
