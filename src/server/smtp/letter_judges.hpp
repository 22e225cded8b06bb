// LetterJudges: the real judges: mailauth::LetterCheck with the operator's settings, its outcomes written into header
// fields, counted, and noted for the reports that domains get.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "mailauth/letter_check.hpp"
#include "reports/outcomes.hpp"
#include "server/smtp/judge.hpp"
#include "server/smtp/settings.hpp"

namespace pabal::server::smtp {

class LetterJudges final : public Judges {
 public:
  /// All but `settings`, which are copied, must outlive it and its judges; `outcomes` may be null.
  LetterJudges(const Settings& settings, mailauth::CheckTools tools, const Clock& clock, Random& random,
               Metrics& metrics, reports::Outcomes* outcomes);

  [[nodiscard]] std::unique_ptr<Judge> judge(JudgedClient client) override;
  [[nodiscard]] bool trusts(const net::Endpoint& peer) const override;

 private:
  class One;
  [[nodiscard]] Judgement judgement(const mailauth::LetterVerdict& verdict) const;
  void note(const mailauth::LetterVerdict& verdict, std::vector<std::string> recipients, std::string_view header,
            const std::string& results) const;

  std::string hostname_;
  std::string own_id_;
  AuthSettings settings_;
  mailauth::CheckTools tools_;
  const Clock* clock_;
  Random* random_;
  reports::Outcomes* outcomes_;
  std::array<Counter, 4> actions_;  ///< by LetterAction
  std::array<Counter, 5> dmarc_;    ///< by DmarcResult
  Counter late_;
  Histogram seconds_;
};

}  // namespace pabal::server::smtp
