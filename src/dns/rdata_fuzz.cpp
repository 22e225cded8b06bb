// Records' data as a resolver hands it out: whatever parses is the same when it is written and read again. The first
// two octets are the type.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dns/rdata.hpp"
#include "dns/zone_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::dns;
  if (size < 2) return 0;
  const auto type = static_cast<Type>(data[0] << 8U | data[1]);
  const auto record = parse_rdata(type, {reinterpret_cast<const char*>(data) + 2, size - 2});
  if (!record) return 0;
  if (type_of(*record) != type) std::abort();
  if (parse_rdata(type, rdata_of(*record)) != *record) std::abort();
  // Text is another way to say the same, but for a TLSA record without data, which no zone file can have.
  const auto* tlsa = std::get_if<Tlsa>(&*record);
  if (tlsa != nullptr && tlsa->data.empty()) return 0;
  const auto zone = parse_zone(text_of(ZoneRecord{.record = *record}), "text");
  if (!zone || zone->records.size() != 1 || zone->records.front().record != *record) std::abort();
  return 0;
}
