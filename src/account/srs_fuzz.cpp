// SRS addresses: none that was made up is ours; what is made of an address leads back to it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "account/srs.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using pabal::EmailAddress;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const pabal::account::Srs srs("secret");
  static const auto domain = pabal::Domain::parse("seoul.example");
  const pabal::SystemTime now{std::chrono::days(20'000)};
  const auto address = EmailAddress::parse(text, pabal::account::kSrsLocalPartOctets);
  if (!address) return 0;
  [[maybe_unused]] const auto back = srs.reverse(*address, now);
  const auto there = srs.forward(*address, *domain, now);
  if (!there) return 0;
  const auto home = srs.reverse(*there, now);
  if (!home) std::abort();
  const bool srs_already = pabal::account::Srs::has_form(*address);
  if (!srs_already && home->text() != address->text()) std::abort();
  return 0;
}
