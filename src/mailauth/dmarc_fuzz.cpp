// DMARC records and whole evaluations by both standards, with answers of any octets. The work is bounded.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "mailauth/dmarc.hpp"
#include "mailauth/hostile_zone_testing.hpp"

namespace {
void demand(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal;
  using namespace pabal::mailauth;
  static const auto suffixes = PublicSuffix::system();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto standard : {DmarcStandard::rfc7489, DmarcStandard::tree_walk}) {
    if (const auto record = DmarcRecord::parse(text, standard)) {
      demand(DmarcRecord::is_one(text) && record->percent <= 100);
      demand(record->aggregate.size() <= dmarc_most_uris && record->failure.size() <= dmarc_most_uris);
      demand(is_utf8(json::serialize(to_json(*record))));
    }
    if (!suffixes) continue;
    std::string_view rest = text;
    DmarcFacts facts;
    for (auto line = take_line(rest); !line.empty(); line = take_line(rest)) facts.authors.emplace_back(line);
    facts.spf_domain = take_line(rest);
    facts.spf = static_cast<SpfResult>(facts.spf_domain.size() % 7);
    for (auto line = take_line(rest); !line.empty(); line = take_line(rest)) {
      facts.signatures.push_back({.domain = std::string(line),
                                  .selector = "s",
                                  .passed = line.size() % 2 == 0,
                                  .temporary = line.size() % 3 == 0});
    }
    HostileZone zone(rest);
    const auto outcome = run_blocking(check_dmarc(zone, *suffixes, std::move(facts), standard));
    demand(zone.asked() <= 150);
    demand(!outcome.reasons.empty() || outcome.result == DmarcResult::pass);
    demand(outcome.record.has_value() || outcome.result != DmarcResult::fail);
    demand(outcome.result != DmarcResult::pass || outcome.aligned_by("spf") || outcome.aligned_by("dkim"));
    demand(sampled_policy(outcome, 0) <= outcome.policy);
    demand(is_utf8(json::serialize(to_json(outcome))) && is_utf8(teach(outcome)));
  }
  return 0;
}
