// KeyKeeper: looks after the domains' keys while the server runs: sees new records appear in the DNS, and lets keys
// change places when it is time (admin: dkim update).
#pragma once
#include <chrono>
#include <thread>

#include "admin/service.hpp"
#include "base/log.hpp"

namespace pabal::app {

class KeyKeeper {
 public:
  /// Begins at once, on a thread of its own. The service must outlive it. Its end waits for answers of the DNS that are
  /// on their way.
  KeyKeeper(admin::Service& service, std::chrono::seconds every, const Log& log);

 private:
  std::jthread thread_;
};

}  // namespace pabal::app
