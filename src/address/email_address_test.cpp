#include "address/email_address.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal {
namespace {

std::string dump(std::string_view text) {
  const auto address = EmailAddress::parse(text);
  if (!address) return "no: " + address.error().peer;
  std::string out = printable(address->local_part()) + " | " + address->text();
  if (address->display() != address->text()) out += " | " + address->display();
  if (address->needs_smtputf8()) out += " | utf8";
  return out;
}

struct Case {
  std::string text;
  std::string expected;
};

TEST(EmailAddress, Table) {
  const std::string local64(64, 'x');
  const std::string domain189 = std::string(61, 'd') + '.' + std::string(63, 'd') + '.' + std::string(63, 'd');
  ASSERT_EQ(domain189.size(), 189U);
  const std::vector<Case> cases = {
      {"alice@seoul.example", "alice | alice@seoul.example"},
      {"Alice@Seoul.EXAMPLE", "Alice | Alice@seoul.example"},
      {"a.b+tag@x", "a.b+tag | a.b+tag@x"},
      {"!#$%&'*+-/=?^_`{|}~@x", "!#$%&'*+-/=?^_`{|}~ | !#$%&'*+-/=?^_`{|}~@x"},
      {"앨리스@서울.example", "앨리스 | 앨리스@xn--2i4bq6h.example | 앨리스@서울.example | utf8"},
      {"bob@서울.example", "bob | bob@xn--2i4bq6h.example | bob@서울.example"},
      {"henryⅣ@x", "henryⅣ | henryⅣ@x | utf8"},
      // Quoted strings
      {R"("a b"@x)", R"(a b | "a b"@x)"},
      {R"("alice"@x)", "alice | alice@x"},
      {R"("a\"b\\c"@x)", R"(a"b\c | "a\"b\\c"@x)"},
      {R"("\a\l\i"@x)", "ali | ali@x"},
      {R"("a@b"@x)", R"(a@b | "a@b"@x)"},
      {R"("a>b <c"@x)", R"(a>b <c | "a>b <c"@x)"},
      {R"("a..b"@x)", R"(a..b | "a..b"@x)"},
      {R"("."@x)", R"(. | "."@x)"},
      {R"(""@x)", R"( | ""@x)"},
      {R"("앨 리스"@x)", R"(앨 리스 | "앨 리스"@x | utf8)"},
      {R"("앨리스"@x)", "앨리스 | 앨리스@x | utf8"},
      {R"("a"b@x)", "no: invalid address: no domain"},
      {R"("a"."b"@x)", "no: invalid address: no domain"},
      {R"("a)", "no: invalid address: the quoted string does not end"},
      {R"("a\)", "no: invalid address: the quoted string does not end"},
      {R"("a\"@x)", "no: invalid address: the quoted string does not end"},
      {R"("\앨"@x)", "no: invalid address: only ASCII can be escaped"},
      {"\"a\tb\"@x", "no: invalid address: a control character"},
      {"\"a\\\tb\"@x", "no: invalid address: a control character"},
      {"\"a\r\n b\"@x", "no: invalid address: a control character"},
      {std::string("\"a\0b\"@x", 7), "no: invalid address: a control character"},
      // Literals
      {"a@[192.0.2.1]", "a | a@[192.0.2.1]"},
      {"a@[IPv6:2001:db8::1]", "a | a@[IPv6:2001:db8::1]"},
      {"a@[ipv6:::1]", "a | a@[ipv6:::1]"},
      {"a@[IPv6:::ffff:192.0.2.1]", "a | a@[IPv6:::ffff:192.0.2.1]"},
      {"a@[IPv6:1:2:3:4:5:6:7:8]", "a | a@[IPv6:1:2:3:4:5:6:7:8]"},
      {"a@[x-tag:anything!]", "a | a@[x-tag:anything!]"},
      {"a@[192.0.2.256]", "no: invalid address literal"},
      {"a@[192.0.2]", "no: invalid address literal"},
      {"a@[192.0.2.1.1]", "no: invalid address literal"},
      {"a@[192.0.2.0001]", "no: invalid address literal"},
      {"a@[]", "no: invalid address literal"},
      {"a@[", "no: invalid address: the address literal does not end"},
      {"a@[192.0.2.1", "no: invalid address: the address literal does not end"},
      {"a@[192.0.2.1]x", "no: invalid address: the address literal does not end"},
      {"a@[2001:db8::1]", "a | a@[2001:db8::1]"},  // by the grammar a literal with the tag "2001"
      {"a@[IPv6:1:2:3:4:5:6:7:8:9]", "no: invalid address literal"},
      {"a@[IPv6:fe80::1%eth0]", "no: invalid address literal"},
      {"a@[IPv6:]", "no: invalid address literal"},
      {"a@[tag:]", "no: invalid address literal"},
      {"a@[tag-:x]", "no: invalid address literal"},
      {"a@[tag:x]y]", "no: invalid address literal"},
      // What is no address
      {"", "no: invalid address: no domain"},
      {"alice", "no: invalid address: no domain"},
      {"@x", "no: invalid address: the local part"},
      {"alice@", "no: invalid address: no domain"},
      {".a@x", "no: invalid address: the local part"},
      {"a.@x", "no: invalid address: the local part"},
      {"a..b@x", "no: invalid address: the local part"},
      {"a b@x", "no: invalid address: the local part"},
      {" a@x", "no: invalid address: the local part"},
      {"a@x ", "no: invalid domain: only letters, digits and hyphens are allowed"},
      {"a@b@x", "no: invalid domain: only letters, digits and hyphens are allowed"},
      {"<a@x>", "no: invalid address: the local part"},
      {"a\\b@x", "no: invalid address: the local part"},
      {"(c)a@x", "no: invalid address: the local part"},
      {"a,b@x", "no: invalid address: the local part"},
      {"@relay,@other:a@x", "no: invalid address: the local part"},
      {"a@x.", "no: invalid domain: it ends with a dot"},
      {"a@_x.example", "no: invalid domain: only letters, digits and hyphens are allowed"},
      {std::string("a\0b@x", 5), "no: invalid address: the local part"},
      {"\xFF@x", "no: invalid address: not UTF-8"},
      {"a\xC2\x85@x", "no: invalid address: a character that addresses cannot have"},      // NEL, a control
      {"a\xE2\x80\xA8@x", "no: invalid address: a character that addresses cannot have"},  // line separator
      {"a\xEF\xBF\xBE@x", "no: invalid address: a character that addresses cannot have"},  // U+FFFE
      // Lengths
      {local64 + "x@x", "no: invalid address: the local part is too long"},
      {std::string(2000, 'x') + "@x", "no: invalid address: too long"},
      {local64 + '@' + 'd' + domain189, "no: invalid address: longer than 254 octets"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(dump(text), expected) << printable(text, 400);
  EXPECT_TRUE(EmailAddress::parse(local64 + "@x").has_value());
  EXPECT_TRUE(EmailAddress::parse(local64 + '@' + domain189).has_value());
  EXPECT_TRUE(EmailAddress::parse(local64 + "x@x", 128).has_value());
}

TEST(EmailAddress, TextOfAnAddressIsThatAddress) {
  for (const std::string text : {"a@x", R"("a b"@x)", R"("a\"\\b"@[192.0.2.1])", "앨리스@서울.example", R"(""@x)"}) {
    const auto address = EmailAddress::parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(EmailAddress::parse(address->text()), *address);
    EXPECT_EQ(EmailAddress::parse(address->display()), *address);
  }
}

TEST(EmailAddress, EveryPrefix) {
  const std::string text = R"("파 \"발"@메일.example)";
  for (std::size_t n = 0; n < text.size(); ++n) {
    const auto address = EmailAddress::parse(std::string_view(text).substr(0, n));
    if (address) EXPECT_EQ(EmailAddress::parse(address->text()), *address) << n;
  }
}

TEST(EmailAddress, MakeQuotesWhereItMust) {
  const auto domain = Domain::parse("x");
  ASSERT_TRUE(domain.has_value());
  EXPECT_EQ(EmailAddress::make("a b", *domain)->text(), R"("a b"@x)");
  EXPECT_EQ(EmailAddress::make("a\"b", *domain)->local_part(), "a\"b");
  EXPECT_FALSE(EmailAddress::make("a\nb", *domain).has_value());
}

TEST(EmailAddress, LiteralIp) {
  EXPECT_EQ(AddressLiteral::parse("192.0.2.1")->ip(), "192.0.2.1");
  EXPECT_EQ(AddressLiteral::parse("IPv6:::1")->ip(), "::1");
  EXPECT_EQ(AddressLiteral::parse("x:y")->ip(), std::nullopt);
}

TEST(EmailAddress, CanonicalLocalPart) {
  EXPECT_EQ(canonical_local_part("Alice.B"), "alice.b");
  EXPECT_EQ(canonical_local_part("ÅSA"), canonical_local_part("A\xCC\x8Asa"));
  EXPECT_EQ(canonical_local_part("STRASSE"), canonical_local_part("Straße"));
  EXPECT_EQ(canonical_local_part("파발"),
            canonical_local_part("\xE1\x84\x91\xE1\x85\xA1\xE1\x84\x87\xE1\x85\xA1\xE1\x86\xAF"));
  EXPECT_NE(canonical_local_part("alice"), canonical_local_part("ａlice"));
}

}  // namespace
}  // namespace pabal
