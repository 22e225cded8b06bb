#include "reports/failure_reports.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/guarded.hpp"
#include "base/text.hpp"
#include "base/worker.hpp"
#include "reports/allowance.hpp"
#include "reports/failure_report.hpp"
#include "reports/outcome_key.hpp"

namespace pabal::reports {
namespace {

constexpr std::size_t kMostPlaces = 2;  ///< of one domain
constexpr std::size_t kMostHeader = std::size_t{256} << 10;
constexpr const char* kFailureName = "pabal_failure_reports_total";
constexpr const char* kFailureHelp = "Reports to domains' owners of single letters, by what became of them.";

std::string random_key(Random& random) {
  std::string key;
  for (int i = 0; i < 32; ++i) key += static_cast<char>(random.below(256));
  return key;
}

}  // namespace

struct FailureReports::State {
  State(Executor where, FailureServices given, const Log& lines, FailureOptions first)
      : worker(where),
        services(std::move(given)),
        log(lines),
        redaction{.key = random_key(*services.random)},
        options(std::move(first)),
        sent(services.metrics->counter(kFailureName, kFailureHelp, {{"result", "sent"}})),
        left(services.metrics->counter(kFailureName, kFailureHelp, {{"result", "left"}})) {}

  Worker worker;
  FailureServices services;
  Log log;
  const Redaction redaction;
  Guarded<FailureOptions> options;
  Guarded<std::deque<JudgedLetter>> waiting;
  Allowance told;
  Counter sent;
  Counter left;
};

FailureReports::FailureReports(Executor home, FailureServices services, const Log& log, FailureOptions options)
    : state_(std::make_shared<State>(home, std::move(services), log, std::move(options))) {}
FailureReports::~FailureReports() = default;

bool FailureReports::wants_header(const JudgedLetter& letter) const noexcept {
  try {
    auto options = state_->options.lock();
    if (!options->send || letter.envelope_from.empty() || !failure_to_tell(letter)) return false;
    return std::ranges::none_of(letter.recipients, [&](const std::string& to) {
      return std::ranges::any_of(options->report_addresses,
                                 [&](const std::string& own) { return equal_ignoring_case(own, to); });
    });
  } catch (...) {
    return false;  // no memory: nothing depends on it
  }
}

void FailureReports::note(JudgedLetter letter) noexcept {
  try {
    if (!letter.header.empty() && letter.header.size() <= kMostHeader && !is_from_machine(letter.header)) {
      const auto [of_domain, of_source, a_day, most_waiting] = [&] {
        auto options = state_->options.lock();
        return std::tuple(options->of_domain_a_day, options->of_source_a_day, options->a_day, options->most_waiting);
      }();
      // The day of now, as everywhere that asks the Allowance: another's day would begin all counts anew.
      const auto day = day_of(state_->services.clock->now());
      const auto domain = to_lower(letter.policy.domain);
      const bool may = state_->told.take(day, fmt::format("from {} {}", domain, letter.source_ip), of_source) &&
                       state_->told.take(day, "of " + domain, of_domain) && state_->told.take(day, "all", a_day);
      auto waiting = state_->waiting.lock();
      if (may && waiting->size() < most_waiting) {
        waiting->push_back(letter);
        asio::post(state_->worker.home(), [state = state_] { state->worker.wake(); });
      } else {
        state_->left.add();
      }
    }
    letter.header.clear();
  } catch (...) {
    state_->left.add();  // no memory: what is counted is counted below
  }
  state_->services.next->note(std::move(letter));
}

Async<> FailureReports::work(std::shared_ptr<State> state) {
  while (!state->worker.stopping()) {
    std::optional<JudgedLetter> next;
    {
      auto waiting = state->waiting.lock();
      if (!waiting->empty()) {
        next = std::move(waiting->front());
        waiting->pop_front();
      }
    }
    if (!next) {
      co_await state->worker.wait(std::chrono::hours(1));
      continue;
    }
    const auto domain = next->policy.domain;
    std::string words;
    try {
      words = co_await tell(state, *std::move(next));
    } catch (...) {
      words = thrown_text(std::current_exception());
    }
    state->log.info("failure_report", {{"domain", domain}, {"words", printable(words, 1000)}});
  }
}

Async<std::string> FailureReports::tell(std::shared_ptr<State> state, JudgedLetter letter) {
  auto places = parse_report_uris(letter.policy.ruf);
  std::erase_if(places, [](const ReportUri& place) { return place.kind != ReportUri::Kind::mailto; });
  if (places.empty()) co_return "the policy's ruf names no address";
  if (places.size() > kMostPlaces) places.erase(places.begin() + kMostPlaces, places.end());
  std::string words;
  for (auto& place : places) {
    const auto said = co_await tell_place(state, &letter, std::move(place));
    words += (words.empty() ? "" : "; ") + said;
  }
  co_return words;
}

Async<std::string> FailureReports::tell_place(std::shared_ptr<State> state, const JudgedLetter* letter,
                                              ReportUri place) {
  const auto& services = state->services;
  const auto domain = Domain::parse(letter->policy.domain);
  const auto failure = failure_to_tell(*letter);
  if (!domain || !failure) co_return "nothing to tell";
  const auto owner = owner_of(services.suffixes, place.host);
  if (place.host != letter->policy.domain) {
    if (services.suffixes == nullptr) {
      co_return place.text + ": without the Public Suffix List nobody knows whose it is";
    }
    const auto consent = co_await consent_of(*services.resolver, *services.suffixes, *domain, place);
    if (consent.answer == Consent::Answer::refused || consent.answer == Consent::Answer::unknown) {
      co_return fmt::format("{}: {}", place.text, consent.why);
    }
  }
  const auto now = services.clock->now();
  if (owner != owner_of(services.suffixes, letter->policy.domain)) {
    const auto most = state->options.lock()->to_place_a_day;
    const auto day = day_of(now);
    if (!state->told.take(day, "to " + to_lower(place.address->text()), most) ||
        !state->told.take(day, "in " + owner, most)) {
      co_return place.text + ": so many reports of other domains went there today that this one doesn't";
    }
  }
  const auto reporter = co_await services.reporter();
  if (!reporter) co_return reporter.error().log;
  const ReportLetter to{.report_domain = letter->policy.domain, .report_id = {}, .to = *place.address, .now = now};
  const auto text = write_failure_letter(*reporter, *letter, *failure, to, state->redaction, *services.random);
  if (!text) co_return text.error().log;
  if (place.at_most && text->size() > *place.at_most) {
    co_return fmt::format("{}: the report has {} octets", place.text, text->size());
  }
  const auto posted = co_await services.post(*place.address, *text);
  if (!posted) co_return fmt::format("{}: {}", place.text, posted.error().log);
  state->sent.add();
  co_return "mailed to " + place.address->text();
}

void FailureReports::start() {
  state_->worker.start(
      state_, [state = state_] { return work(state); },
      [state = state_.get()](const std::exception_ptr& thrown) {
        if (thrown) state->log.error("failure_report_worker_ended", {{"why", thrown_text(thrown)}});
      });
}

void FailureReports::stop(std::move_only_function<void()> stopped) { state_->worker.stop(state_, std::move(stopped)); }

void FailureReports::change(FailureOptions options) { *state_->options.lock() = std::move(options); }

}  // namespace pabal::reports
