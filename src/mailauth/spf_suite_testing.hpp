// For tests: the suite of openspf.org (../shared/suites/spf), read from its YAML, and a resolver that answers from its
// zones. Only as much YAML as that file has.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dns/resolver.hpp"

namespace pabal::mailauth {

struct SpfSuiteCase {
  std::string name{};
  std::string helo{};
  std::string host{};
  std::string mail_from{};
  std::vector<std::string> results{};  ///< each of them is right
  std::string explanation{};           ///< "DEFAULT": the domain has none; empty: not said
};

/// The zone of one scenario.
class SpfSuiteZone final : public dns::Resolver {
 public:
  /// A line of the zone: `TXT: "v=spf1 -all"`, `MX: [0, mail.example.com]`, `TIMEOUT`.
  void add(std::string_view owner, std::string_view type, std::vector<std::string> values);
  /// Before the first question: records of the old type SPF are TXT records where the name has none.
  void finish();
  [[nodiscard]] Async<dns::Answer> resolve(dns::Name name, dns::Type type) override;

 private:
  struct Node {
    std::map<dns::Type, std::vector<dns::Record>> records;
    std::vector<dns::Record> old_type;
    bool no_txt = false;
    bool times_out = false;
  };
  [[nodiscard]] dns::Answer find(dns::Name name, dns::Type type) const;
  std::map<dns::Name, Node> nodes_;
};

struct SpfSuiteScenario {
  std::string description;
  std::vector<SpfSuiteCase> cases;
  SpfSuiteZone zone;
};

[[nodiscard]] std::vector<SpfSuiteScenario> read_spf_suite(std::string_view yaml);

}  // namespace pabal::mailauth
