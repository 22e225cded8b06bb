// HTML to text: any octets made into UTF-8 give UTF-8, within the limit.
#include <cstdlib>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "message/html_text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace pabal;
  const auto html = codec::to_utf8({reinterpret_cast<const char*>(data), size}, "utf-8").utf8;
  const auto text = message::html_to_text(html, {.image_texts = true});
  if (!is_utf8(text)) std::abort();
  const auto some = message::html_to_text(html, {.max_octets = 100, .quotes = false});
  if (!is_utf8(some) || some.size() > 100) std::abort();
  return 0;
}
