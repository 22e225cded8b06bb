#include "codec/base64.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "codec/hex.hpp"

namespace pabal::codec {
namespace {

using namespace std::string_view_literals;

TEST(Base64, Vectors) {  // RFC 4648 §10
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {"\xFF\xFE\xFD", "//79"},
      {"\0alice\0demo"sv, "AGFsaWNlAGRlbW8="},
  };
  for (const auto& [octets, text] : cases) {
    EXPECT_EQ(base64(octets), text);
    EXPECT_EQ(decode_base64(text), octets);
  }
}

TEST(Base64, RefusesWhatIsNotIt) {
  for (const auto text : {"=", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9v=", "Zm=v", "Zm9v\r\n", "Zm 9", "Zm9-",
                          "Zm9_", "Zh==", "Zm9=", "Z\xC3\xA9=", "*", "Zm9v*", "=m9v", "Zm9v===="}) {
    const auto decoded = decode_base64(text);
    ASSERT_FALSE(decoded.has_value()) << text;
    EXPECT_EQ(decoded.error().kind, ErrorKind::syntax);
  }
  EXPECT_FALSE(decode_base64("Zm9\0"sv).has_value());
}

TEST(Base64, RoundTripsEveryLength) {
  SeededRandom random(1);
  for (std::size_t n = 0; n < 300; ++n) {
    const auto octets = random.octets(n);
    EXPECT_EQ(decode_base64(base64(octets)), octets);
  }
}

TEST(Base64, EveryOneOctetChangeIsRefusedOrMeansAnother) {
  const std::string text = base64("파발마");
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string changed = text;
      changed[i] = static_cast<char>(c);
      const auto decoded = decode_base64(changed);
      if (decoded) EXPECT_EQ(base64(*decoded), changed);
    }
  }
}

TEST(Hex, BothWays) {
  EXPECT_EQ(hex("\x00\xFF\x1a"sv), "00ff1a");
  EXPECT_EQ(decode_hex("00Ff1A"), "\x00\xFF\x1a"sv);
  EXPECT_EQ(decode_hex(""), "");
  EXPECT_EQ(decode_hex("0"), std::nullopt);
  EXPECT_EQ(decode_hex("0g"), std::nullopt);
  EXPECT_EQ(decode_hex(" 0"), std::nullopt);
}

}  // namespace
}  // namespace pabal::codec
