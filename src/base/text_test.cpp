#include "base/text.hpp"

#include <gtest/gtest.h>

namespace pabal {
namespace {

TEST(Text, Decimal) {
  EXPECT_EQ(parse_decimal("0"), 0U);
  EXPECT_EQ(parse_decimal("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_decimal("18446744073709551616"), std::nullopt);
  EXPECT_EQ(parse_decimal("255", 255), 255U);
  EXPECT_EQ(parse_decimal("256", 255), std::nullopt);
  EXPECT_EQ(parse_decimal("5", 3), std::nullopt);
  EXPECT_EQ(parse_decimal(""), std::nullopt);
  EXPECT_EQ(parse_decimal("+1"), std::nullopt);
  EXPECT_EQ(parse_decimal("1 "), std::nullopt);
}

TEST(Text, Utf8) {
  EXPECT_TRUE(is_utf8("파발"));
  EXPECT_TRUE(is_utf8("\xF4\x8F\xBF\xBF"));
  EXPECT_FALSE(is_utf8("\xF4\x90\x80\x80"));  // beyond U+10FFFF
  EXPECT_FALSE(is_utf8("\xED\xA0\x80"));      // a surrogate
  EXPECT_FALSE(is_utf8("\xC0\xAF"));          // overlong '/'
  EXPECT_FALSE(is_utf8("\xE0\x80\xAF"));      // overlong '/'
  EXPECT_FALSE(is_utf8("\xE3\x81"));          // cut
  EXPECT_FALSE(is_utf8("\x80"));
}

// Many octets are looked at in one step: wrong ones are found at each place of a block, and behind it.
TEST(Text, WrongOctetsAreFoundAtEachPlace) {
  for (std::size_t size = 0; size < 100; ++size) {
    const std::string words(size, 'x');
    EXPECT_TRUE(is_ascii(words) && is_utf8(words)) << size;
    for (std::size_t at = 0; at < size; ++at) {
      std::string wrong = words;
      wrong[at] = '\xFF';
      EXPECT_FALSE(is_ascii(wrong)) << at << " of " << size;
      EXPECT_FALSE(is_utf8(wrong)) << at << " of " << size;
      const std::string korean = words.substr(0, at) + "파발" + words.substr(at);
      EXPECT_FALSE(is_ascii(korean)) << at << " of " << size;
      EXPECT_TRUE(is_utf8(korean)) << at << " of " << size;
    }
  }
}

TEST(Text, PrintableShowsWhatATerminalMustNotRun) {
  EXPECT_EQ(printable("a\r\nb"), "a\\x0d\\x0ab");
  EXPECT_EQ(printable("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(printable("파발"), "파발");
  EXPECT_EQ(printable("abcdef", 3), "abc…");
}

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
}

}  // namespace
}  // namespace pabal
