#include "codec/unicode.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::codec {
namespace {

std::string sasl(std::string_view text) { return saslprep(text).value_or("no"); }
std::string opaque(std::string_view text) { return opaque_string(text).value_or("no"); }

TEST(Unicode, Saslprep) {  // RFC 4013 §3
  EXPECT_EQ(sasl("I\xC2\xADX"), "IX");
  EXPECT_EQ(sasl("user"), "user");
  EXPECT_EQ(sasl("USER"), "USER");
  EXPECT_EQ(sasl("\xC2\xAA"), "a");
  EXPECT_EQ(sasl("\xE2\x85\xA8"), "IX");
  EXPECT_EQ(sasl("\x07"), "no");
  EXPECT_EQ(sasl("\xD8\xA7\x31"), "no");
  EXPECT_EQ(sasl("a\xC2\xA0"
                 "b"),
            "a b");
  EXPECT_EQ(sasl("파발"), "파발");
  EXPECT_EQ(sasl("\xE1\x84\x91\xE1\x85\xA1\xE1\x84\x87\xE1\x85\xA1\xE1\x86\xAF"), "파발");
  EXPECT_EQ(sasl("🐎"), "🐎");  // unknown to Unicode 3.2
  EXPECT_EQ(sasl("\xFF"), "no");
  EXPECT_EQ(sasl("\xEF\xB7\xBA"), "صلى الله عليه وسلم");  // the longest expansion there is
}

TEST(Unicode, OpaqueString) {  // RFC 8265 §4.3
  EXPECT_EQ(opaque("correct horse battery staple"), "correct horse battery staple");
  EXPECT_EQ(opaque("Correct Horse Battery Staple"), "Correct Horse Battery Staple");
  EXPECT_EQ(opaque("πßå"), "πßå");
  EXPECT_EQ(opaque("Jack of ♦s"), "Jack of ♦s");
  EXPECT_EQ(opaque("foo\xE1\x9A\x80"
                   "bar"),
            "foo bar");  // Ogham space
  EXPECT_EQ(opaque(""), "no");
  EXPECT_EQ(opaque("my cat is a \tby"), "no");
  EXPECT_EQ(opaque("🐎"), "🐎");
  EXPECT_EQ(opaque("a\xE2\x80\x8D"
                   "b"),
            "no");  // joiner out of place
  EXPECT_EQ(opaque("\xE0\xA4\x95\xE0\xA5\x8D\xE2\x80\x8D\xE0\xA4\xB7"),
            "\xE0\xA4\x95\xE0\xA5\x8D\xE2\x80\x8D\xE0\xA4\xB7");
  EXPECT_EQ(opaque("l·l"), "l·l");
  EXPECT_EQ(opaque("a·l"), "no");
  EXPECT_EQ(opaque("アイ・ウ"), "アイ・ウ");
  EXPECT_EQ(opaque("a・b"), "no");
  EXPECT_EQ(opaque("٠۰"), "no");
  EXPECT_EQ(opaque("ᄀ"), "no");         // a lone conjoining Jamo
  EXPECT_EQ(opaque("a\xC2\xAD"), "no");  // soft hyphen
  EXPECT_EQ(opaque("\xF4\x8F\xBF\xBF"), "no");
  EXPECT_EQ(opaque("A\xCC\x8A"), "Å");
}

TEST(Unicode, PreparedPasswordsMeetWhereverTheyAreTyped) {
  EXPECT_EQ(prepare_password("Pa\xC2\xA0ss"), "Pa ss");
  EXPECT_EQ(prepare_password("A\xCC\x8A"), prepare_password("Å"));
  EXPECT_EQ(prepare_password("\xFF\xFE"), "\xFF\xFE");
  EXPECT_EQ(prepare_password("a\tb"), "a\tb");
  EXPECT_EQ(prepare_password("אA\xCC\x8A"), "אÅ");  // mixed directions: form C
}

TEST(Unicode, Nfc) {
  EXPECT_EQ(nfc("abc"), "abc");
  EXPECT_EQ(nfc("A\xCC\x8A"), "Å");
  EXPECT_EQ(nfc("\xE2\x85\xA8"), "\xE2\x85\xA8");
}

TEST(Unicode, FoldsForSearch) {
  EXPECT_EQ(fold_for_search("Grüße ABC"), "grüsse abc");
  EXPECT_EQ(fold_for_search("ABC xyz"), "abc xyz");
  EXPECT_EQ(fold_for_search("ＰＡＢＡＬ"), "pabal");
  EXPECT_EQ(fold_for_search("A\xCC\x8A"), fold_for_search("å"));
  EXPECT_EQ(fold_for_search("\xE1\x84\x91\xE1\x85\xA1\xE1\x84\x87\xE1\x85\xA1\xE1\x86\xAF"),
            "파발");  // conjoining Jamo
  EXPECT_EQ(fold_for_search("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(fold_for_search(""), "");
}

}  // namespace
}  // namespace pabal::codec
