#include "codec/collation.hpp"

#include <gtest/gtest.h>

namespace pabal::codec {
namespace {

struct Case {
  std::string_view text;
  std::string_view same_as;
};

TEST(Collation, CaseWidthAndCompositionDoNotMatter) {
  for (const auto& [text, same] : {
           Case{"Hello", "hELLO"},
           {"\u00E9t\u00E9", "E\u0301TE\u0301"},
           {"\uFF28\uFF29", "hi"},                              // full width
           {"\uD30C\uBC1C", "\u1111\u1161\u1107\u1161\u11AF"},  // Hangul, composed and in jamo
           {"\uFB01n", "FIN"},                                  // a ligature
           {"\u01C6", "\u01C5"},                                // dz with caron, its titlecase
           {"\U00010428", "\U00010400"},                        // Deseret, beyond the first plane
           {"\u212B", "a\u030A"},
           {"\xFF", "\uFFFD"},
           {"", ""},
       }) {
    EXPECT_EQ(key_of(Collation::unicode_casemap, text), key_of(Collation::unicode_casemap, same)) << text;
  }
  EXPECT_NE(key_of(Collation::unicode_casemap, "a"), key_of(Collation::unicode_casemap, "b"));
  EXPECT_EQ(key_of(Collation::unicode_casemap, "aZ9 _"), "AZ9 _");
  EXPECT_EQ(key_of(Collation::ascii_casemap, "a\u00E9"), "A\u00E9");
  EXPECT_NE(key_of(Collation::ascii_casemap, "\u00E9"), key_of(Collation::ascii_casemap, "\u00C9"));
  EXPECT_EQ(key_of(Collation::octet, "a\xFF"), "a\xFF");
}

// What the search for a part of a text relies on.
TEST(Collation, TheKeyOfAPartIsAPartOfTheKey) {
  const std::u32string points = U"a\u00E9\uD30C\u0301\u0327\uFB01\U0001F600\u1161Z \u3300";
  std::string whole;
  std::string keys;
  for (const char32_t point : points) {
    std::string one;
    if (point < 0x80) {
      one = static_cast<char>(point);
    } else if (point < 0x800) {
      one = {static_cast<char>(0xC0 | (point >> 6)), static_cast<char>(0x80 | (point & 0x3F))};
    } else if (point < 0x10000) {
      one = {static_cast<char>(0xE0 | (point >> 12)), static_cast<char>(0x80 | ((point >> 6) & 0x3F)),
             static_cast<char>(0x80 | (point & 0x3F))};
    } else {
      one = {static_cast<char>(0xF0 | (point >> 18)), static_cast<char>(0x80 | ((point >> 12) & 0x3F)),
             static_cast<char>(0x80 | ((point >> 6) & 0x3F)), static_cast<char>(0x80 | (point & 0x3F))};
    }
    whole += one;
    append_key(keys, Collation::unicode_casemap, one);
  }
  EXPECT_EQ(key_of(Collation::unicode_casemap, whole), keys);
}

TEST(Collation, IsFoundByName) {
  EXPECT_EQ(find_collation("i;unicode-casemap"), Collation::unicode_casemap);
  EXPECT_EQ(find_collation("I;Octet"), Collation::octet);
  EXPECT_EQ(find_collation("default"), Collation::unicode_casemap);
  EXPECT_EQ(find_collation("i;*"), Collation::unicode_casemap);
  EXPECT_EQ(find_collation("*ascii*"), Collation::ascii_casemap);
  EXPECT_EQ(find_collation("i;octe"), std::nullopt);
  EXPECT_EQ(find_collation("cz;*"), std::nullopt);
  EXPECT_EQ(find_collation(""), std::nullopt);
  EXPECT_EQ(find_collation(std::string(100'000, '*') + "x"), std::nullopt);
}

}  // namespace
}  // namespace pabal::codec
