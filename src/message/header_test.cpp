#include "message/header.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace pabal::message {
namespace {

std::string fields(std::string_view octets) {
  HeaderReader reader(octets);
  std::string out;
  while (const auto field = reader.next()) {
    out.append(field->name).append("=[").append(field->body).append("]");
  }
  return out + (reader.malformed() ? "!" : "");
}

struct Case {
  std::string input;
  std::string expected;
};

TEST(Header, Fields) {
  const std::vector<Case> cases = {
      {"", ""},
      {"\r\nA: b\r\n", ""},
      {"A: b\r\n\r\nC: d\r\n", "A=[ b]"},
      {"A:b\r\nC:\r\n", "A=[b]C=[]"},
      {"A: b\r\n c\r\n\td\r\nE: f\r\n", "A=[ b\r\n c\r\n\td]E=[ f]"},
      {"A : b\r\n", "A=[ b]"},
      {"A: b", "A=[ b]"},
      {"A: b\r\n ", "A=[ b\r\n ]"},
      {"A", "!"},
      {"Bad line\r\nA: b\r\n", "A=[ b]!"},
      {"From me\r\nA: b\r\n", "A=[ b]!"},
      {": b\r\n", "!"},
      {"A b: c\r\n", "!"},
      {" folded first\r\nA: b\r\n", "A=[ b]!"},
      {"A: b:c\r\n", "A=[ b:c]"},
      {"\xC3\xA4: b\r\n", "!"},
      // bare LF, CR CR LF, a missing empty line
      {"\nA: b\n", ""},
      {"A: b\n c\nC: d\n\nE: f\n", "A=[ b\n c]C=[ d]"},
      {"A: b\r\r\nC: d\r\r\n\r\r\nE: f\r\r\n", "A=[ b]C=[ d]"},
      {"A: b\r\n\nC: d\r\n", "A=[ b]"},
      {"A: b\nno field\nneither\nC: d\n", "A=[ b]!"},
      {"A: b\nno field\n folded\nC: d\n", "A=[ b]C=[ d]!"},
      {"A: b\n\t \nC: d\n", "A=[ b\n\t ]C=[ d]"},
      {"A: b\nFrom me\n", "A=[ b]!"},
  };
  for (const auto& [input, expected] : cases) {
    EXPECT_EQ(fields(input), expected) << testing::PrintToString(input);
    for (std::size_t n = 0; n < input.size(); ++n) EXPECT_LE(fields(input.substr(0, n)).size(), 200U);
  }
}

TEST(Header, OffsetsCoverTheSection) {
  const std::string section = "A: b\r\nrubbish\r\nC : d\r\n e\r\nF:g\n\r\nbody";
  HeaderReader reader(section, 100);
  std::string seen;
  while (const auto field = reader.next()) {
    seen += section.substr(field->begin - 100, field->end - field->begin) + "|";
  }
  EXPECT_EQ(seen, "A: b\r\n|C : d\r\n e\r\n|F:g\n|");
  EXPECT_EQ(reader.position(), 100 + section.find("body"));
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_EQ(reader.position(), 100 + section.find("body"));
}

TEST(Header, ByName) {
  const HeaderFields fields("Received: 1\nSubject: a\nRECEIVED: 2\nreceived : 3\n\nSubject: b\n");
  EXPECT_EQ(fields.all().size(), 4U);
  EXPECT_EQ(fields.first("received")->body, " 1");
  EXPECT_EQ(fields.last("received")->body, " 3");
  std::string all;
  for (const HeaderField* field : fields.every("Received")) all += field->body;
  EXPECT_EQ(all, " 1 2 3");
  EXPECT_EQ(fields.body("subject"), " a");
  EXPECT_EQ(fields.body("To"), "");
  EXPECT_EQ(fields.first("To"), nullptr);
  EXPECT_EQ(fields.last("To"), nullptr);
  EXPECT_FALSE(fields.has("Received "));
  EXPECT_EQ(HeaderFields("A: 1\nB: 2\nC: 3\n", 0, 2).all().size(), 2U);
}

TEST(Header, AMillionFields) {
  std::string section;
  for (int i = 0; i < 1'000'000; ++i) section += "X: y\n";
  const HeaderFields fields(section);
  EXPECT_EQ(fields.all().size(), 1'000'000U);
  EXPECT_EQ(fields.first("Y"), nullptr);
  std::string rubbish;
  while (rubbish.size() < 8U << 20) rubbish += "no field\nA: b\n";
  EXPECT_TRUE(HeaderFields(rubbish).malformed());
  std::string folded = "A: b";
  while (folded.size() < 8U << 20) folded += "\n ";
  EXPECT_EQ(HeaderFields(folded).all().size(), 1U);
}

TEST(Header, Size) {
  EXPECT_EQ(header_size("A: b\r\n\r\nbody"), 8U);
  EXPECT_EQ(header_size("\r\nbody"), 2U);
  EXPECT_EQ(header_size("A: b\r\n"), std::nullopt);
  EXPECT_EQ(header_size("A: b\r\n\r"), std::nullopt);
  EXPECT_EQ(header_size("A: b\r\n\r\n", 4), 8U);
}

}  // namespace
}  // namespace pabal::message
