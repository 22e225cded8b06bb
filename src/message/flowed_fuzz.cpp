// format=flowed: anything can be read; what was written is read back the same.
#include <cstdlib>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "message/flowed.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace pabal::message;
  const auto text = pabal::codec::to_utf8({reinterpret_cast<const char*>(data), size}, "utf-8").utf8;
  const auto read = unflow(text, size % 2 == 0);
  if (!pabal::is_utf8(read)) std::abort();
  const auto flowed = write_flowed(text);
  if (!pabal::is_utf8(flowed.text)) std::abort();
  const auto paragraphs = read_flowed(flowed.text, flowed.del_sp);
  const auto again = write_flowed(unflow(flowed.text, flowed.del_sp));
  const auto paragraphs_again = read_flowed(again.text, again.del_sp);
  if (paragraphs.size() != paragraphs_again.size()) std::abort();
  return 0;
}
