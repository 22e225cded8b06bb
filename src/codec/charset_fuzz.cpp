// The first octet chooses the label; whatever follows becomes well-formed UTF-8.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "codec/charset.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal;
  static constexpr std::string_view labels[] = {"",     "utf-8",   "euc-kr", "iso-2022-kr", "iso-2022-jp",  "shift_jis",
                                                "big5", "gb18030", "utf-7",  "utf-16",      "windows-1252", "hz"};
  if (size == 0) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (!is_utf8(codec::to_utf8(octets, labels[data[0] % std::size(labels)]).utf8)) std::abort();
  if (!is_utf8(codec::to_utf8("x", octets).utf8)) std::abort();
  return 0;
}
