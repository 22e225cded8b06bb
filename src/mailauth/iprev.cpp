#include "mailauth/iprev.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::mailauth {

std::string_view name_of(IprevResult result) noexcept {
  switch (result) {
    case IprevResult::pass:
      return "pass";
    case IprevResult::fail:
      return "fail";
    case IprevResult::temperror:
      return "temperror";
    case IprevResult::permerror:
      return "permerror";
  }
  return "permerror";
}

namespace {

bool leads_to(const dns::Answer& answer, const IpAddress& address) {
  return std::ranges::any_of(answer.records, [&](const dns::Record& record) {
    if (const auto* v4 = std::get_if<dns::A>(&record)) return IpAddress(*v4) == address;
    const auto* v6 = std::get_if<dns::Aaaa>(&record);
    return v6 != nullptr && IpAddress(*v6) == address;
  });
}

}  // namespace

Async<IprevOutcome> check_iprev(dns::Resolver& resolver, IpAddress address) {
  IprevOutcome outcome;
  outcome.address = address;
  const auto reverse = address.reverse_name();
  const auto pointers = co_await resolver.resolve(reverse, dns::Type::ptr);
  outcome.lookups.push_back(lookup_of(reverse, dns::Type::ptr, pointers));
  std::vector<dns::Question> questions;
  const auto type = address.is_v6() ? dns::Type::aaaa : dns::Type::a;
  for (const auto& pointer : pointers.all<dns::Ptr>()) {
    if (questions.size() == iprev_most_names) break;
    if (!pointer.target.is_root()) questions.push_back({.name = pointer.target, .type = type});
  }
  if (!pointers.is_definite()) {
    outcome.result = IprevResult::temperror;
    outcome.reason = fmt::format("the names of {} can't be looked up now", address.text());
    co_return outcome;
  }
  if (questions.empty()) {
    // RFC 8601 §3: without a name there is nothing to compare.
    outcome.result = IprevResult::permerror;
    outcome.reason = fmt::format("{} has no name in the DNS", address.text());
    co_return outcome;
  }
  outcome.name = questions.front().name.text();
  const auto answers = co_await dns::resolve_all(resolver, questions);
  bool unknown = false;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    outcome.lookups.push_back(lookup_of(questions[i].name, type, answers[i]));
    unknown = unknown || !answers[i].is_definite();
    if (outcome.result == IprevResult::pass || !leads_to(answers[i], address)) continue;
    outcome.result = IprevResult::pass;
    outcome.name = questions[i].name.text();
    outcome.reason = fmt::format("{} is called {}, and that name leads back to it", address.text(), outcome.name);
  }
  if (outcome.result == IprevResult::pass) co_return outcome;
  outcome.result = unknown ? IprevResult::temperror : IprevResult::fail;
  outcome.reason = unknown ? fmt::format("not all names of {} can be looked up now", address.text())
                           : fmt::format("no name of {} leads back to it", address.text());
  co_return outcome;
}

json::object to_json(const IprevOutcome& outcome) {
  json::array lookups;
  for (const auto& lookup : outcome.lookups) lookups.push_back(to_json(lookup));
  return {{"result", name_of(outcome.result)},
          {"ip", outcome.address.text()},
          {"name", outcome.name},
          {"reason", outcome.reason},
          {"lookups", std::move(lookups)}};
}

}  // namespace pabal::mailauth
