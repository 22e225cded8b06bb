#include "message/content.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "base/text.hpp"
#include "message/field_parameters.hpp"

namespace pabal::message {
namespace {

std::string dump(const PartText& text) {
  return text.utf8 + (text.encoding_problem ? " !" : "") + (text.truncated ? " ~" : "");
}

struct Case {
  std::string_view message;
  std::string_view text;
  std::size_t limit = SIZE_MAX;
};

TEST(Content, LineEnds) {
  constexpr std::pair<std::string_view, std::string_view> rows[] = {
      {"", ""},
      {"a", "a"},
      {"a\r\nb\r\n", "a\nb\n"},
      {"\r", "\n"},
      {"\r\r", "\n\n"},
      {"\r\r\n", "\n\n"},
      {"a\rb\nc", "a\nb\nc"},
      {"\n\r\n\r", "\n\n\n"},
      {"a\r\n\rb", "a\n\nb"},
      {"\r\n", "\n"},
  };
  for (const auto& [written, wanted] : rows) {
    std::string text(written);
    normalize_line_ends(text);
    EXPECT_EQ(text, wanted);
  }
}

TEST(Content, Texts) {
  static const Case cases[] = {
      {"\r\nhello\r\nworld\r\n", "hello\nworld\n"},
      {"\r\nlone\rreturns\r\r\n", "lone\nreturns\n\n"},
      {"Content-Transfer-Encoding: quoted-printable\r\n\r\n=EC=95=88=\r\n=EB=85=95", "안녕"},
      {"Content-Transfer-Encoding: base64\r\n\r\n7JWI\r\n64WV\r\n", "안녕"},
      {"Content-Transfer-Encoding: x-uuencode\r\n\r\nabc", "abc !"},
      {"Content-Type: text/plain; charset=euc-kr\r\n\r\n\xBE\xC8\xB3\xE7", "안녕"},
      {"Content-Type: text/plain; charset=\"ks_c_5601-1987\"\r\n\r\n\xBE\xC8\xB3\xE7", "안녕"},
      {"Content-Type: text/plain; charset=us-ascii\r\n\r\n안녕", "안녕"},
      {"Content-Type: text/plain; charset*=us-ascii''koi8-r\r\n\r\n\xF0\xF2", "ПР"},
      {"Content-Type: text/plain; Charset*0=koi8; CHARSET*1=-r\r\n\r\n\xF0\xF2", "ПР"},
      {"Content-Type: text/plain\r\n\r\n안녕", "안녕"},
      {"Content-Type: text/plain\r\n\r\n\xBE\xC8\xB3\xE7\xC7\xCF\xBC\xBC\xBF\xE4", "안녕하세요"},
      {"Content-Type: text/plain; charset=utf-8\r\n\r\na\xFF\x62", "a\xEF\xBF\xBD\x62 !"},
      {"Content-Type: text/plain; charset=no-such-set\r\n\r\nabc", "abc !"},
      {"Content-Type: text/plain\r\n\r\n\x1B$)C\x0E\x3E\x48\x33\x67\x0F", "안녕"},
      {"Content-Type: text/html\r\n\r\n<meta charset='euc-kr'>\xBE\xC8", "<meta charset='euc-kr'>안"},
      {"Content-Type: text/html\r\n\r\n<META http-equiv=x content=\"text/html; charset=euc-kr\">\xBE\xC8",
       "<META http-equiv=x content=\"text/html; charset=euc-kr\">안"},
      {"Content-Type: text/html; charset=utf-8\r\n\r\n<meta charset=euc-kr>안", "<meta charset=euc-kr>안"},
      {"\r\nhello", "hel ~", 3},
      {"\r\nhello", "hello", 5},
      {"\r\n안녕", "안 ~", 5},
      {"\r\n안녕", " ~", 2},
      {"", ""},
  };
  for (const auto& c : cases) {
    const auto tree = parse_mime(c.message);
    EXPECT_EQ(dump(text_of(c.message, tree.root(), c.limit)), c.text) << printable(c.message);
  }
}

TEST(Content, TruncatedTextsEndWithWholeCharacters) {
  std::string message = "Content-Type: text/plain; charset=utf-8\r\n\r\n";
  for (int i = 0; i < 5'000; ++i) message += "a안😀";
  const auto tree = parse_mime(message);
  for (std::size_t limit = 0; limit < 400; ++limit) {
    const auto text = text_of(message, tree.root(), limit);
    EXPECT_TRUE(is_utf8(text.utf8));
    EXPECT_LE(text.utf8.size(), limit);
    EXPECT_GT(text.utf8.size() + 4, limit);
    EXPECT_TRUE(text.truncated);
    EXPECT_FALSE(text.encoding_problem) << limit;
  }
}

TEST(Content, PiecesAreTheWhole) {
  SeededRandom random(7);
  const std::string octets = random.octets(20'000);
  std::string mixed = codec::encode_base64_body(octets.substr(0, 100)) + codec::encode_base64_body(octets);
  const std::string texts[] = {
      codec::encode_base64_body(octets),
      mixed,
      std::string(3'000, 'A') + "\n" + std::string(7, 'B') + "!\n" + std::string(300, 'C'),
      codec::encode_quoted_printable(octets, true),
      codec::encode_quoted_printable(octets),
      "no line end at all =41=42=\r\n=43 " + std::string(500, 'x') + "   \r\n  \r\n",
  };
  for (const auto& text : texts) {
    for (const auto encoding : {codec::TransferEncoding::base64, codec::TransferEncoding::quoted_printable,
                                codec::TransferEncoding::identity, codec::TransferEncoding::unknown}) {
      const auto whole = codec::decode_body(encoding, text);
      for (const std::size_t size : {std::size_t{16}, std::size_t{77}, std::size_t{1000}, std::size_t{100'000}}) {
        std::string joined;
        ContentPieces pieces(encoding, text, size);
        while (const auto piece = pieces.next()) joined += *piece;
        EXPECT_EQ(joined == whole.octets, true) << static_cast<int>(encoding) << " " << size;
      }
    }
  }
}

TEST(Content, DecodedSizes) {
  const std::string_view message = "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\nAAA=\r\n";
  EXPECT_EQ(decoded_size(message, parse_mime(message).root()), 5U);
  const std::string_view plain = "\r\nabc\r\n";
  EXPECT_EQ(decoded_size(plain, parse_mime(plain).root()), 5U);
}

TEST(FieldParameters, Tables) {
  struct Row {
    std::string_view body;
    std::string_view dump;
  };
  static const Row rows[] = {
      {" text/plain", ""},
      {" text/plain; charset=utf-8", "charset=utf-8|"},
      {" text/plain; charset=\"utf-8\"; Format = flowed", "charset=utf-8|Format=flowed|"},
      {" text/plain charset=utf-8", "charset=utf-8|"},
      {" text/plain (a; b=c) ; d (x) = (y) e (z)", "d=e|"},
      {" a/b; filename*0*=utf-8''%EC; filename*1=\"b \\\"c\\\"\"", "filename*0*=utf-8''%EC|filename*1=b \"c\"|"},
      {" a/b; name=my file.txt; size=1", "name=my file.txt|size=1|"},
      {" a/b; name=my file.txt size=1", "name=my file.txt|size=1|"},
      {" a/b; name=\"unclosed; x=y", "name=unclosed; x=y|"},
      {" a/b; name=\"C:\\dir\\file\"", "name=C:\\dir\\file|"},
      {" a/b; =x; ;;; y", ""},
      {" a/b; x=\"folded\r\n value\"", "x=folded value|"},
      {"", ""},
      {";", ""},
      {" a/b; x=", "x=|"},
      {" a/b; x=\"\\", "x=\\|"},
  };
  for (const auto& row : rows) {
    std::string dump;
    for (const auto& parameter : raw_parameters(row.body)) dump += parameter.name + "=" + parameter.value + "|";
    EXPECT_EQ(dump, row.dump) << row.body;
  }
  EXPECT_EQ(raw_parameter(" a/b; X=1; x=2", "x"), "1");
  EXPECT_EQ(raw_parameter(" a/b", "x"), std::nullopt);
}

}  // namespace
}  // namespace pabal::message
