#include "codec/body_encoder.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "base/text.hpp"
#include "codec/transfer.hpp"

namespace pabal::codec {
namespace {

std::string base64_in_pieces(std::string_view octets, std::size_t piece) {
  Base64Encoder encoder;
  std::string out;
  for (std::size_t i = 0; i < octets.size(); i += piece) encoder.encode(octets.substr(i, piece), out);
  encoder.finish(out);
  return out;
}

std::string quoted_in_pieces(std::string_view octets, bool binary, std::size_t piece) {
  QuotedPrintableEncoder encoder(binary);
  std::string out;
  for (std::size_t i = 0; i < octets.size(); i += piece) encoder.encode(octets.substr(i, piece), out);
  encoder.finish(out);
  return out;
}

TEST(BodyEncoder, Base64IsTheSameInAnyPieces) {
  SeededRandom random(3);
  for (std::size_t size = 0; size < 260; ++size) {
    const std::string octets = random.octets(size);
    const std::string whole = encode_base64_body(octets);
    for (const std::size_t piece : {1U, 2U, 5U, 56U, 57U, 58U, 1000U})
      ASSERT_EQ(base64_in_pieces(octets, piece), whole) << size << ' ' << piece;
  }
}

TEST(BodyEncoder, QuotedPrintableTable) {
  struct Case {
    std::string text;
    std::string expected;
  };
  const std::string x74(74, 'x');
  const Case cases[] = {
      {"", ""},
      {"plain\r\n", "plain\r\n"},
      {"no end", "no end=\r\n"},
      {"a = b\r\n", "a =3D b\r\n"},
      {"trailing \r\n", "trailing=20\r\n"},
      {"tab\t\r\nx", "tab=09\r\nx=\r\n"},
      {"From me\r\n From me\r\nxFrom \r\n", "=46rom me\r\n From me\r\nxFrom=20\r\n"},
      {".\r\n..\r\n.x\r\n", "=2E\r\n..\r\n.x\r\n"},
      {"bare\nlf\rcr\r\n", "bare=0Alf=0Dcr\r\n"},
      {"\xEA\xB0\x80\r\n", "=EA=B0=80\r\n"},
      {x74 + "xy\r\n", x74 + "x=\r\ny\r\n"},
      {x74 + "x\r\n", x74 + "x\r\n"},
      {x74 + "\xE9\r\n", x74 + "=\r\n=E9\r\n"},
      {x74 + "xFrom x\r\n", x74 + "x=\r\n=46rom x\r\n"},
      {x74 + "x.\r\n", x74 + "x=\r\n=2E\r\n"},
  };
  for (const auto& [text, expected] : cases) {
    for (const std::size_t piece : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 100U})
      EXPECT_EQ(quoted_in_pieces(text, false, piece), expected) << printable(text) << ' ' << piece;
  }
  EXPECT_EQ(quoted_in_pieces("a\r\nb", true, 1), "a=0D=0Ab=\r\n");
}

TEST(BodyEncoder, QuotedPrintableDecodesToWhatItWas) {
  SeededRandom random(4);
  const std::string letters = "aF rom.=\t\r\n\x80\xFF";
  for (int round = 0; round < 400; ++round) {
    std::string text;
    for (auto left = random.below(300); left > 0; --left) text += letters[random.below(letters.size())];
    for (const bool binary : {false, true}) {
      const std::string whole = quoted_in_pieces(text, binary, 1000);
      for (const std::size_t piece : {1U, 2U, 3U, 5U, 11U}) ASSERT_EQ(quoted_in_pieces(text, binary, piece), whole);
      const auto decoded = decode_quoted_printable(whole);
      EXPECT_FALSE(decoded.damaged);
      ASSERT_EQ(decoded.octets, text) << printable(whole, 1000);
      for (const auto line : split(whole, '\n')) EXPECT_LE(line.size(), 77U);
    }
  }
}

}  // namespace
}  // namespace pabal::codec
