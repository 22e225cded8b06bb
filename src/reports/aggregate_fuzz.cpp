// XML that calls itself an aggregate report: whatever is read can be written and read again, and is then the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "reports/aggregate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::reports;
  const auto report = read_aggregate({reinterpret_cast<const char*>(data), size});
  if (!report) return 0;
  const auto again = read_aggregate(write_aggregate(*report));
  if (!again || again->records.size() != report->records.size()) std::abort();
  const auto text = write_aggregate(*again);
  const auto third = read_aggregate(text);
  if (!third || write_aggregate(*third) != text) std::abort();
  return 0;
}
