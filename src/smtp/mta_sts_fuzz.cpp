// MTA-STS records and policies: whatever is taken keeps to the limits, and what is taken of a policy's own host names
// is allowed by it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "smtp/mta_sts.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::smtp;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto id = parse_sts_record({std::string(text)})) {
    if (id->empty() || id->size() > 32) std::abort();
    if (parse_sts_record({"v=STSv1; id=" + *id}) != *id) std::abort();
  }
  if (const auto policy = parse_sts_policy(text)) {
    if (policy->max_age > most_sts_age || policy->max_age.count() < 0) std::abort();
    if (policy->mode != StsMode::none && policy->mx.empty()) std::abort();
    for (const auto& pattern : policy->mx) {
      if (pattern.starts_with("*.") ? !policy->allows("x" + pattern.substr(1)) : !policy->allows(pattern)) std::abort();
    }
  }
  return 0;
}
