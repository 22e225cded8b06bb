// Whole SPF evaluations: client, sender and all answers of the DNS of any octets. The work and what is told are
// bounded.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "mailauth/authentication_results.hpp"
#include "mailauth/hostile_zone_testing.hpp"
#include "mailauth/iprev.hpp"
#include "mailauth/spf.hpp"

namespace {
void demand(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal;
  using namespace pabal::mailauth;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto address = IpAddress::parse(take_line(rest));
  SpfQuery query{.address = address.value_or(IpAddress()),
                 .helo = std::string(take_line(rest)),
                 .mail_from = std::string(take_line(rest)),
                 .receiver = "mx.example",
                 .now = SystemTime()};
  HostileZone zone(rest);
  const auto outcome = run_blocking(check_spf(zone, query));
  // The record, ten terms with ten hosts each, the client's names, the explanation.
  demand(zone.asked() <= 1 + 10 * 11 + 11 + 1);
  demand(outcome.lookups <= spf_most_lookups && outcome.void_lookups <= spf_most_void_lookups + 1);
  demand(outcome.explanation.empty() || outcome.result == SpfResult::fail);
  demand(outcome.explanation.size() <= 2048);
  for (const char c : outcome.explanation) demand(c >= ' ' && c < 0x7f);
  const bool error = outcome.result == SpfResult::temperror || outcome.result == SpfResult::permerror;
  demand(error == !outcome.problem.empty());
  const auto told = json::serialize(to_json(outcome));
  demand(is_utf8(told) && told.size() <= 40 * size + 2'000'000);
  demand(is_utf8(teach(outcome)));
  const auto field = received_spf_field(outcome, query);
  demand(field.ends_with("\r\n") && field.size() <= 4000);
  for (std::size_t at = field.find("\r\n"); at + 2 < field.size(); at = field.find("\r\n", at + 2)) {
    demand(field[at + 2] == ' ' || field[at + 2] == '\t');
  }
  HostileZone again(rest);
  const auto iprev = run_blocking(check_iprev(again, query.address));
  demand(again.asked() <= 1 + iprev_most_names && !iprev.reason.empty());
  return 0;
}
