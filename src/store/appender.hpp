// Appender: the thread ahead of a shard's Writer. It writes and flushes the octets of all who wait as one group, and
// hands the group on for its rows to be written; meanwhile it takes the next. At most one group of rows waits behind
// the one under way, so that groups grow under load.
#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/guarded.hpp"
#include "store/segments.hpp"

namespace pabal::store {

/// Something with records to write, and what happens when they are flushed.
class AppendJob {
 public:
  virtual ~AppendJob() = default;
  std::vector<Append> records;
  /// Shares no group with deliveries, so that what is wrong with it (a record that no segment takes, a full disk) never
  /// fails them.
  bool in_background = false;
};
using AppendGroup = std::vector<std::unique_ptr<AppendJob>>;

class Appender {
 public:
  /// `flushed` gets each group with its outcome, on the appender's thread. For each group that it got it must see to it
  /// that rows_done() is called once.
  using Flushed = std::move_only_function<void(AppendGroup, Result<void>)>;

  Appender(Segments& segments, Flushed flushed);
  ~Appender() { stop(); }
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;

  void submit(std::unique_ptr<AppendJob> job);
  /// A group's rows are committed, or have failed.
  void rows_done();
  /// Finishes what was submitted; nothing is to come after it.
  void stop();

 private:
  struct Queue {
    AppendGroup waiting;
    std::size_t with_writer = 0;  ///< groups handed on whose rows are not done
    bool stopping = false;
  };
  void work();

  static constexpr std::size_t most_with_writer = 1;
  static constexpr std::size_t most_jobs = 256;
  static constexpr std::uint64_t most_octets = 16 << 20;

  Segments* segments_;
  Flushed flushed_;
  Guarded<Queue> queue_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace pabal::store
