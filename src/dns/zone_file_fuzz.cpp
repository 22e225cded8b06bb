// Zone files: whatever parses means the same when it is printed and read again, and can be asked.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dns/zone_file.hpp"
#include "dns/zone_resolver.hpp"
#include "dns/zones.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::dns;
  const auto file = parse_zone({reinterpret_cast<const char*>(data), size}, "zone");
  if (!file) {
    if (!file.error().peer.starts_with("zone:")) std::abort();
    return 0;
  }
  std::string printed;
  for (const auto& record : file->records) printed += text_of(record) + "\n";
  const auto again = parse_zone(printed, "zone");
  if (!again || again->records.size() != file->records.size()) std::abort();
  for (std::size_t i = 0; i < file->records.size(); ++i) {
    if (text_of(again->records[i]) != text_of(file->records[i])) std::abort();
  }
  const auto zones = Zones::of({*file});
  if (!zones) return 0;
  for (const auto& record : file->records) {
    const auto found = zones->find(record.owner, type_of(record.record));
    if (!found || found->answer.status != Status::ok) std::abort();
    const auto below = record.owner.below("x");
    if (below && !zones->find(*below, Type::txt)) std::abort();
  }
  return 0;
}
