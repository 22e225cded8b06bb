#include "message/encoded_word.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::message {
namespace {

TEST(EncodedWord, Read) {
  struct Case {
    std::string_view body;
    std::string_view text;
  };
  static constexpr Case cases[] = {
      {"", ""},
      {" plain ", "plain"},
      {"fold\r\n ed", "fold ed"},
      // RFC 2047 §8
      {"=?ISO-8859-1?Q?a?=", "a"},
      {"=?ISO-8859-1?Q?a?= b", "a b"},
      {"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a_b?=", "a b"},
      {"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
      {"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"},
      // Korean
      {"=?euc-kr?B?xsS53w==?=", "파발"},
      {"=?ks_c_5601-1987?B?xsS53w==?=", "파발"},
      {"=?UTF-8?Q?=ED=8C=8C=EB=B0=9C?=", "파발"},
      {"=?utf-8?b?7Yw=?= =?utf-8?b?jOuwnA==?=", "파발"},  // a character split over two words
      {"=?utf-8?Q?=ED=8C?= =?utf-8?Q?=8C?=", "파"},
      {"=?iso-2022-jp?B?GyRCJDMbKEI=?= =?iso-2022-jp?B?GyRCJHMbKEI=?=", "こん"},
      // broken
      {"=?utf-8?Q?a b?=", "a b"},
      {"=?utf-8?Q?abc", "abc"},
      {"=?utf-8?Q?abc?", "abc"},
      {"=?utf-8?X?abc?=", "=?utf-8?X?abc?="},
      {"=?utf-8?Q", "=?utf-8?Q"},
      {"=??Q?a?=", "=??Q?a?="},
      {"a =?*en?Q?secret?= b", "a =?*en?Q?secret?= b"},  // a language without a charset
      {"=?*?B?YQ==?= =?utf-8?Q?b?=", "=?*?B?YQ==?= b"},
      {"=?", "=?"},
      {"a=?utf-8?Q?b?=c", "abc"},
      {"=?utf-8?Q?=G1?=", "=G1"},
      {"=?no-such-set?Q?abc?=", "abc"},
      {"=?utf-8?B?7YyM67Cc?", "파발"},
      {"=?utf-8?Q?a=0D=0ABcc:_x?=", "aBcc: x"},  // no line end comes out
      {"=?utf-8?Q?a=0D=0A_b=09c=00d?=", "a bcd"},
      {"\xC6\xC4\xB9\xDF", "파발"},
      {"raw 파발", "raw 파발"},
      {"=?utf-8?Q?why?=20not?=", "why? not"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(decode_text(c.body), c.text) << c.body;
    for (std::size_t n = 0; n < c.body.size(); ++n) EXPECT_TRUE(is_utf8(decode_text(c.body.substr(0, n))));
  }
}

TEST(EncodedWord, Written) {
  EXPECT_EQ(encode_text("plain"), "plain");
  EXPECT_EQ(encode_text("파발"), "=?utf-8?B?7YyM67Cc?=");
  EXPECT_EQ(encode_text("a café and more"), "=?utf-8?Q?a_caf=C3=A9_and_more?=");
  EXPECT_EQ(encode_text("a\r\nBcc: b"), "a  Bcc: b");
  for (const std::string_view text :
       {"가나다라마바사아자차카타파하가나다라마바사아자차카타파하가나다라마바사아자차카타파하",
        "=?utf-8?Q?x?=", "é and more and more é", "x  y"}) {
    const std::string written = encode_text(text);
    EXPECT_EQ(decode_text(written), text);
    for (const auto word : split(written, ' ')) EXPECT_LE(word.size(), 75U);
  }
}

// Each would take minutes if its time were quadratic.
TEST(EncodedWord, LinearOnHostileInput) {
  for (const std::string_view piece :
       {"=?utf-8?Q?", "=?a?Q?\?=0a", "=?", "=?a?q?,", "=?utf-8?B?\?= ", "=?x?Q?=FF=FE=E9?= a ",
        "=?iso-2022-kr?B?YQ==?= x ", "\xFF ", "=?utf-8?Q?=ED?= =?utf-8?Q?=8C?= ", "?=", "=?utf-8?Q?a?=b"}) {
    std::string text;
    while (text.size() < 1U << 20) text += piece;
    const auto began = std::chrono::steady_clock::now();
    EXPECT_TRUE(is_utf8(decode_text(text)));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    EXPECT_LT(took.count(), 10) << piece;
  }
}

}  // namespace
}  // namespace pabal::message
