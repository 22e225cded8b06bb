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
  };
  for (const auto& [input, expected] : cases) {
    EXPECT_EQ(fields(input), expected) << testing::PrintToString(input);
    for (std::size_t n = 0; n < input.size(); ++n) EXPECT_LE(fields(input.substr(0, n)).size(), 200U);
  }
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
