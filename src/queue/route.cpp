#include "queue/route.hpp"

namespace pabal::queue {

std::string text_of(const Destination& destination) {
  if (const auto* literal = std::get_if<AddressLiteral>(&destination)) return "[" + literal->text + "]";
  return std::get<Domain>(destination).ascii();
}

Destination destination_of(const EmailAddress& address) {
  if (const auto* literal = address.literal()) return *literal;
  return *address.domain();
}

std::string_view name_of(TlsPolicy policy) noexcept {
  switch (policy) {
    case TlsPolicy::none:
      return "none";
    case TlsPolicy::opportunistic:
      return "opportunistic";
    case TlsPolicy::encrypted:
      return "encrypted";
    case TlsPolicy::mta_sts_testing:
      return "mta-sts testing";
    case TlsPolicy::mta_sts_enforce:
      return "mta-sts enforce";
    case TlsPolicy::verified:
      return "verified";
    case TlsPolicy::dane:
      return "dane";
  }
  return "";
}

}  // namespace pabal::queue
