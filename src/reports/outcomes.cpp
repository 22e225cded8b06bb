#include "reports/outcomes.hpp"

namespace pabal::reports {

std::string_view name_of(Disposition disposition) noexcept {
  switch (disposition) {
    case Disposition::none:
      return "none";
    case Disposition::quarantine:
      return "quarantine";
    case Disposition::reject:
      return "reject";
  }
  return "none";
}

}  // namespace pabal::reports
