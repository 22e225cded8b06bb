// Readers of reports: any octets; what is read and can be written reads the same again.
#include <cstdint>
#include <string_view>

#include "message/arf.hpp"
#include "message/dsn.hpp"
#include "message/mdn.hpp"

using namespace pabal;
using namespace pabal::message;

namespace {

void check_dsn(std::string_view body) {
  const auto report = read_delivery_status(body);
  if (!report) return;
  for (const auto style : {HeaderStyle::ascii, HeaderStyle::utf8}) {
    const auto text = format_delivery_status(*report, style);
    if (!text) continue;
    const auto again = read_delivery_status(*text);
    if (!again || again->recipients.size() != report->recipients.size()) __builtin_trap();
    const auto once_more = format_delivery_status(*again, style);
    if (!once_more || *once_more != *text) __builtin_trap();
  }
}

void check_mdn(std::string_view body) {
  const auto report = read_disposition_notification(body);
  if (!report) return;
  const auto text = format_disposition_notification(*report, HeaderStyle::utf8);
  if (!text) return;
  const auto again = read_disposition_notification(*text);
  if (!again || again->disposition != report->disposition) __builtin_trap();
}

void check_arf(std::string_view body) {
  const auto report = read_feedback_report(body);
  if (!report) return;
  const auto text = format_feedback_report(*report, HeaderStyle::ascii);
  if (text && !read_feedback_report(*text)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  check_dsn(octets);
  check_mdn(octets);
  check_arf(octets);
  const auto tree = parse_mime(octets);
  if (const auto dsn = read_dsn(octets, tree); dsn && dsn->report.recipients.empty()) __builtin_trap();
  if (const auto mdn = read_mdn(octets, tree); mdn && mdn->report.disposition.type.empty()) __builtin_trap();
  if (const auto arf = read_arf(octets, tree); arf && arf->report.type.empty()) __builtin_trap();
  return 0;
}
