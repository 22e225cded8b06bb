#include "codec/body_decoder.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace pabal::codec {
namespace {

std::string in_pieces(TransferEncoding encoding, std::string_view text, std::size_t piece) {
  BodyDecoder decoder(encoding);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece) decoder.decode(text.substr(at, piece), out);
  decoder.finish(out);
  return out;
}

void expect_same(TransferEncoding encoding, std::string_view text) {
  const auto whole = decode_body(encoding, text).octets;
  for (const std::size_t piece : {1U, 2U, 3U, 4U, 5U, 7U, 64U, 999U, 4096U}) {
    ASSERT_EQ(in_pieces(encoding, text, piece), whole) << piece << " of " << text.substr(0, 200);
  }
}

TEST(BodyDecoder, AsTheWhole) {
  constexpr std::string_view base64[] = {
      "", "aGVsbG8=", "aGVsbG8", "aGV\r\nsbG8=", "aGVs!bG8", "aGVsbG8=aGVsbG8=", "aGVsbG8a", "====a=b==c"};
  for (const auto text : base64) expect_same(TransferEncoding::base64, text);
  constexpr std::string_view quoted[] = {"",      "a=3D=\r\nb  \r\n \r\n",   "soft=",          "=", "=4",
                                         "=4\n1", "x \t\r\n\r\r\ny=  \r\nz", "  \r  \n x \r  "};
  for (const auto text : quoted) expect_same(TransferEncoding::quoted_printable, text);
  expect_same(TransferEncoding::identity, "any\r\nthing");
}

TEST(BodyDecoder, AnyText) {
  SeededRandom random(11);
  constexpr std::string_view letters = "AbC012+/==\r\n\t  =3D!\xff";
  for (int round = 0; round < 300; ++round) {
    std::string text(random.below(round % 10 == 0 ? 9000U : 80U), 'x');
    for (auto& c : text) c = letters[random.below(letters.size())];
    // Some lines that don't end.
    if (round % 20 == 0) std::erase(text, '\n');
    expect_same(TransferEncoding::base64, text);
    expect_same(TransferEncoding::quoted_printable, text);
  }
}

// What is held doesn't grow with the text.
TEST(BodyDecoder, LinesWithoutAnEnd) {
  BodyDecoder decoder(TransferEncoding::quoted_printable);
  std::string out;
  std::size_t told = 0;
  for (int i = 0; i < 1000; ++i) {
    decoder.decode("some words, and =C3=A9 ", out);
    told += out.size();
    out.clear();
    ASSERT_GE(told + 1100, static_cast<std::size_t>(i) * 19);
  }
}

}  // namespace
}  // namespace pabal::codec
