#include "mailauth/arc.hpp"

#include <utility>

namespace pabal::mailauth {

std::string_view name_of(ArcStatus status) noexcept {
  switch (status) {
    case ArcStatus::none:
      return "none";
    case ArcStatus::pass:
      return "pass";
    case ArcStatus::fail:
      return "fail";
  }
  std::unreachable();
}

}  // namespace pabal::mailauth
