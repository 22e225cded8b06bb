// JSON that calls itself a TLS report: what is read is the same when it is written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "reports/tls_report.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::reports;
  const auto report = read_tls_report({reinterpret_cast<const char*>(data), size});
  if (!report) return 0;
  const auto text = write_tls_report(*report);
  const auto again = read_tls_report(text);
  if (!again || write_tls_report(*again) != text) std::abort();
  return 0;
}
