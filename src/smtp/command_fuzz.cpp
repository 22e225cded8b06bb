// Command lines: what is parsed is well formed, and the splitter cuts lines the same way however the octets come.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/command.hpp"
#include "smtp/line.hpp"

namespace {

using namespace pabal::smtp;

constexpr std::size_t kLimit = 64;

std::string cut(std::string_view octets, std::size_t step) {
  LineSplitter splitter;
  std::string out;
  std::string buffer;
  std::size_t given = 0;
  while (true) {
    const auto event = splitter.next(buffer, kLimit);
    if (event.consumed > buffer.size()) __builtin_trap();
    // Both end the session; when they are noticed depends on the pieces.
    if (event.kind == LineSplitter::Kind::flood || event.may_be_bdat) return "";
    if (event.kind != LineSplitter::Kind::incomplete) {
      out += static_cast<char>('0' + static_cast<int>(event.kind));
      out += event.text;
      out += '\n';
    }
    buffer.erase(0, event.consumed);
    if (event.kind != LineSplitter::Kind::incomplete) continue;
    if (given == octets.size()) return out;
    buffer += octets.substr(given, step);
    given = std::min(given + step, octets.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (size < 10 * kLimit) {
    const auto whole = cut(octets, size + 1);
    if (whole != cut(octets, 1) || whole != cut(octets, 3)) __builtin_trap();
  }
  for (const bool lenient : {false, true}) {
    const ParseRules rules{.spaces_after_colon = lenient,
                           .missing_brackets = lenient,
                           .dsn = lenient,
                           .binary_mime = lenient,
                           .require_tls = lenient,
                           .priority = lenient,
                           .future_release = lenient,
                           .deliver_by = lenient};
    const auto command = parse_command(octets, rules);
    if (!command) {
      if (command.error().code < 500 || command.error().code > 555) __builtin_trap();
      continue;
    }
    if (const auto* mail = std::get_if<Mail>(&*command); mail != nullptr && mail->sender) {
      if (!pabal::EmailAddress::parse(mail->sender->text())) __builtin_trap();
    }
    if (const auto* rcpt = std::get_if<Rcpt>(&*command); rcpt != nullptr && rcpt->recipient) {
      if (!pabal::EmailAddress::parse(rcpt->recipient->text(), 200)) __builtin_trap();
    }
  }
  return 0;
}
