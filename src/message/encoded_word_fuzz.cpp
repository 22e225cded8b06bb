// Unstructured text of any octets: well-formed UTF-8 without controls; and what is written reads back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "codec/unicode.hpp"
#include "message/encoded_word.hpp"

namespace {
void demand(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::message;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const std::string text = decode_text(body);
  demand(pabal::is_utf8(text));
  for (const char c : text) demand(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  const std::string written = encode_text(text);
  demand(pabal::is_ascii(written));
  demand(written.find_first_of("\r\n") == std::string::npos);
  // Spaces at the ends are the field's, not the text's.
  if (!text.starts_with(' ') && !text.ends_with(' ')) demand(decode_text(written) == text);
  return 0;
}
