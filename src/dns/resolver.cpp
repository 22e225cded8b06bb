#include "dns/resolver.hpp"

#include <memory>
#include <utility>

#include <fmt/format.h>

namespace pabal::dns {

std::string_view words_of(Status status) noexcept {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::no_data:
      return "no such record";
    case Status::no_name:
      return "no such name";
    case Status::failed:
      return "failed";
    case Status::timed_out:
      return "timed out";
    case Status::bogus:
      return "bogus";
  }
  return "unknown";
}

std::string text_of(const Answer& answer) {
  std::string text(words_of(answer.status));
  if (answer.secure) text += " secure";
  fmt::format_to(std::back_inserter(text), " {} {}s", answer.name.text(), answer.ttl.count());
  if (!answer.why.empty()) fmt::format_to(std::back_inserter(text), " ({})", answer.why);
  for (std::size_t i = 0; i < answer.records.size(); ++i) {
    text += i == 0 ? ": " : ", ";
    text += text_of(answer.records[i]);
  }
  return text;
}

namespace {

/// Owned by those who still look something up alone: it owns who waits for them.
struct Gathering {
  std::vector<Answer> answers;
  std::size_t missing = 0;
  std::exception_ptr thrown;
  Completion<std::expected<std::vector<Answer>, std::exception_ptr>> done;
};

Async<> gather(std::shared_ptr<Gathering> all, Resolver* resolver, Question question, std::size_t index) {
  auto answer = co_await resolver->resolve(std::move(question.name), question.type);
  all->answers[index] = std::move(answer);
}

}  // namespace

Async<std::vector<Answer>> resolve_all(Resolver& resolver, std::vector<Question> questions) {
  using Outcome = std::expected<std::vector<Answer>, std::exception_ptr>;
  if (questions.empty()) co_return std::vector<Answer>();
  const auto home = co_await asio::this_coro::executor;
  auto outcome = co_await await_completion<Outcome>([&resolver, &questions, &home](Completion<Outcome> done) {
    const auto all = std::make_shared<Gathering>();
    all->answers.resize(questions.size());
    all->missing = questions.size();
    all->done = std::move(done);
    for (std::size_t i = 0; i < questions.size(); ++i) {
      asio::co_spawn(home, gather(all, &resolver, std::move(questions[i]), i), [all](const std::exception_ptr& thrown) {
        if (thrown) all->thrown = thrown;
        if (--all->missing > 0) return;
        all->done(all->thrown ? Outcome(std::unexpected(all->thrown)) : Outcome(std::move(all->answers)));
      });
    }
  });
  if (!outcome) std::rethrow_exception(std::move(outcome).error());
  co_return std::move(*outcome);
}

}  // namespace pabal::dns
