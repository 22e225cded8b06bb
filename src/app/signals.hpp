// Signals as something to wait for: blocked everywhere, taken by the main thread alone.
#pragma once
#include <csignal>

namespace pabal::app {

/// While it lives, SIGTERM, SIGINT and SIGHUP wait until they are taken, in this thread and all that it starts; SIGPIPE
/// is ignored. Make it before the first thread.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// The next one that comes, or came.
  [[nodiscard]] int wait() const;

 private:
  sigset_t waited_{};
  sigset_t before_{};
};

}  // namespace pabal::app
