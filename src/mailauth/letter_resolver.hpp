// LetterResolver: the questions of one letter's check. Each is asked once, however many of SPF, DKIM, ARC and DMARC
// want to know; there are only so many; and once the letter's time is over all of them are answered at once: timed out.
#pragma once
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/async.hpp"
#include "dns/resolver.hpp"

namespace pabal::mailauth {

/// From `home` alone. Questions that are under way when it is dropped keep what they need, but for `next`, which must
/// outlive them.
class LetterResolver final : public dns::Resolver {
 public:
  LetterResolver(dns::Resolver& next, const Executor& home, std::size_t most_questions);
  ~LetterResolver() override;
  LetterResolver(const LetterResolver&) = delete;
  LetterResolver& operator=(const LetterResolver&) = delete;

  [[nodiscard]] Async<dns::Answer> resolve(dns::Name name, dns::Type type) override;
  /// Asks, and waits for nothing.
  void ask_ahead(const dns::Name& name, dns::Type type);
  /// Who waits goes on now, and who asks from now on doesn't wait.
  void expire();

  [[nodiscard]] bool expired() const noexcept;
  /// How many questions were asked.
  [[nodiscard]] std::size_t questions() const noexcept;

 private:
  struct Question {
    dns::Name name;
    dns::Type type;
    std::optional<dns::Answer> answer;
    std::vector<Completion<bool>> waiting;
  };
  struct State {
    dns::Resolver* next;
    std::size_t most;
    bool expired = false;
    std::deque<Question> questions;
  };
  [[nodiscard]] Question* question(const dns::Name& name, dns::Type type);
  static Async<> ask(std::shared_ptr<State> state, Question* question);
  static void answered(Question& question);

  Executor home_;
  std::shared_ptr<State> state_;
};

}  // namespace pabal::mailauth
