#include "mailauth/tag_list.hpp"

#include <gtest/gtest.h>

namespace pabal::mailauth {
namespace {

using std::string_literals::operator""s;

TEST(TagList, readsTagsInTheirOrder) {
  const auto list = TagList::parse("v=1; a=rsa-sha256;\r\n\tbh=abc\r\n def= ; d = example.org ;");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->all().size(), 4U);
  EXPECT_EQ(list->all()[0].name, "v");
  EXPECT_EQ(list->find("a"), "rsa-sha256");
  EXPECT_EQ(list->find("bh"), "abc\r\n def=");
  EXPECT_EQ(list->find("d"), "example.org");
  EXPECT_EQ(list->find("D"), std::nullopt);  // names are case-sensitive
}

TEST(TagList, anEmptyValueIsOne) {
  const auto list = TagList::parse("p=");
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->has("p"));
  EXPECT_EQ(list->find("p"), "");
}

TEST(TagList, valuesMayHoldEqualsAndUtf8) {
  const auto list = TagList::parse("b=YQ==; i=\xED\x95\x9C@example.org");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->find("b"), "YQ==");
  EXPECT_EQ(list->find("i"), "\xED\x95\x9C@example.org");
}

// What the grammar doesn't have, people write, and nobody can mistake.
TEST(TagList, readsOverWhatSaysNothing) {
  const auto list = TagList::parse(";v=1;; x-note=hi; ;a=b;;");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->find("v"), "1");
  EXPECT_EQ(list->find("a"), "b");
  EXPECT_EQ(list->find("x-note"), "hi");
}

TEST(TagList, refusesWhatIsNoList) {
  for (const auto& text : {""s, " "s, ";"s, ";;"s, "v"s, "v=1; a"s, "=1"s, "1v=1"s, "v w=1"s, "v=1; v=2"s, "v=a\0b"s,
                           "v=a\x7F"s, "v=\x01"s, "-w=1"s}) {
    EXPECT_FALSE(TagList::parse(text)) << text;
  }
}

TEST(TagList, isBounded) {
  std::string many;
  for (int i = 0; i < 101; ++i) many += "t" + std::to_string(i) + "=1;";
  EXPECT_FALSE(TagList::parse(many));
  many.erase(many.rfind("t100"));
  EXPECT_TRUE(TagList::parse(many));
}

TEST(TagList, whiteSpaceWithinAValue) {
  EXPECT_EQ(without_white_space("ab\r\n\tcd e"), "abcde");
  EXPECT_EQ(split_colons("from : to:\r\n subject"), (std::vector<std::string_view>{"from", "to", "subject"}));
  EXPECT_EQ(split_colons(""), (std::vector<std::string_view>{""}));
}

}  // namespace
}  // namespace pabal::mailauth
