#include "message/broken_header.hpp"

#include <string>

#include <gtest/gtest.h>

namespace pabal::message {
namespace {

/// "From@12 To@30": names and where they begin.
std::string found(std::string_view section) {
  std::string out;
  BrokenHeaderReader reader(section);
  while (const auto field = reader.next()) {
    if (!out.empty()) out += ' ';
    out += std::string(field->name) + "@" + std::to_string(field->begin);
    EXPECT_EQ(section.substr(field->begin, field->name.size()), field->name);
  }
  EXPECT_FALSE(reader.next());
  return out;
}

std::size_t count(std::string_view section) {
  std::size_t fields = 0;
  BrokenHeaderReader reader(section);
  while (reader.next()) ++fields;
  return fields;
}

TEST(BrokenHeader, fieldsBehindTheBreak) {
  EXPECT_EQ(found(""), "");
  EXPECT_EQ(found("A: b\r\n\r\nFrom: c\r\n"), "");
  EXPECT_EQ(found("A: b\r\nrubbish\r\nFrom: c\r\n\r\n"), "") << "one such line is stepped over";
  EXPECT_EQ(found("A: b\r\nfoo\r\nbar\r\nFrom: c\r\n d\r\nno\r\nTo : e\r\n\r\nB: f\r\n"), "From@16 To@33");
  EXPECT_EQ(found("A: b\nfoo\nbar\nFrom: c\n\nB: f\n"), "From@13");
  EXPECT_EQ(found("foo\r\nbar\r\nFrom: c"), "From@10") << "no empty line at all";
  EXPECT_EQ(found("foo\r\nbar\r\n"), "");
  EXPECT_EQ(found("foo\r\nbar"), "");
  EXPECT_EQ(found("foo\r\nbar\r\nA:\r\nB:\r\nC:\r\n"), "A@10 B@14 C@18");
  EXPECT_EQ(found("foo\r\nbar\r\n A: b\r\nC: d\r\n"), "C@17") << "a line that goes on with another is no field";
}

TEST(BrokenHeader, everyPrefixAndOctet) {
  const std::string whole = "A: b\r\nfoo\r\nbar\r\nFrom: c\r\n d\r\n\r\r\nTo: e\r\n\r\n";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    EXPECT_LE(count(std::string_view(whole).substr(0, size)), 2U) << size;
    for (const char c : {'\0', '\n', '\r', ':', ' ', '\xff'}) {
      auto changed = whole;
      if (size < whole.size()) changed[size] = c;
      EXPECT_LE(count(changed), 6U) << size;
    }
  }
}

// However many there are, and in time that grows as the octets do: it would be minutes otherwise.
TEST(BrokenHeader, manyLines) {
  std::string folded = "foo\r\nbar\r\n";
  std::string empty = folded;
  for (int i = 0; i < 500'000; ++i) folded += " \r\n";
  for (int i = 0; i < 5'000; ++i) empty += "a:\r\n";
  EXPECT_EQ(found(folded + "From: a\r\n"), "From@1500010");
  EXPECT_EQ(count(empty + "From: a\r\n"), 5'001U);
}

}  // namespace
}  // namespace pabal::message
