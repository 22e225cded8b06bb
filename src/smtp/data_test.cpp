#include "smtp/data.hpp"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "smtp/data_reference.hpp"

namespace pabal::smtp {
namespace {

using namespace std::string_literals;

std::string_view name_of(TextFault fault) {
  switch (fault) {
    case TextFault::bare_cr:
      return "bare_cr";
    case TextFault::bare_lf:
      return "bare_lf";
    case TextFault::nul:
      return "nul";
    case TextFault::long_line:
      return "long_line";
  }
  return "";
}

// "text | fault | rest": what came out, what was wrong, what was left of the input. "…" stands for "no end seen".
std::string decoded(std::string_view input, TextRules rules, std::size_t step) {
  TextDecoder decoder(rules);
  std::string text;
  std::size_t given = 0;
  std::string_view piece;
  while (!decoder.ended() && given < input.size()) {
    piece = input.substr(given, step);
    given += piece.size();
    while (!piece.empty() && !decoder.ended()) text += decoder.decode(piece);
  }
  if (rules.framing == Framing::counted) text += decoder.finish();
  const bool refused = decoder.fault().has_value() && rules.bare_newlines == BareNewlines::refuse;
  std::string out = refused ? "" : text;
  out += "|";
  if (decoder.fault()) out += name_of(*decoder.fault());
  out += "|";
  if (rules.framing == Framing::dots && !decoder.ended()) return out + "...";
  return out + std::string(piece) + std::string(input.substr(given));
}

struct Case {
  std::string input;
  std::string expected;
};

void check(const std::vector<Case>& cases, TextRules rules) {
  for (const auto& [input, expected] : cases) {
    for (std::size_t step = 1; step <= input.size() + 1; ++step) {
      EXPECT_EQ(decoded(input, rules, step), expected) << "step " << step << " of " << testing::PrintToString(input);
    }
  }
}

TEST(TextDecoder, Dots) {
  check(
      {
          {".\r\n", "||"},
          {"a\r\n.\r\n", "a\r\n||"},
          {"a\r\n.\r\nQUIT\r\n", "a\r\n||QUIT\r\n"},
          {"..\r\n.\r\n", ".\r\n||"},
          {"...\r\n.\r\n", "..\r\n||"},
          {".a\r\n.\r\n", "a\r\n||"},
          {"a\r\n..b\r\n.\r\n", "a\r\n.b\r\n||"},
          {"a.b\r\n.\r\n", "a.b\r\n||"},
          {"\r\n\r\n.\r\n", "\r\n\r\n||"},
          {"\x80\xff\r\n.\r\n", "\x80\xff\r\n||"},
          {"a", "a||..."},
          {"a\r\n", "a\r\n||..."},
          {"a\r\n.", "a\r\n||..."},
          {"a\r\n.\r", "a\r\n||..."},
          {"a\0b\r\n.\r\n"s, "|nul|"},
      },
      {});
}

// Every form of SMTP smuggling (CVE-2023-51764 and its family): what is not CRLF.CRLF does not end the data, and the
// message is refused.
TEST(TextDecoder, NothingButCrlfDotCrlfEndsTheData) {
  check(
      {
          {"a\n.\nMAIL\r\n.\r\nX", "|bare_lf|X"},
          {"a\r.\rMAIL\r\n.\r\nX", "|bare_cr|X"},
          {"a\n.\r\nMAIL\r\n.\r\nX", "|bare_lf|X"},
          {"a\r\n.\nMAIL\r\n.\r\nX", "|bare_lf|X"},
          {"a\r\n.\rMAIL\r\n.\r\nX", "|bare_cr|X"},
          {"a\r.\r\nMAIL\r\n.\r\nX", "|bare_cr|X"},
          {"a\r\n\x00.\r\nMAIL\r\n.\r\nX"s, "|nul|X"},
          {"a\r\n.\r\r\nMAIL\r\n.\r\nX", "|bare_cr|X"},
          {"a\r\r\n.\r\nX", "|bare_cr|X"},
          {"a\n\r\n.\r\nX", "|bare_lf|X"},
          {"a\n\n.\n\r\n.\r\nX", "|bare_lf|X"},
          {"a\r\n.\n.\r\n.\r\nX", "|bare_lf|X"},
          {".\nMAIL\r\n.\r\nX", "|bare_lf|X"},
          {".\rMAIL\r\n.\r\nX", "|bare_cr|X"},
          {"\n.\r\n.\r\nX", "|bare_lf|X"},
      },
      {});
}

TEST(TextDecoder, NormalisingNeverMixesAndNeverEndsOnABareNewline) {
  check(
      {
          {"a\nb\r\n.\r\n", "a\r\nb\r\n||"},
          {"a\rb\r\n.\r\n", "a\r\nb\r\n||"},
          {"a\n.\nb\r\n.\r\nX", "a\r\n.\r\nb\r\n||X"},
          {"a\r.\rb\r\n.\r\nX", "a\r\n.\r\nb\r\n||X"},
          {"a\n.\r\nb\r\n.\r\nX", "a\r\n.\r\nb\r\n||X"},
          {"a\r\n.\nb\r\n.\r\nX", "a\r\n\r\nb\r\n||X"},
          {"a\r\r\n.\r\n", "a\r\n\r\n||"},
          {"\n\r\n.\r\n", "\r\n\r\n||"},
      },
      {.bare_newlines = BareNewlines::normalise});
}

TEST(TextDecoder, Counted) {
  check(
      {
          {"", "||"},
          {"a\r\n", "a\r\n||"},
          {"a", "a\r\n||"},  // the last line's end is put where it lacks
          {"a\r\n.\r\nb\r\n", "a\r\n.\r\nb\r\n||"},
          {"..\r\n", "..\r\n||"},
          {"a\nb\r\n", "|bare_lf|"},
          {"a\rb\r\n", "|bare_cr|"},
          {"a\r", "|bare_cr|"},
          {"a\0"s, "|nul|"},
      },
      {.framing = Framing::counted});
}

TEST(TextDecoder, LongLines) {
  const auto line = [](std::size_t n) { return std::string(n, 'x') + "\r\n"; };
  check({{line(98) + ".\r\n", line(98) + "||"},
         {line(99) + ".\r\n", "|long_line|"},
         {line(3) + line(98) + line(98) + ".\r\n", line(3) + line(98) + line(98) + "||"},
         {line(3) + line(99) + line(2) + ".\r\n", "|long_line|"},
         {".." + line(96) + ".\r\n", "." + line(96) + "||"},
         {".." + line(97) + ".\r\n", "|long_line|"}},
        {.max_line = 100});
  check({{line(2000) + ".\r\n", line(2000) + "||"}}, {});
}

// Against a decoder that is too simple to be wrong, on texts made of what matters.
TEST(TextDecoder, AgreesWithTheReference) {
  std::mt19937 engine(20261122);
  constexpr std::string_view letters = "\r\n\r\n\r\n..ax\0";
  for (int round = 0; round < 20'000; ++round) {
    std::string input;
    const std::size_t size = engine() % 200;
    while (input.size() < size) {
      if (engine() % 3 == 0) input += "\r\n";
      if (engine() % 9 == 0) input += std::string(engine() % 90, 'y');
      input += std::string_view(letters.data(), 11)[engine() % (engine() % 2 == 0 ? 11 : 10)];
    }
    const TextRules rules{.framing = engine() % 4 == 0 ? Framing::counted : Framing::dots,
                          .bare_newlines = engine() % 2 == 0 ? BareNewlines::refuse : BareNewlines::normalise,
                          .max_line = engine() % 2 == 0 ? 0U : 60U};
    const auto expected = reference_decode(input, rules);
    const auto got = decode_in_steps(input, rules, 1 + engine() % 100);
    ASSERT_EQ(got, expected) << testing::PrintToString(input);
  }
}

}  // namespace
}  // namespace pabal::smtp
