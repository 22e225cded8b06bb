#include "app/signals.hpp"

namespace pabal::app {

Signals::Signals() {
  sigemptyset(&waited_);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&waited_, number);
  pthread_sigmask(SIG_BLOCK, &waited_, &before_);
  std::signal(SIGPIPE, SIG_IGN);
}

Signals::~Signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int Signals::wait() const {
  int number = 0;
  while (sigwait(&waited_, &number) != 0) {
  }
  return number;
}

}  // namespace pabal::app
