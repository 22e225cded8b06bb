#include "dns/rdata.hpp"

#include <gtest/gtest.h>

namespace pabal::dns {
namespace {

using namespace std::string_literals;

std::string dump(Type type, std::string_view octets) {
  const auto record = parse_rdata(type, octets);
  if (!record) return "no: " + record.error().peer;
  return name_of(type_of(*record)) + " " + text_of(*record);
}

struct Case {
  Type type;
  std::string octets;
  std::string expected;
};

const std::vector<Case> good = {
    {Type::a, "\xc0\x00\x02\x01"s, "A 192.0.2.1"},
    {Type::aaaa, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"s, "AAAA 2001:db8::1"},
    {Type::mx, "\0\x0a\3MX1\7example\0"s, "MX 10 mx1.example."},
    {Type::mx, "\0\0\0"s, "MX 0 ."},
    {Type::txt, "\x0bv=spf1 -all"s, "TXT \"v=spf1 -all\""},
    {Type::txt, "\1a\0\2\"\xff"s, "TXT \"a\" \"\" \"\\\"\\255\""},
    {Type::cname, "\1a\0"s, "CNAME a."},
    {Type::ptr, "\1a\1b\0"s, "PTR a.b."},
    {Type::ns, "\2ns\1b\0"s, "NS ns.b."},
    {Type::soa, "\2ns\0\2ad\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\xff\xff\xff\xff"s, "SOA ns. ad. 1 2 3 4 4294967295"},
    {Type::srv, "\0\1\0\2\0\x19\1h\0"s, "SRV 1 2 25 h."},
    {Type::tlsa, "\3\1\1\xab\xcd"s, "TLSA 3 1 1 abcd"},
    {Type::tlsa, "\3\1\1"s, "TLSA 3 1 1 "},
};

TEST(Rdata, Table) {
  for (const auto& c : good) EXPECT_EQ(dump(c.type, c.octets), c.expected);
  const std::vector<Case> bad = {
      {Type::a, "\xc0\x00\x02"s, "A"},
      {Type::a, "\xc0\x00\x02\x01\x01"s, "A"},
      {Type::mx, "\0\x0a\3mx1\7example"s, "MX"},
      {Type::mx, "\0\x0a\3mx1\xc0\x0c"s, "MX"},
      {Type::cname, "\1a\0x"s, "CNAME"},
      {Type::cname, ""s, "CNAME"},
      {Type::txt, ""s, "TXT"},
      {Type::txt, "\5abcd"s, "TXT"},
      {Type::tlsa, "\3\1"s, "TLSA"},
      {static_cast<Type>(257), "\0"s, "TYPE257"},
  };
  for (const auto& c : bad) {
    EXPECT_EQ(dump(c.type, c.octets), "no: the data of a " + c.expected + " record is malformed (" +
                                          std::to_string(c.octets.size()) + " octets)");
  }
}

TEST(Rdata, EveryPrefixEndsWell) {
  for (const auto& c : good) {
    for (std::size_t size = 0; size < c.octets.size(); ++size) {
      const auto record = parse_rdata(c.type, std::string_view(c.octets).substr(0, size));
      // Only what is a list or has an open end is whole sooner.
      if (record) EXPECT_TRUE(c.type == Type::txt || c.type == Type::tlsa) << c.expected << " " << size;
    }
  }
}

TEST(Rdata, NamesHaveTheirLimits) {
  std::string name;
  for (int i = 0; i < 127; ++i) name += "\1a"s;
  EXPECT_TRUE(parse_rdata(Type::ns, name + "\0"s));
  EXPECT_FALSE(parse_rdata(Type::ns, name + "\1a\0"s));
}

TEST(Rdata, WrittenAndReadAgain) {
  for (const auto& c : good) {
    const auto record = parse_rdata(c.type, c.octets);
    EXPECT_EQ(*parse_rdata(c.type, rdata_of(*record)), *record) << c.expected;
  }
}

}  // namespace
}  // namespace pabal::dns
