// The outcome of SPF for programs (JSON) and for people.
#include <fmt/format.h>

#include "base/text.hpp"
#include "mailauth/spf.hpp"

namespace pabal::mailauth {
namespace {

json::array lookups_json(const std::vector<Lookup>& lookups) {
  json::array array;
  for (const auto& lookup : lookups) array.push_back(to_json(lookup));
  return array;
}

/// What came from strangers, as well-formed UTF-8.
json::string json_text(std::string_view octets) { return json::string(printable(octets, octets.size())); }

json::object to_json(const SpfCheck& check) {
  json::object object{{"domain", json_text(check.domain)},
                      {"result", name_of(check.result)},
                      {"why", json_text(check.why)},
                      {"record", json_text(check.record)},
                      {"lookups", lookups_json(check.lookups)}};
  json::array terms;
  for (const auto& term : check.terms) {
    json::object one{{"term", json_text(term.text)}, {"match", name_of(term.match)}, {"why", json_text(term.why)}};
    if (!term.target.empty()) one["target"] = json_text(term.target);
    if (!term.lookups.empty()) one["lookups"] = lookups_json(term.lookups);
    if (!term.check.empty()) one["check"] = to_json(term.check.front());
    terms.push_back(std::move(one));
  }
  object["terms"] = std::move(terms);
  if (check.untold > 0) object["further_terms"] = check.untold;
  return object;
}

class Teacher {
 public:
  void show(const SpfCheck& check, std::size_t depth) {
    for (const auto& lookup : check.lookups) line(depth, fmt::format("DNS  {}", text_of(lookup)));
    if (check.record.empty()) {
      line(depth, check.why);
      return;
    }
    line(depth, fmt::format("The record of {}: {}", printable(check.domain), printable(check.record, 2000)));
    for (const auto& term : check.terms) show(term, depth);
    if (check.untold > 0) line(depth, fmt::format("… and {} further terms", check.untold));
    if (check.terms.empty() || check.result == SpfResult::permerror || check.result == SpfResult::temperror) {
      line(depth, fmt::format("This record comes to {}: {}", name_of(check.result), check.why));
    }
  }
  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  void show(const SpfTerm& term, std::size_t depth) {
    const auto said = printable(term.text, 200);
    switch (term.match) {
      case SpfMatch::not_reached:
        line(depth + 1, fmt::format("{:<28} not reached", said));
        return;
      case SpfMatch::modifier:
        line(depth + 1,
             term.why.empty() ? fmt::format("{:<28} not used", said) : fmt::format("{:<28} {}", said, term.why));
        break;
      case SpfMatch::no:
        line(depth + 1, fmt::format("{:<28} no match: {}", said, term.why));
        break;
      case SpfMatch::yes:
        line(depth + 1, fmt::format("{:<28} matches: {}", said, term.why));
        break;
      case SpfMatch::failed:
        line(depth + 1, fmt::format("{:<28} ends the evaluation: {}", said, term.why));
        break;
    }
    for (const auto& lookup : term.lookups) line(depth + 2, fmt::format("DNS  {}", text_of(lookup)));
    for (const auto& check : term.check) show(check, depth + 2);
  }
  void line(std::size_t depth, std::string_view text) {
    out_.append(depth * 2, ' ').append(text);
    out_ += '\n';
  }

  std::string out_;
};

std::string_view meaning(SpfResult result) {
  switch (result) {
    case SpfResult::none:
      return "the domain says nothing about who may send for it";
    case SpfResult::neutral:
      return "the domain says that it says nothing about this client";
    case SpfResult::pass:
      return "the domain lets this client send for it";
    case SpfResult::fail:
      return "the domain says that this client may not send for it";
    case SpfResult::softfail:
      return "the domain says that this client probably may not send for it";
    case SpfResult::temperror:
      return "the DNS couldn't tell; later it may";
    case SpfResult::permerror:
      return "the domain's records are wrong, so that they say nothing";
  }
  return "";
}

}  // namespace

json::object to_json(const SpfOutcome& outcome) {
  return {{"result", name_of(outcome.result)},         {"explanation", json_text(outcome.explanation)},
          {"mechanism", json_text(outcome.mechanism)}, {"lookups", outcome.lookups},
          {"void_lookups", outcome.void_lookups},      {"identity", name_of(outcome.identity)},
          {"domain", json_text(outcome.domain)},       {"sender", json_text(outcome.sender)},
          {"problem", json_text(outcome.problem)},     {"evaluation", to_json(outcome.check)}};
}

std::string teach(const SpfOutcome& outcome) {
  Teacher teacher;
  teacher.show(outcome.check, 0);
  auto text = fmt::format("SPF of {} ({})\n\n", printable(outcome.sender),
                          outcome.identity == SpfIdentity::helo ? "the HELO name" : "the MAIL FROM address");
  text += std::move(teacher).take();
  text += fmt::format("\nResult: {} ({}).\n", name_of(outcome.result), meaning(outcome.result));
  if (outcome.mechanism == "default") {
    text += "No term matched.\n";
  } else if (!outcome.mechanism.empty()) {
    text += fmt::format("It was decided by the term {}.\n", printable(outcome.mechanism));
  }
  if (!outcome.problem.empty()) text += fmt::format("Why: {}.\n", outcome.problem);
  if (!outcome.explanation.empty()) text += fmt::format("The domain explains: {}\n", outcome.explanation);
  text += fmt::format("{} of {} terms that ask the DNS, {} of {} without an answer.\n", outcome.lookups,
                      spf_most_lookups, outcome.void_lookups, spf_most_void_lookups);
  return text;
}

}  // namespace pabal::mailauth
