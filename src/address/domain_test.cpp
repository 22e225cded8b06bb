#include "address/domain.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal {
namespace {

std::string dump(std::string_view text) {
  const auto domain = Domain::parse(text);
  if (!domain) return "no: " + domain.error().peer;
  return domain->ascii() == domain->unicode() ? domain->ascii() : domain->ascii() + " " + domain->unicode();
}

struct Case {
  std::string text;
  std::string expected;
};

TEST(Domain, Table) {
  const std::string label63(63, 'a');
  const std::string longest = label63 + '.' + label63 + '.' + label63 + '.' + label63;  // 255
  const std::vector<Case> cases = {
      {"example.org", "example.org"},
      {"Example.ORG", "example.org"},
      {"localhost", "localhost"},
      {"1.2.3.4", "1.2.3.4"},
      {"3com.com", "3com.com"},
      {"a-b.c--d.example", "a-b.c--d.example"},
      {"ab--cd.example", "ab--cd.example"},
      {"파발.example", "xn--ih3bl33b.example 파발.example"},
      {"파발.example", "xn--ih3bl33b.example 파발.example"},  // Jamo
      {"XN--IH3BL33B.EXAMPLE", "xn--ih3bl33b.example 파발.example"},
      {"faß.example", "xn--fa-hia.example faß.example"},  // IDNA2003 made it "fass"
      {"ΒΌΛΟΣ.example", "xn--nxasmq6b.example βόλοσ.example"},
      {"βόλος.example", "xn--nxasmm1c.example βόλος.example"},
      {"ＥＸＡＭＰＬＥ．ＯＲＧ", "example.org"},               // fullwidth, also the dot
      {"例え。テスト", "xn--r8jz45g.xn--zckzah 例え.テスト"},  // ideographic full stop
      {"٠١.example", "no: invalid domain: not a valid internationalised name"},
      {"אבג.example", "xn--4dbcd.example אבג.example"},
      {label63 + ".example", label63 + ".example"},
      {longest, longest},
      {longest + "a", "no: invalid domain: longer than 255 octets"},
      {"a." + longest, "no: invalid domain: longer than 255 octets"},
      {label63 + "a.example", "no: invalid domain: a label is longer than 63 octets"},
      {"", "no: invalid domain: it is empty"},
      {".", "no: invalid domain: a label is empty"},
      {"example.org.", "no: invalid domain: it ends with a dot"},
      {".example.org", "no: invalid domain: a label is empty"},
      {"example..org", "no: invalid domain: a label is empty"},
      {"-a.example", "no: invalid domain: a label begins or ends with a hyphen"},
      {"a-.example", "no: invalid domain: a label begins or ends with a hyphen"},
      {"_dmarc.example", "no: invalid domain: only letters, digits and hyphens are allowed"},
      {"a b.example", "no: invalid domain: only letters, digits and hyphens are allowed"},
      {"a@b", "no: invalid domain: only letters, digits and hyphens are allowed"},
      {std::string("a\0b.example", 11), "no: invalid domain: only letters, digits and hyphens are allowed"},
      {"a\r\n.example", "no: invalid domain: only letters, digits and hyphens are allowed"},
      {"[192.0.2.1]", "no: invalid domain: only letters, digits and hyphens are allowed"},
      {"xn--.example", "no: invalid domain: a label begins or ends with a hyphen"},
      {"xn---", "no: invalid domain: a label begins or ends with a hyphen"},
      {"xn--a.example", "no: invalid domain: not a valid internationalised name"},  // no such Punycode
      {"xn--example.org", "no: invalid domain: not a valid internationalised name"},
      {"xn--fass-.example", "no: invalid domain: a label begins or ends with a hyphen"},
      {"xn--ABC.example", "no: invalid domain: not a valid internationalised name"},
      {"a\xCC\x80.example", "xn--0ca.example à.example"},
      {"\xCC\x80"
       "a.example",
       "no: invalid domain: not a valid internationalised name"},  // begins with a mark
      {"a\xE2\x80\x8D"
       "b.example",
       "no: invalid domain: not a valid internationalised name"},                // joiner out of place
      {"אb.example", "no: invalid domain: not a valid internationalised name"},  // mixed directions
      {"파발..example", "no: invalid domain: a label is empty"},
      {"파발.example.", "no: invalid domain: it ends with a dot"},
      {"파발。", "no: invalid domain: it ends with a dot"},
      {"-파발.example", "no: invalid domain: not a valid internationalised name"},
      {"파_발.example", "no: invalid domain: not a valid internationalised name"},
      {"a≠b.example", "no: invalid domain: not a valid internationalised name"},
      {"\xFF.example", "no: invalid domain: not UTF-8"},
      {"\xC0\xAE.example", "no: invalid domain: not UTF-8"},
      {std::string(2000, 'a'), "no: invalid domain: longer than 255 octets"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(dump(text), expected) << printable(text, 400);
}

TEST(Domain, EveryFormOfANameIsOneName) {
  const auto unicode = Domain::parse("서울.example");
  const auto ascii = Domain::parse("xn--2i4bq6h.EXAMPLE");
  ASSERT_TRUE(unicode.has_value() && ascii.has_value()) << unicode->ascii();
  EXPECT_EQ(*unicode, *ascii) << unicode->ascii();
  EXPECT_EQ(Domain::parse(unicode->unicode()), *unicode);
}

TEST(Domain, EveryPrefix) {
  const std::string text = "메일.xn--ih3bl33b.Sub-domain.example";
  for (std::size_t n = 0; n <= text.size(); ++n) {
    const auto domain = Domain::parse(std::string_view(text).substr(0, n));
    if (!domain) continue;
    EXPECT_EQ(Domain::parse(domain->ascii()), *domain) << n;
    EXPECT_EQ(Domain::parse(domain->unicode()), *domain) << n;
  }
}

}  // namespace
}  // namespace pabal
