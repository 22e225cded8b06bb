#include <cstdint>
#include <string_view>

#include "base/text.hpp"
#include "message/header.hpp"
#include "message/mailboxes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  pabal::message::HeaderReader reader(octets);
  std::size_t total = 0;
  while (const auto field = reader.next()) {
    total += field->name.size() + field->body.size();
    if (const auto addresses = pabal::message::addresses_in(field->body)) {
      for (const auto& address : *addresses) {
        if (!pabal::EmailAddress::parse(address.text())) __builtin_trap();
      }
    }
  }
  if (total > size) __builtin_trap();
  if (const auto end = pabal::message::header_size(octets); end && *end > size) __builtin_trap();
  return 0;
}
