// DnsDesk: questions to the DNS from threads that may block (the control socket's, the key keeper's), asked at home of
// the server's threads, so that an orderly stop doesn't wait for answers.
#pragma once
#include <memory>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "dns/resolver.hpp"

namespace pabal::app {

class DnsDesk {
 public:
  /// The resolver and the executor's thread must outlive all questions, also those that nobody waits for any more.
  DnsDesk(dns::Resolver& resolver, Executor home);

  /// All at once, answers in their order. Blocks. Errors: closed, it was stopped. Any thread but home's.
  [[nodiscard]] Result<std::vector<dns::Answer>> ask(std::vector<dns::Question> questions);
  /// Who waits is let go, and nobody is answered any more.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
  dns::Resolver* resolver_;
  Executor home_;
};

}  // namespace pabal::app
