// Files and letters with reports, archives among them.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "reports/report_file.hpp"
#include "reports/report_rows.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::reports;
  const UnpackLimits limits{
      .packed_octets = 1 << 20, .octets = 1 << 20, .entries = 8, .ratio = 200, .ratio_from = 1 << 16};
  const auto file = read_report_file({reinterpret_cast<const char*>(data), size}, limits);
  if (!file) return 0;
  if (file->reports.empty() && file->refused.empty()) std::abort();
  for (const auto& report : file->reports) {
    for (const auto& received : rows::received_of(report, file->from)) {
      if (rows::id_of(received).size() != 16) std::abort();
    }
  }
  return 0;
}
