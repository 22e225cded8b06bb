// Addresses and domains: whatever parses must mean the same when it is written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "address/email_address.hpp"
#include "base/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto domain = Domain::parse(text)) {
    if (domain->ascii().size() > 255 || !is_ascii(domain->ascii())) std::abort();
    if (Domain::parse(domain->ascii()) != *domain || Domain::parse(domain->unicode()) != *domain) std::abort();
  }
  if (const auto address = EmailAddress::parse(text)) {
    if (address->text().size() > EmailAddress::max_octets) std::abort();
    if (EmailAddress::parse(address->text()) != *address || EmailAddress::parse(address->display()) != *address)
      std::abort();
    const auto canonical = canonical_local_part(address->local_part());
    if (!is_utf8(canonical) || canonical_local_part(canonical) != canonical) std::abort();
  }
  return 0;
}
