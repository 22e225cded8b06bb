// StsKeeper: MTA-STS policies over the time of one run: read from a file at the start, written there as they change and
// at the end, and fetched anew while they are in use. Without it a restart would forget which domains want TLS
// verified, until each is asked again; and who can keep us from asking would have them in plain text (RFC 8461 §10.2).
#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "base/async.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "queue/mta_sts.hpp"

namespace pabal::app {

struct StsKeeperOptions {
  std::chrono::milliseconds look_every{std::chrono::minutes(1)};  ///< for policies to fetch anew
  /// Where they have changed; less often where it takes long.
  std::chrono::milliseconds write_every{std::chrono::seconds(10)};
  std::size_t refresh_at_once = 50;
};

class StsKeeper {
 public:
  /// Reads the file; where it can't, the log says so, and the policies are fetched again. All must outlive it.
  StsKeeper(queue::StsPolicies& policies, FileSystem& files, std::string path, Pool& pool, const Log& log,
            StsKeeperOptions options = {});
  /// Writes what has changed; not while the threads that it works on run.
  ~StsKeeper();
  StsKeeper(const StsKeeper&) = delete;
  StsKeeper& operator=(const StsKeeper&) = delete;

  /// Begins to look after them at `home`, once; it ends with that.
  void start(const Executor& home);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace pabal::app
