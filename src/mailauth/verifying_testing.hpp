// For tests: keys, letters, and verifying them against records given by name.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dns/record.hpp"
#include "mailauth/dkim_signer.hpp"
#include "mailauth/letter_verifier.hpp"

namespace pabal::mailauth::testing {

inline constexpr SystemTime noon = SystemTime(std::chrono::seconds(1'770'000'000));

/// The TXT records of a world: several of one name are several records; "TEMPERROR" fails.
using Records = std::multimap<std::string, std::string, std::less<>>;

[[nodiscard]] inline dns::Answer answer_of(const Records& records, const dns::Question& question) {
  dns::Answer answer{.status = dns::Status::no_name, .name = question.name};
  const auto [begin, end] = records.equal_range(question.name.text());
  for (auto at = begin; at != end; ++at) {
    if (at->second == "TEMPERROR") return {.status = dns::Status::timed_out, .name = question.name};
    answer.status = dns::Status::ok;
    answer.records.emplace_back(dns::Txt{{at->second}});
  }
  return answer;
}

/// Verifies a letter that arrives in pieces of that many octets.
[[nodiscard]] inline SignatureOutcomes verify(std::string_view letter, const Records& records, SystemTime now = noon,
                                              std::size_t piece = SIZE_MAX, VerifierLimits limits = {}) {
  KeyCache keys;
  LetterVerifier verifier(keys, limits);
  for (auto rest = letter; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) {
    verifier.take(rest.substr(0, piece));
  }
  verifier.end();
  bool done = false;
  while (!done) {
    std::vector<dns::Answer> answers;
    for (const auto& question : verifier.questions()) answers.push_back(answer_of(records, question));
    verifier.take_answers(std::move(answers));
    done = verifier.verify(now);
  }
  return verifier.outcomes();
}

/// "pass example.org", one outcome a line.
[[nodiscard]] inline std::string lines_of(const SignatureOutcomes& outcomes) {
  std::string out;
  for (const auto& outcome : outcomes.dkim) {
    if (!out.empty()) out += '\n';
    out += std::string(name_of(outcome.result)) + " " + outcome.domain;
  }
  return out;
}

}  // namespace pabal::mailauth::testing
