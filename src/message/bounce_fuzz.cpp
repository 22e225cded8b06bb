#include <cstdint>
#include <string_view>

#include "base/text.hpp"
#include "message/bounce.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::message;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const auto bounce = recognise_bounce(octets, parse_mime(octets));
  if (!bounce) return 0;
  for (const auto& recipient : bounce->recipients) {
    // What goes into logs and rows is text of bounded length.
    if (recipient.text.size() > 1'000 || !pabal::is_utf8(recipient.text)) __builtin_trap();
    if (recipient.address.find_first_of("\r\n") != std::string::npos) __builtin_trap();
    if (recipient.smtp_code != 0 && (recipient.smtp_code < 400 || recipient.smtp_code > 599)) __builtin_trap();
  }
  return 0;
}
