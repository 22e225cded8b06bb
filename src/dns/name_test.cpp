#include "dns/name.hpp"

#include <gtest/gtest.h>

#include "dns/record.hpp"

namespace pabal::dns {
namespace {

std::string dump(std::string_view text) {
  const auto name = Name::parse(text);
  if (!name) return "no: " + name.error().peer;
  return name->text();
}

struct Case {
  std::string text;
  std::string expected;
};

TEST(Name, Table) {
  const std::string label63(63, 'a');
  const std::string longest = label63 + '.' + label63 + '.' + label63 + '.' + std::string(61, 'b');  // 255 on the wire
  const std::vector<Case> cases = {
      {".", "."},
      {"Example.ORG", "example.org"},
      {"example.org.", "example.org"},
      {"_25._tcp.mx.example", "_25._tcp.mx.example"},
      {"*.example", "*.example"},
      {"a\\.b.example", "a\\.b.example"},
      {"a\\046b.example", "a\\.b.example"},
      {"\\065.example", "a.example"},
      {"a\\\\b", "a\\\\b"},
      {"a\\ b", "a\\032b"},
      {"a\\255b", "a\\255b"},
      {"a\\000b", "a\\000b"},
      {"\\@", "\\@"},
      {longest, longest},
      {longest + ".", longest},
      {"", "no: invalid name: it is empty"},
      {"..", "no: invalid name: a label is empty"},
      {"a..b", "no: invalid name: a label is empty"},
      {".a", "no: invalid name: a label is empty"},
      {label63 + "a", "no: invalid name: a label is longer than 63 octets"},
      {longest + "b", "no: invalid name: longer than 255 octets"},
      {longest + ".b", "no: invalid name: longer than 255 octets"},
      {"a\\", "no: invalid name: \\ without three digits up to 255 or a character behind it"},
      {"a\\25", "no: invalid name: \\ without three digits up to 255 or a character behind it"},
      {"a\\256", "no: invalid name: \\ without three digits up to 255 or a character behind it"},
      {"파발.example", "no: invalid name: not ASCII; its A-labels are wanted"},
  };
  for (const auto& c : cases) EXPECT_EQ(dump(c.text), c.expected) << c.text;
}

TEST(Name, EqualWhateverTheSpelling) {
  EXPECT_EQ(*Name::parse("A.example."), *Name::parse("a.EXAMPLE"));
  EXPECT_EQ(std::hash<Name>{}(*Name::parse("A.example")), std::hash<Name>{}(*Name::parse("a.example")));
  EXPECT_NE(*Name::parse("a.b"), *Name::parse("a\\.b"));
  EXPECT_EQ(Name(), *Name::parse("."));
}

TEST(Name, IsRelativeToItsOrigin) {
  const auto origin = *Name::parse("example.org");
  EXPECT_EQ(Name::parse("www", origin)->text(), "www.example.org");
  EXPECT_EQ(Name::parse("www.", origin)->text(), "www");
  EXPECT_EQ(origin.below("_25._tcp")->text(), "_25._tcp.example.org");
  EXPECT_FALSE(origin.below(std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(63, 'a') + "." +
                            std::string(63, 'a')));
}

TEST(Name, StandsWithin) {
  const auto within = [](std::string_view name, std::string_view top) {
    return Name::parse(name)->is_within(*Name::parse(top));
  };
  EXPECT_TRUE(within("a.example", "example"));
  EXPECT_TRUE(within("example", "example"));
  EXPECT_TRUE(within("example", "."));
  EXPECT_FALSE(within("example", "a.example"));
  EXPECT_FALSE(within("notexample", "example"));
  // A label that ends with what looks like another name on the wire: 7 is the length of "example".
  EXPECT_FALSE(within("a\\007example", "example"));
}

TEST(Name, GoesUp) {
  auto name = *Name::parse("a.b.c");
  EXPECT_EQ(name.labels(), (std::vector<std::string_view>{"a", "b", "c"}));
  EXPECT_EQ(name.parent().text(), "b.c");
  EXPECT_EQ(name.parent().parent().parent().text(), ".");
  EXPECT_EQ(Name().parent().text(), ".");
  EXPECT_TRUE(Name::parse("*.a")->is_wildcard());
  EXPECT_FALSE(Name::parse("*a.a")->is_wildcard());
}

TEST(Record, AddressesAndTheirReverseNames) {
  EXPECT_EQ(reverse_name(*parse_a("192.0.2.1")).text(), "1.2.0.192.in-addr.arpa");
  EXPECT_EQ(reverse_name(*parse_aaaa("2001:db8::1")).text(),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
  EXPECT_EQ(text_of(*parse_aaaa("2001:DB8:0:0::1")), "2001:db8::1");
  for (const auto* wrong : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "0x1.2.3.4", "::1"}) {
    EXPECT_FALSE(parse_a(wrong)) << wrong;
  }
  for (const auto* wrong : {"", ":", "1::2::3", "2001:db8", "1.2.3.4", "::1%lo"}) {
    EXPECT_FALSE(parse_aaaa(wrong)) << wrong;
  }
}

TEST(Record, TypesHaveNames) {
  EXPECT_EQ(type_named("mx"), Type::mx);
  EXPECT_EQ(type_named("CAA"), std::nullopt);
  EXPECT_EQ(name_of(Type::tlsa), "TLSA");
  EXPECT_EQ(name_of(static_cast<Type>(257)), "TYPE257");
}

}  // namespace
}  // namespace pabal::dns
