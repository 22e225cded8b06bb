#include "app/dns_desk.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>

namespace pabal::app {

struct DnsDesk::State {
  std::mutex mutex;
  std::condition_variable wake;
  bool stopped = false;
};

DnsDesk::DnsDesk(dns::Resolver& resolver, Executor home)
    : state_(std::make_shared<State>()), resolver_(&resolver), home_(std::move(home)) {}

Result<std::vector<dns::Answer>> DnsDesk::ask(std::vector<dns::Question> questions) {
  using Answers = std::vector<dns::Answer>;
  struct Asked {
    std::optional<Result<Answers>> answered;
  };
  const auto asked = std::make_shared<Asked>();
  asio::co_spawn(home_, dns::resolve_all(*resolver_, std::move(questions)),
                 [state = state_, asked](const std::exception_ptr& thrown, Answers answers) {
                   const std::lock_guard lock(state->mutex);
                   if (thrown) {
                     asked->answered = fail_thrown("the DNS", thrown);
                   } else {
                     asked->answered = std::move(answers);
                   }
                   state->wake.notify_all();
                 });
  std::unique_lock lock(state_->mutex);
  state_->wake.wait(lock, [&] { return state_->stopped || asked->answered.has_value(); });
  if (!asked->answered) return fail(ErrorKind::closed, "the server stops");
  return std::move(*asked->answered);
}

void DnsDesk::stop() {
  const std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  state_->wake.notify_all();
}

}  // namespace pabal::app
