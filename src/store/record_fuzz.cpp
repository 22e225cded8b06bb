// A header that parses must be the one that building makes of it.
#include <cstdint>
#include <cstdlib>

#include "store/record.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::store;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (auto header = parse_record_header(1, octets)) {
    const auto again = build_record_header(1, *header);
    if (std::string_view(again.data(), again.size()) != octets.substr(0, again.size())) std::abort();
  }
  // The same octets as a header's fields: what was built must parse.
  RecordHeader header;
  if (size >= 8) header.generation = data[0];
  header.blob.value = static_cast<std::int64_t>(size);
  header.checksum = checksum_of(octets, header.salt);
  const auto built = build_record_header(1, header);
  if (parse_record_header(1, {built.data(), built.size()}) != header) std::abort();
  return 0;
}
