#include "smtp/line.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace pabal::smtp {
namespace {

// One word an event: (text), bare, long or flood, with a ! where a BDAT may be in it. Input arrives in pieces of `step`
// octets.
std::string events(std::string_view octets, std::size_t limit, std::size_t step) {
  LineSplitter splitter;
  std::string out;
  std::string buffer;
  std::size_t given = 0;
  while (true) {
    const auto event = splitter.next(buffer, limit);
    switch (event.kind) {
      case LineSplitter::Kind::line:
        out += "(" + std::string(event.text) + ")";
        break;
      case LineSplitter::Kind::bare_lf:
        out += event.may_be_bdat ? "bare! " : "bare ";
        break;
      case LineSplitter::Kind::too_long:
        out += event.may_be_bdat ? "long! " : "long ";
        break;
      case LineSplitter::Kind::flood:
        return out + "flood";
      case LineSplitter::Kind::incomplete:
        break;
    }
    buffer.erase(0, event.consumed);
    if (event.kind != LineSplitter::Kind::incomplete) continue;
    if (given == octets.size()) return out;
    const auto piece = octets.substr(given, step);
    buffer += piece;
    given += piece.size();
  }
}

struct Case {
  std::string input;
  std::string expected;
};

TEST(LineSplitter, TheSameHoweverItArrives) {
  using namespace std::string_literals;
  const std::vector<Case> cases = {
      {"NOOP\r\n", "(NOOP)"},
      {"NOOP\r\nQUIT\r\n", "(NOOP)(QUIT)"},
      {"\r\n", "()"},
      {"NOOP", ""},
      {"NOOP\r", ""},
      {"NOOP\n", "bare "},
      {"\n\n", "bare bare "},
      {"NOOP\nQUIT\r\n", "bare "},  // what hangs on a bare LF is not run
      {"NOOP\nQUIT\r\nRSET\r\n", "bare (RSET)"},
      {"NO\rOP\r\nRSET\r\n", "bare (RSET)"},
      {"NOOP\r\r\nRSET\r\n", "bare (RSET)"},
      {"NO\0OP\r\nRSET\r\n"s, "bare (RSET)"},
      {"12345678901234567890\r\nRSET\r\n", "long (RSET)"},
      {"12345678\r\n", "(12345678)"},  // ten octets with CRLF: just fits
      {"123456789\r\n", "long "},
      {"123456789\r", "long "},
      {"12345678901234567890\nRCPT\r\nRSET\r\n", "long (RSET)"},
      {"x\n12345678901234567890\r\nRSET\r\n", "bare (RSET)"},
      {std::string(9, 'x') + "\n" + std::string(9, 'y') + "\r\nRSET\r\n", "bare (RSET)"},
      {std::string(500, 'x'), "long flood"},
      // Refused lines that announce a chunk, by anybody's rule of where lines begin.
      {"BDAT 1\nRSET\r\nRSET\r\n", "bare! (RSET)"},
      {"bdat\0 1\r\nRSET\r\n"s, "bare! (RSET)"},
      {"BDAT 1\r \r\nRSET\r\n", "bare! (RSET)"},
      {"x\rBDAT\r\nRSET\r\n", "bare! (RSET)"},
      {"x\nBDAT 1\r\nRSET\r\n", "bare bare! (RSET)"},
      {"x\nxBDAT 1\r\nRSET\r\n", "bare (RSET)"},
      {"BDAT 12345678\r\nRSET\r\n", "long! (RSET)"},
      {"xBDAT 12345678\r\nRSET\r\n", "long (RSET)"},
      {"BDAt1234567\nRSET\r\nBDAT 1\r\n", "long! (BDAT 1)"},
  };
  for (const auto& [input, expected] : cases) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
      EXPECT_EQ(events(input, 10, step), expected) << "step " << step << " of " << testing::PrintToString(input);
    }
    if (!expected.ends_with("flood")) {
      EXPECT_EQ(events(input, 10, input.size()), expected) << testing::PrintToString(input);
    }
  }
}

TEST(LineSplitter, AFloodThatArrivesAtOnce) {
  EXPECT_EQ(events(std::string(500, 'x') + "\r\n", 10, 1000), "flood");
  EXPECT_EQ(events(std::string(500, 'x'), 10, 1000), "flood");
}

}  // namespace
}  // namespace pabal::smtp
