#include "mailauth/letter_resolver.hpp"

#include <algorithm>
#include <utility>

namespace pabal::mailauth {
namespace {

dns::Answer no_answer(dns::Name name, dns::Status status, std::string why) {
  dns::Answer answer;
  answer.status = status;
  answer.name = std::move(name);
  answer.why = std::move(why);
  return answer;
}

}  // namespace

LetterResolver::LetterResolver(dns::Resolver& next, const Executor& home, std::size_t most_questions)
    : home_(home), state_(std::make_shared<State>(State{.next = &next, .most = most_questions, .questions = {}})) {}

LetterResolver::~LetterResolver() { expire(); }

bool LetterResolver::expired() const noexcept { return state_->expired; }
std::size_t LetterResolver::questions() const noexcept { return state_->questions.size(); }

// The question, which is asked now if it is a new one; null where there may be no more.
LetterResolver::Question* LetterResolver::question(const dns::Name& name, dns::Type type) {
  auto& all = state_->questions;
  const auto known = std::ranges::find_if(all, [&](const auto& one) { return one.type == type && one.name == name; });
  if (known != all.end()) return &*known;
  if (state_->expired || all.size() >= state_->most) return nullptr;
  auto* made = &all.emplace_back(Question{.name = name, .type = type, .answer = {}, .waiting = {}});
  asio::co_spawn(home_, ask(state_, made), [state = state_, made](const std::exception_ptr& thrown) {
    if (!thrown) return;
    made->answer = no_answer(made->name, dns::Status::failed, "the look-up broke off");
    answered(*made);
  });
  return made;
}

Async<> LetterResolver::ask(std::shared_ptr<State> state, Question* question) {
  auto answer = co_await state->next->resolve(question->name, question->type);
  question->answer = std::move(answer);
  answered(*question);
}

void LetterResolver::answered(Question& question) {
  for (auto& waiting : std::exchange(question.waiting, {})) waiting(true);
}

Async<dns::Answer> LetterResolver::resolve(dns::Name name, dns::Type type) {
  const auto state = state_;
  auto* const asked = question(name, type);
  if (asked == nullptr && !state->expired) {
    // Not the name servers' word: whoever writes a letter that costs too much must gain nothing by it.
    co_return no_answer(std::move(name), dns::Status::timed_out, "the letter needs more look-ups than one may cost");
  }
  if (asked != nullptr && !asked->answer && !state->expired) {
    co_await await_completion<bool>([asked](Completion<bool> done) { asked->waiting.push_back(std::move(done)); });
  }
  if (asked != nullptr && asked->answer) co_return *asked->answer;
  co_return no_answer(std::move(name), dns::Status::timed_out, "no answer within the time that a letter has");
}

void LetterResolver::ask_ahead(const dns::Name& name, dns::Type type) {
  [[maybe_unused]] const auto* asked = question(name, type);
}

void LetterResolver::expire() {
  if (std::exchange(state_->expired, true)) return;
  for (auto& question : state_->questions) answered(question);
}

}  // namespace pabal::mailauth
