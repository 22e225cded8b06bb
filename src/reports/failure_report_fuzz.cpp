// Fuzz target: what failure reports tell of a letter. Whatever a header section holds, no local part of an address that
// is recognised as one is told, and nothing but ASCII in lines of our own.
#include <cstdint>
#include <string_view>

#include "base/text.hpp"
#include "reports/failure_report.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const reports::Redaction redaction{.key = "a key of the test's"};
  const auto is_number = [](std::string_view before) {
    return before.size() >= 20 &&
           before.substr(before.size() - 20).find_first_not_of("0123456789abcdef") == std::string_view::npos;
  };
  const auto line = reports::redacted(text, redaction);
  for (auto at = line.find('@'); at != std::string::npos; at = line.find('@', at + 1)) {
    const bool nothing = at == 0 || std::string_view(" \t\r\n=;(<>,:\"@").find(line[at - 1]) != std::string_view::npos;
    if (!nothing && !is_number(std::string_view(line).substr(0, at))) __builtin_trap();
  }
  const auto header = reports::redacted_header(text, redaction);
  if (!is_ascii(header)) __builtin_trap();
  static_cast<void>(reports::is_from_machine(text));
  reports::JudgedLetter letter;
  letter.policy.ruf = "mailto:a@b.example";
  letter.policy.fo = std::string(text.substr(0, 100));
  static_cast<void>(reports::failure_to_tell(letter));
  return 0;
}
