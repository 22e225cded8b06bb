#include "smtp/mta_sts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace pabal::smtp {
namespace {

std::string record(const std::vector<std::string>& texts) {
  const auto id = parse_sts_record(texts);
  return id ? *id : "no: " + id.error().peer;
}

struct RecordCase {
  std::vector<std::string> texts;
  std::string expected;
};

TEST(MtaSts, Records) {
  const std::vector<RecordCase> cases = {
      {{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
      {{"v=STSv1;id=1"}, "1"},
      {{"v=STSv1 ; id = a ; x-y.z=anything at all ;"}, "a"},
      {{"v=spf1 -all", "v=STSv1; id=1", "v=STSv11; id=2"}, "1"},
      {{"v=STSv1; id=1; id=2"}, "1"},
      {{}, "no: no record begins with v=STSv1"},
      {{"v=stsv1; id=1"}, "no: no record begins with v=STSv1"},
      {{" v=STSv1; id=1"}, "no: no record begins with v=STSv1"},
      {{"v=STSv1; id=1", "v=STSv1; id=1"}, "no: several records begin with v=STSv1"},
      {{"v=STSv1"}, "no: there is no id"},
      {{"v=STSv1 id=1"}, "no: something else than ; stands behind v=STSv1"},
      {{"v=STSv1; id="}, "no: the id isn't 1 to 32 letters and digits"},
      {{"v=STSv1; id=a-b"}, "no: the id isn't 1 to 32 letters and digits"},
      {{"v=STSv1; id=123456789012345678901234567890123"}, "no: the id isn't 1 to 32 letters and digits"},
      {{"v=STSv1; ID=1"}, "no: there is no id"},
      {{"v=STSv1;; id=1"}, "no: a field has no ="},
      {{"v=STSv1; id=1; nonsense"}, "no: a field has no ="},
      {{"v=STSv1; -=1; id=1"}, "no: a field's name is malformed"},
  };
  for (const auto& c : cases) EXPECT_EQ(record(c.texts), c.expected) << fmt::format("{}", c.texts);
}

std::string policy(std::string_view text) {
  const auto made = parse_sts_policy(text);
  if (!made) return "no: " + made.error().peer;
  return fmt::format("{} {}s {}", name_of(made->mode), made->max_age.count(), fmt::join(made->mx, " "));
}

struct PolicyCase {
  std::string text;
  std::string expected;
};

TEST(MtaSts, Policies) {
  const std::string head = "version: STSv1\nmode: enforce\n";
  const std::vector<PolicyCase> cases = {
      {head + "mx: mail.example.com\nmx: *.example.net\nmx: backupmx.example.com\nmax_age: 604800\n",
       "enforce 604800s mail.example.com *.example.net backupmx.example.com"},
      {"version: STSv1\r\nmode: testing\r\nmx: MX.Example\r\nmax_age: 1", "testing 1s mx.example"},
      {"max_age:86400\nmx:a.example \nmode:none\nversion:STSv1", "none 86400s a.example"},
      {"version: STSv1\nmode: none\nmax_age: 0\n", "none 0s "},
      {head + "mx: a.example\nmax_age: 9999999999\n", "enforce 31557600s a.example"},
      {head + "mode: none\nmax_age: 5\nmax_age: x\nmx: a.example\nfuture: thing\n", "enforce 5s a.example"},
      {head + "\n\nmx: a.example\n \nmax_age: 5", "enforce 5s a.example"},
      {"", "no: there is no version"},
      {"mode: enforce\nmx: a.example\nmax_age: 5", "no: there is no version"},
      {"version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 5", "no: the version isn't STSv1"},
      {"Version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 5", "no: there is no version"},
      {"version: STSv1\nmx: a.example\nmax_age: 5", "no: there is no mode"},
      {"version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 5", "no: the mode is none that is known: Enforce"},
      {head + "mx: a.example\n", "no: there is no max_age"},
      {head + "mx: a.example\nmax_age: -1", "no: max_age isn't a number of at most ten digits: -1"},
      {head + "mx: a.example\nmax_age: 12345678901", "no: max_age isn't a number of at most ten digits: 12345678901"},
      {head + "max_age: 5", "no: there is no mx"},
      {head + "mx: *.*.example\nmax_age: 5", "no: mx isn't a host name: *.*.example"},
      {head + "mx: *\nmax_age: 5", "no: mx isn't a host name: *"},
      {head + "mx:\nmax_age: 5", "no: mx isn't a host name: "},
      {head + "<html>\n", "no: a line has no colon: <html>"},
      {head + "a b: c\n", "no: a field's name is malformed: a b"},
      {std::string((64 << 10) + 1, '\n'), "no: it is longer than 65536 octets"},
  };
  for (const auto& c : cases) EXPECT_EQ(policy(c.text), c.expected) << c.text.substr(0, 200);
}

TEST(MtaSts, WhatIsKeptIsBounded) {
  std::string text = "version: STSv1\nmode: enforce\nmax_age: 5\n";
  for (std::size_t i = 0; i < most_sts_hosts; ++i) text += "mx: a.example\n";
  EXPECT_TRUE(parse_sts_policy(text));
  EXPECT_EQ(policy(text + "mx: a.example\n"), "no: there are more than 100 mx");
  EXPECT_EQ(parse_sts_policy(text + "note: " + std::string(50'000, 'x') + "\n")->text.size(), most_sts_text);
}

TEST(MtaSts, EveryPrefixEndsWell) {
  const std::string text = "version: STSv1\nmode: enforce\nmax_age: 604800\nmx: *.example.net\n";
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto made = parse_sts_policy(text.substr(0, size));
    if (made) EXPECT_FALSE(made->mx.empty());
  }
}

TEST(MtaSts, AllowsHosts) {
  const auto made = *parse_sts_policy("version: STSv1\nmode: enforce\nmax_age: 1\nmx: mx.a.example\nmx: *.b.example\n");
  for (const auto* host : {"mx.a.example", "x.b.example", "mx.b.example"}) EXPECT_TRUE(made.allows(host)) << host;
  for (const auto* host :
       {"a.example", "x.mx.a.example", "b.example", "x.y.b.example", ".b.example", "xb.example", ""}) {
    EXPECT_FALSE(made.allows(host)) << host;
  }
}

}  // namespace
}  // namespace pabal::smtp
