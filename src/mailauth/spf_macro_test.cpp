#include "mailauth/spf_macro.hpp"

#include <gtest/gtest.h>

#include "mailauth/spf_evaluation.hpp"

namespace pabal::mailauth {
namespace {

MacroValues example_values() {
  return {.local_part = "strong-bad",
          .sender_domain = "email.example.com",
          .domain = "email.example.com",
          .address = *IpAddress::parse("192.0.2.3"),
          .validated = "mx.example.org",
          .helo = "mx.example.org",
          .receiver = "mail.receiver.example",
          .now = SystemTime(std::chrono::seconds(1'700'000'000))};
}

// RFC 7208 §7.4, and what it leaves to the reader.
TEST(SpfMacro, expandsNames) {
  struct Case {
    const char* text;
    const char* name;
  };
  constexpr Case cases[] = {
      {"%{s}.x.example", "strong-bad@email.example.com.x.example"},
      {"%{o}", "email.example.com"},
      {"%{d}", "email.example.com"},
      {"%{d4}", "email.example.com"},
      {"%{d3}", "email.example.com"},
      {"%{d2}", "example.com"},
      {"%{d1}", "com"},
      {"%{d999999999999999999999}", "email.example.com"},
      {"%{dr}", "com.example.email"},
      {"%{dR}", "com.example.email"},
      {"%{d2r}", "example.email"},
      {"%{l}", "strong-bad"},
      {"%{l-}", "strong.bad"},
      {"%{lr}", "strong-bad"},
      {"%{lr-}", "bad.strong"},
      {"%{l1r-}", "strong"},
      {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
      {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
      {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
      {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
      {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
      {"%{p2}.example.net.", "example.org.example.net"},
      {"%{h}", "mx.example.org"},
      {"%{L-}%{S}", "strong.badstrong-bad%40email.example.com"},
      {"a%%b%_c%-d.example", "a%b c%20d.example"},
      {"%{i1}.example", "3.example"},
      {"%{d.-}", "email.example.com"},
      {"%{s2@}", nullptr},
      {"foo.example.", "foo.example"},
  };
  const auto values = example_values();
  for (const auto& one : cases) {
    if (one.name == nullptr) {
      EXPECT_FALSE(check_domain_spec(one.text)) << one.text;
      continue;
    }
    ASSERT_TRUE(check_domain_spec(one.text)) << one.text;
    EXPECT_EQ(expand_domain_spec(one.text, values), one.name) << one.text;
  }
}

TEST(SpfMacro, refusesWhatIsNoDomain) {
  for (const char* text :
       {"",         "example",   "example.",  "example.1",   "example.-com", "example.com-", "example.c_m",
        "%{d}com",  "%{d}.1",    "%",         "a.%",         "%{",           "%{}",          "%{d",
        "%{x}.com", "%{d0}.com", "%{dx}.com", "%{d2r!}.com", "%(d).com",     "%{c}.com",     "%{r}.com",
        "%{t}.com", "%{T}.com",  "a b.com",   "a\tb.com",    "\xC3\xA4.com", "a.c\xC3\xB6m", "a..",
        "."}) {
    EXPECT_FALSE(check_domain_spec(text)) << text;
  }
  for (const char* text :
       {"a.b", "a.%%", "%{d}", "x%{d}", "%{d}.com", ".com", "a..com", "a.xn--zckzah", "a.1b", "!.b"}) {
    EXPECT_TRUE(check_domain_spec(text)) << text;
  }
}

TEST(SpfMacro, explains) {
  const auto values = example_values();
  for (const auto& [text, expanded] :
       {std::pair{"See http://%{d}/why.html?s=%{S}&i=%{i}",
                  "See http://email.example.com/why.html?s=strong-bad%40email.example.com"
                  "&i=192.0.2.3"},
        {"%{c} at %{r} (%{t}).", "192.0.2.3 at mail.receiver.example (1700000000)."},
        {"", ""},
        {"Ends with a dot.", "Ends with a dot."}}) {
    ASSERT_TRUE(check_macros(text, MacroUse::explanation)) << text;
    EXPECT_EQ(expand_explanation(text, values), expanded);
  }
  EXPECT_FALSE(check_macros("tab\there", MacroUse::explanation));
  EXPECT_FALSE(check_macros("line\r\nbreak", MacroUse::explanation));
  EXPECT_FALSE(check_macros("spaces here", MacroUse::name));
  std::string many;
  for (int i = 0; i < 200; ++i) many += "%{s}";
  EXPECT_EQ(expand_explanation(many, values), std::nullopt);
}

TEST(SpfMacro, addressesOfBothFamilies) {
  auto values = example_values();
  values.address = *IpAddress::parse("2001:db8::cb01");
  EXPECT_EQ(expand_domain_spec("%{ir}.%{v}._spf.%{d2}", values),
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com");
  EXPECT_EQ(expand_explanation("%{c}", values), "2001:db8::cb01");
  values.address = *IpAddress::parse("::ffff:192.0.2.3");
  EXPECT_EQ(expand_domain_spec("%{i}.%{v}.example", values), "192.0.2.3.in-addr.example");
}

TEST(SpfMacro, cutsLongNamesFromTheFront) {
  auto values = example_values();
  std::string label(60, 'a');
  std::string spec;
  for (int i = 0; i < 5; ++i) spec += label + ".";
  const auto name = expand_domain_spec(spec + "%{d}", values);
  EXPECT_EQ(name, label + "." + label + "." + label + ".email.example.com");
  std::string huge;
  for (int i = 0; i < 2000; ++i) huge += "%{d}.";
  const auto cut = expand_domain_spec(huge + "end.example", values);
  EXPECT_LE(cut.size(), 253U);
  EXPECT_TRUE(cut.ends_with(".email.example.com.end.example")) << cut;
  // One label that is too long stays, and is no name.
  EXPECT_FALSE(spf_name(expand_domain_spec(std::string(300, 'b') + "%{o1}", values)));
}

}  // namespace
}  // namespace pabal::mailauth
