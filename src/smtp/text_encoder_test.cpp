#include "smtp/text_encoder.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::smtp {
namespace {

std::string encoded(std::string_view letter, Framing framing, std::size_t step) {
  TextEncoder encoder(framing);
  std::string out;
  for (std::size_t at = 0; at < letter.size(); at += step) encoder.encode(letter.substr(at, step), out);
  encoder.finish(out);
  return out;
}

TEST(TextEncoder, Table) {
  struct Case {
    std::string_view letter;
    std::string_view dots;
    std::string_view counted;
  };
  const Case cases[] = {
      {"", ".\r\n", ""},
      {"a\r\n", "a\r\n.\r\n", "a\r\n"},
      {"a", "a\r\n.\r\n", "a\r\n"},
      {"a\r\nb", "a\r\nb\r\n.\r\n", "a\r\nb\r\n"},
      {"\r\n", "\r\n.\r\n", "\r\n"},
      {".", "..\r\n.\r\n", ".\r\n"},
      {".\r\n", "..\r\n.\r\n", ".\r\n"},
      {"a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n"},
      {"a\r\n..b\r\n", "a\r\n...b\r\n.\r\n", "a\r\n..b\r\n"},
      {"a.b\r\nc.\r\n", "a.b\r\nc.\r\n.\r\n", "a.b\r\nc.\r\n"},
      // None of these may reach a peer as they are.
      {"a\n.\nb\n", "a\r\n..\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n"},
      {"a\r.\rb", "a\r\n..\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n"},
      {"a\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n"},
      {"a\r\n.\rb", "a\r\n..\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n"},
      {"a\r", "a\r\n.\r\n", "a\r\n"},
      {"a\r\r\nb", "a\r\n\r\nb\r\n.\r\n", "a\r\n\r\nb\r\n"},
      {"a\n\r\nb", "a\r\n\r\nb\r\n.\r\n", "a\r\n\r\nb\r\n"},
      {"\n\n", "\r\n\r\n.\r\n", "\r\n\r\n"},
      {"\r\r", "\r\n\r\n.\r\n", "\r\n\r\n"},
  };
  for (const auto& [letter, dots, counted] : cases) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{100}}) {
      EXPECT_EQ(encoded(letter, Framing::dots, step), dots) << printable(letter) << " by " << step;
      EXPECT_EQ(encoded(letter, Framing::counted, step), counted) << printable(letter) << " by " << step;
    }
  }
}

TEST(TextEncoder, TheDecoderTakesItApartAgain) {
  std::uint64_t state = 1;
  for (std::size_t round = 0; round < 3000; ++round) {
    std::string letter;
    for (int i = 0; i < 60; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      letter += std::string_view("\r\n..ab")[(state >> 33) % 6];
    }
    for (const auto framing : {Framing::dots, Framing::counted}) {
      const auto wire = encoded(letter, framing, 1 + round % 9);
      TextDecoder decoder({.framing = framing, .bare_newlines = BareNewlines::refuse, .max_line = 0});
      std::string back;
      std::string_view rest = wire;
      while (!rest.empty() && !decoder.ended()) back += decoder.decode(rest);
      back += decoder.finish();
      ASSERT_FALSE(decoder.fault()) << printable(wire);
      ASSERT_EQ(decoder.ended(), framing == Framing::dots);
      ASSERT_TRUE(rest.empty());
      ASSERT_EQ(back, encoded(letter, Framing::counted, 1000)) << printable(letter);
    }
  }
}

}  // namespace
}  // namespace pabal::smtp
