#include "mailauth/spf_record.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pabal::mailauth {
namespace {

std::string record_dump(const Result<SpfRecord>& record) {
  if (!record) return "error";
  constexpr const char* kinds[] = {"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists", "redirect", "exp", "x"};
  std::string out;
  for (const auto& term : record->terms) {
    if (!out.empty()) out += ' ';
    if (!term.is_modifier()) out += fmt::format("{} ", name_of(term.result));
    out += fmt::format("{}({})", kinds[static_cast<int>(term.kind)], term.domain);
    if (term.bits4 != 32) out += fmt::format("/{}", term.bits4);
    if (term.bits6 != 128) out += fmt::format("//{}", term.bits6);
  }
  return out;
}

TEST(SpfRecord, terms) {
  struct Case {
    const char* text;
    const char* terms;
  };
  constexpr Case cases[] = {
      {"v=spf1", ""},
      {"V=SPF1   ", ""},
      {"v=spf1 -all", "fail all()"},
      {"v=spf1 +A ~mX ?PTR -All", "pass a() softfail mx() neutral ptr() fail all()"},
      {"v=spf1 a:b.example/24//64", "pass a(b.example)/24//64"},
      {"v=spf1 a/0//0", "pass a()/0//0"},
      {"v=spf1 mx//48", "pass mx()//48"},
      {"v=spf1 a:x/y.example", "pass a(x/y.example)"},
      {"v=spf1 a:%{d/}/24", "pass a(%{d/})/24"},
      {"v=spf1 a:x.example/33", "error"},
      {"v=spf1 a:x.example/024", "error"},
      {"v=spf1 a:x.example//129", "error"},
      {"v=spf1 a:x.example/", "error"},
      {"v=spf1 a:x.example//", "error"},
      {"v=spf1 a:x.example/24/64", "error"},
      {"v=spf1 a//64/24", "error"},
      {"v=spf1 a:", "error"},
      {"v=spf1 a:/24", "error"},
      {"v=spf1 a=x.example", "x()"},
      {"v=spf1 include:x.example", "pass include(x.example)"},
      {"v=spf1 include", "error"},
      {"v=spf1 include:x.example/24", "error"},
      {"v=spf1 exists:%{i}.x.example", "pass exists(%{i}.x.example)"},
      {"v=spf1 ptr/24", "error"},
      {"v=spf1 all:x.example", "error"},
      {"v=spf1 ip4:192.0.2.0/24", "pass ip4()/24"},
      {"v=spf1 ip4:192.0.2.0/0", "pass ip4()/0"},
      {"v=spf1 ip4:192.0.2.0/32", "pass ip4()"},
      {"v=spf1 ip4:192.0.2.0//24", "error"},
      {"v=spf1 ip4:192.0.2", "error"},
      {"v=spf1 ip4:192.0.2.01", "error"},
      {"v=spf1 ip4:192.0.2.256", "error"},
      {"v=spf1 ip4:2001:db8::", "error"},
      {"v=spf1 ip4:192.0.2.1/24/24", "error"},
      {"v=spf1 ip4=192.0.2.1", "x()"},
      {"v=spf1 ip6:2001:db8::/32", "pass ip6()//32"},
      {"v=spf1 ip6:2001:db8::/32//32", "error"},
      {"v=spf1 ip6:[2001:db8::]", "error"},
      {"v=spf1 ip6:2001:db8::%eth0", "error"},
      {"v=spf1 ip6:192.0.2.1", "error"},
      {"v=spf1 redirect=x.example exp=%{d}", "redirect(x.example) exp(%{d})"},
      {"v=spf1 REDIRECT=x.example", "redirect(x.example)"},
      {"v=spf1 redirect=x.example redirect=y.example", "error"},
      {"v=spf1 exp=x.example a EXP=x.example", "error"},
      {"v=spf1 redirect=", "error"},
      {"v=spf1 redirect:x.example", "error"},
      {"v=spf1 -redirect=x.example", "error"},
      {"v=spf1 a.b-c_1=%{d}/x", "x()"},
      {"v=spf1 x= y=z", "x() x()"},
      {"v=spf1 x=%{c}", "error"},
      {"v=spf1 x=%", "error"},
      {"v=spf1 =x", "error"},
      {"v=spf1 1x=y", "error"},
      {"v=spf1 --all", "error"},
      {"v=spf1 -", "error"},
      {"v=spf1 a,mx", "error"},
      {"v=spf1 unknown", "error"},
      {"v=spf1\tall", "error"},
      {"v=spf1 a\tmx", "error"},
      {"v=spf1 a\r\n", "error"},
      {"v=spf10", "error"},
      {"v=spf2.0/pra all", "error"},
      {" v=spf1 all", "error"},
      {"", "error"},
  };
  for (const auto& one : cases) EXPECT_EQ(record_dump(SpfRecord::parse(one.text)), one.terms) << one.text;
}

TEST(SpfRecord, isBounded) {
  std::string many = "v=spf1";
  for (std::size_t i = 0; i < spf_most_terms; ++i) many += " a";
  EXPECT_TRUE(SpfRecord::parse(many));
  EXPECT_FALSE(SpfRecord::parse(many + " a"));
  EXPECT_TRUE(SpfRecord::parse("v=spf1" + std::string(spf_most_record_octets - 6, ' ')));
  EXPECT_FALSE(SpfRecord::parse("v=spf1" + std::string(spf_most_record_octets - 5, ' ')));
}

// Each beginning of a record, and each with an odd octet in it, is read or refused without harm.
TEST(SpfRecord, prefixesAndOddOctets) {
  const std::string text = "v=spf1 a:%{d2r-}.x.example/24//64 ip6:2001:db8::/32 redirect=%{h}.y.example";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const auto prefix = text.substr(0, size);
    const auto record = SpfRecord::parse(prefix);
    EXPECT_EQ(SpfRecord::is_one(prefix), size == 6 || size > 6) << prefix;
    if (record) {
      EXPECT_LE(record->terms.size(), 3U);
    }
    for (const char odd : {'\0', '\x7f', '\xff', '%', '/'}) {
      auto with_odd = text;
      with_odd[std::min(size, text.size() - 1)] = odd;
      const auto changed = SpfRecord::parse(with_odd);
      if (odd == '\0' || odd == '\x7f' || odd == '\xff') {
        EXPECT_FALSE(changed) << size;
      }
    }
  }
}

}  // namespace
}  // namespace pabal::mailauth
