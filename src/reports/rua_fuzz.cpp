// The places that records name for reports: each that is taken is read the same again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "reports/rua.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::reports;
  const std::string text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(parse_tlsrpt_record({text}));
  const auto uris = parse_report_uris(text);
  if (uris.size() > kMostReportUris) std::abort();
  for (const auto& uri : uris) {
    if ((uri.kind == ReportUri::Kind::mailto) != uri.address.has_value()) std::abort();
    if (uri.kind == ReportUri::Kind::https && (uri.host.empty() || !uri.path.starts_with('/'))) std::abort();
    const auto again = parse_report_uris(uri.text);
    if (again.size() != 1 || again.front().text != uri.text || again.front().address != uri.address) std::abort();
  }
  return 0;
}
