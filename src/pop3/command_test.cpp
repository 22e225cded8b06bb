#include "pop3/command.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::pop3 {
namespace {

std::string dump(const Result<Command>& parsed) {
  if (!parsed) return std::string("error ").append(name_of(parsed.error().kind));
  std::string out(info(parsed->verb).name);
  if (parsed->message) out += " message=" + std::to_string(*parsed->message);
  if (parsed->verb == Verb::top) out += " lines=" + std::to_string(parsed->lines);
  if (!parsed->argument.empty()) out += " [" + parsed->argument + "]";
  if (parsed->initial_response) out += " response=[" + *parsed->initial_response + "]";
  return out;
}

struct Case {
  std::string_view line;
  std::string_view result;
};

constexpr Case kCases[] = {
    {"QUIT", "QUIT"},
    {"quit", "QUIT"},
    {"qUiT  ", "QUIT"},
    {"QUIT now", "error syntax"},
    {"", "error unsupported"},
    {" QUIT", "error unsupported"},
    {"QUITE", "error unsupported"},
    {"XTND XMIT", "error unsupported"},
    {"STAT", "STAT"},
    {"LIST", "LIST"},
    {"LIST 1", "LIST message=1"},
    {"LIST  1 ", "LIST message=1"},
    {"LIST 1 2", "error syntax"},
    {"LIST x", "error syntax"},
    {"LIST 0", "LIST message=0"},
    {"RETR", "error syntax"},
    {"RETR 1", "RETR message=1"},
    {"RETR 4294967295", "RETR message=4294967295"},
    {"RETR 4294967296", "error syntax"},
    {"RETR 99999999999999999999999999", "error syntax"},
    {"RETR -1", "error syntax"},
    {"RETR +1", "error syntax"},
    {"RETR 1.", "error syntax"},
    {"DELE", "error syntax"},
    {"DELE 007", "DELE message=7"},
    {"UIDL", "UIDL"},
    {"UIDL 3", "UIDL message=3"},
    {"TOP 1 0", "TOP message=1 lines=0"},
    {"TOP 1 4294967295", "TOP message=1 lines=4294967295"},
    {"TOP 1", "error syntax"},
    {"TOP 1 -5", "error syntax"},
    {"TOP 1 2 3", "error syntax"},
    {"USER", "error syntax"},
    {"USER ", "error syntax"},
    {"USER alice@seoul.example", "USER [alice@seoul.example]"},
    {"USER \"a b\"@seoul.example ", "USER [\"a b\"@seoul.example]"},
    {"USER 김철수@seoul.example", "USER [김철수@seoul.example]"},
    {"USER \xFF", "error syntax"},
    {"PASS", "error syntax"},
    {"PASS ", "error syntax"},
    {"PASS  two spaces ", "PASS [ two spaces ]"},
    {"PASS 비밀", "PASS [비밀]"},
    {"PASS \xC0\x80", "error syntax"},
    {"PASS a\tb", "error syntax"},
    {"AUTH", "AUTH"},
    {"AUTH plain", "AUTH [PLAIN]"},
    {"AUTH PLAIN =", "AUTH [PLAIN] response=[=]"},
    {"AUTH PLAIN AGEAYg==", "AUTH [PLAIN] response=[AGEAYg==]"},
    {"AUTH PLAIN a b", "error syntax"},
    {"LANG", "LANG"},
    {"LANG ko-KR", "LANG [ko-KR]"},
    {"LANG ko en", "error syntax"},
    {"UTF8", "UTF8"},
    {"UTF8 USER", "error syntax"},
    {"STLS", "STLS"},
    {"CAPA", "CAPA"},
    {"NOOP", "NOOP"},
    {"RSET", "RSET"},
    {"APOP mrose c4c9334bac560ecc979e58001b3e22fb", "APOP [mrose c4c9334bac560ecc979e58001b3e22fb]"},
};

TEST(Command, Table) {
  for (const auto& c : kCases) EXPECT_EQ(dump(parse_command(c.line)), c.result) << c.line;
  EXPECT_EQ(dump(parse_command(std::string_view("NOOP\0", 5))), "error unsupported");
  EXPECT_EQ(dump(parse_command(std::string_view("RETR 1\0", 7))), "error syntax");
}

TEST(Command, EveryPrefixIsAnswered) {
  for (const auto& c : kCases) {
    for (std::size_t n = 0; n <= c.line.size(); ++n) EXPECT_FALSE(dump(parse_command(c.line.substr(0, n))).empty());
  }
}

TEST(Command, TableOfVerbsIsInOrder) {
  for (std::size_t i = 0; i < kVerbs; ++i) EXPECT_EQ(all_verbs()[i].verb, static_cast<Verb>(i));
}

std::string dump(const Line& line) {
  switch (line.state) {
    case Line::State::incomplete:
      return "incomplete";
    case Line::State::whole:
      return "[" + std::string(line.text) + "] " + std::to_string(line.size);
    case Line::State::too_long:
      return "too long " + std::to_string(line.size);
  }
  return "?";
}

TEST(Lines, Table) {
  const LineLimits limits{.command = 10, .authentication = 20};
  struct LineCase {
    std::string_view input;
    bool response;
    std::string_view result;
  };
  constexpr LineCase cases[] = {
      {"", false, "incomplete"},
      {"NOOP", false, "incomplete"},
      {"NOOP\r", false, "incomplete"},
      {"NOOP\r\n", false, "[NOOP] 6"},
      {"NOOP\n", false, "[NOOP] 5"},
      {"\r\n", false, "[] 2"},
      {"\n", false, "[] 1"},
      {"NOOP\r\r\n", false, "[NOOP\r] 7"},
      {"NOOP\r\nQUIT\r\n", false, "[NOOP] 6"},
      {"12345678\r\n", false, "[12345678] 10"},
      {"123456789\r\n", false, "too long 10"},
      {"1234567890", false, "too long 10"},
      {"123456789", false, "incomplete"},
      {"AUTH 67890123456789", false, "incomplete"},
      {"auth 6789012345678\r\n", false, "[auth 6789012345678] 20"},
      {"AUTH 678901234567890", false, "too long 20"},
      {"1234567890123456789", true, "incomplete"},
  };
  for (const auto& c : cases) EXPECT_EQ(dump(next_line(c.input, c.response, limits)), c.result) << c.input;
}

TEST(Lines, WhatIsTooLongIsSkippedToItsEnd) {
  EXPECT_EQ(skip_line("abc").size, 3U);
  EXPECT_FALSE(skip_line("abc").ended);
  EXPECT_EQ(skip_line("abc\r\nQUIT\r\n").size, 5U);
  EXPECT_TRUE(skip_line("abc\r\nQUIT\r\n").ended);
}

}  // namespace
}  // namespace pabal::pop3
