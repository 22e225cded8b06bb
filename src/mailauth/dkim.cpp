#include "mailauth/dkim.hpp"

#include <algorithm>
#include <utility>

namespace pabal::mailauth {

std::string_view name_of(DkimResult result) noexcept {
  switch (result) {
    case DkimResult::none:
      return "none";
    case DkimResult::pass:
      return "pass";
    case DkimResult::fail:
      return "fail";
    case DkimResult::policy:
      return "policy";
    case DkimResult::neutral:
      return "neutral";
    case DkimResult::temperror:
      return "temperror";
    case DkimResult::permerror:
      return "permerror";
  }
  std::unreachable();
}

DkimResult summary_of(const std::vector<DkimOutcome>& outcomes) noexcept {
  const auto has = [&outcomes](DkimResult result) {
    return std::ranges::any_of(outcomes, [result](const DkimOutcome& outcome) { return outcome.result == result; });
  };
  for (const auto result : {DkimResult::pass, DkimResult::temperror, DkimResult::fail, DkimResult::permerror,
                            DkimResult::policy, DkimResult::neutral}) {
    if (has(result)) return result;
  }
  return DkimResult::none;
}

}  // namespace pabal::mailauth
