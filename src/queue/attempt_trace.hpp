// What an attempt saw, as `pabal trace` shows it: what was looked up, who was asked, every command with its reply and
// time.
#pragma once
#include <string>
#include <vector>

#include "base/json.hpp"
#include "queue/conclusion.hpp"
#include "queue/peer.hpp"
#include "queue/route.hpp"

namespace pabal::queue {

class AttemptTrace {
 public:
  /// A fresh look for a way.
  void begin(SystemTime now);
  void looked_up(const std::vector<std::string>& how);
  void failed(const NextHop& hop, const NoPeer& no);
  void connected(const PeerFacts& facts);
  /// Over a connection that was made for letters to another destination.
  void taken_over(const PeerFacts& facts, const std::string& destination);
  /// The trace of one letter. What came before the connection is told with the first letter on it. `before` is the
  /// trace of an earlier try that this one goes on from.
  [[nodiscard]] std::string of(const store::OutgoingLetter& letter, const std::vector<Ending>& endings,
                               const std::vector<Said>& said, SystemTime now, const std::string& before = {});

 private:
  json::object way_;
  bool told_ = false;
};

}  // namespace pabal::queue
