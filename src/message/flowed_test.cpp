#include "message/flowed.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::message {
namespace {

std::string dump(const std::vector<FlowedParagraph>& paragraphs) {
  std::string out;
  for (const auto& p : paragraphs) out += fmt::format("{}[{}]{}", p.quote_depth, p.text, p.signature ? "s" : "");
  return out;
}

TEST(Flowed, Read) {
  struct Row {
    std::string_view text;
    std::string_view result;
    bool del_sp = false;
  };
  static const Row rows[] = {
      {"", ""},
      {"one\r\ntwo\r\n", "0[one]0[two]"},
      {"one \r\ntwo\r\n", "0[one two]"},
      {"one \ntwo", "0[one two]"},
      {"one \r\ntwo\r\n", "0[onetwo]", true},
      {"one  \r\ntwo\r\n", "0[one two]", true},
      {"> one \r\n> two\r\n", "1[one two]"},
      {">one \r\n>two\r\n", "1[one two]"},
      {">> a \r\n> b\r\n", "2[a ]1[b]"},
      {"> a \r\nb\r\n", "1[a ]0[b]"},
      {" >not a quote\r\n", "0[>not a quote]"},
      {" From here\r\n", "0[From here]"},
      {"  two spaces\r\n", "0[ two spaces]"},
      {"text \r\n-- \r\nname\r\n", "0[text ]0[-- ]s0[name]"},
      {"> -- \r\n> name\r\n", "1[-- ]s1[name]"},
      {"a \r\n\r\nb\r\n", "0[a ]0[b]"},
      {"> > spaced\r\n", "1[> spaced]"},
      {" \r\n", "0[]"},
  };
  for (const auto& row : rows) EXPECT_EQ(dump(read_flowed(row.text, row.del_sp)), row.result) << row.text;
}

TEST(Flowed, Said) {
  const auto said = [](std::string_view type) {
    const std::string message = fmt::format("Content-Type: {}\r\n\r\nx", type);
    const auto tree = parse_mime(message);
    const auto format = flowed_format(tree.root());
    return fmt::format("{}{}", format.flowed ? "flowed" : "fixed", format.del_sp ? " delsp" : "");
  };
  EXPECT_EQ(said("text/plain"), "fixed");
  EXPECT_EQ(said("text/plain; format=Flowed; DelSp=yes"), "flowed delsp");
  EXPECT_EQ(said("text/plain; format*=us-ascii''flowed; delsp*0=y; delsp*1=es"), "flowed delsp");
  EXPECT_EQ(said("text/html; format=flowed"), "fixed");
}

TEST(Flowed, Unflow) { EXPECT_EQ(unflow(">> a \r\n>> b\r\nc\r\n>\r\n", false), ">> a b\nc\n>\n"); }

TEST(Flowed, Write) {
  EXPECT_EQ(write_flowed("short\n").text, "short\r\n");
  EXPECT_EQ(write_flowed("short").text, "short\r\n");
  EXPECT_EQ(write_flowed("").text, "");
  EXPECT_EQ(write_flowed("trailing   \n").text, "trailing\r\n");
  EXPECT_EQ(write_flowed("-- \nname\n").text, "-- \r\nname\r\n");
  EXPECT_EQ(write_flowed(" led\nFrom x\n> quoted\n>> deeper\n").text, "  led\r\n From x\r\n> quoted\r\n>> deeper\r\n");
  std::string words;
  for (int i = 0; i < 40; ++i) words += "word ";
  words.pop_back();
  const auto flowed = write_flowed(words);
  EXPECT_FALSE(flowed.del_sp);
  for (const auto line : split(flowed.text, '\n')) EXPECT_LE(line.size(), 79U);
  EXPECT_EQ(dump(read_flowed(flowed.text, false)), "0[" + words + "]");
}

TEST(Flowed, TextWithoutSpacesIsBrokenByDelSp) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "日本語";
  const auto flowed = write_flowed(text + " and words\n");
  EXPECT_TRUE(flowed.del_sp);
  EXPECT_TRUE(is_utf8(flowed.text));
  EXPECT_EQ(unflow(flowed.text, true), text + " and words\n");
  for (const auto line : split(flowed.text, '\n')) EXPECT_LE(line.size(), 3 * 78 + 3U);
}

TEST(Flowed, SpacesAndAWordInLinearTime) {
  const std::string text = std::string(1U << 20, ' ') + "x";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(unflow(write_flowed(text).text, false), text + "\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Flowed, WhatIsWrittenIsRead) {
  static const std::string_view texts[] = {
      "a\n\nb\n",
      "> quoted\n> > \n\n>> x\n",
      "-- and no signature, but a line that is long enough to be broken somewhere behind its first hyphens\n",
      "-- xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx yyy\n",
      "spaces      between      words      that      are      wider      than      one      are      kept      too\n",
      "한국어 문장은 띄어쓰기가 있으므로 빈칸에서 줄을 바꾼다. 한국어 문장은 띄어쓰기가 있으므로 빈칸에서 줄을 바꾼다. "
      "그러니 짧다.\n",
  };
  for (const auto text : texts) {
    const auto flowed = write_flowed(text);
    const auto again = unflow(flowed.text, flowed.del_sp);
    EXPECT_EQ(write_flowed(again).text, flowed.text);
    if (!text.starts_with('>')) {
      EXPECT_EQ(again, text);
    }
  }
}

}  // namespace
}  // namespace pabal::message
