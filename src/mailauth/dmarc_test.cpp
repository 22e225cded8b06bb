#include "mailauth/dmarc.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dns/scripted_resolver.hpp"

namespace pabal::mailauth {
namespace {

/// "d=x.example fail" and the like: what a letter has shown.
struct Shown {
  const char* spf = "";   ///< a domain that passed; "~x.example": one that can't be evaluated now
  const char* dkim = "";  ///< the same
};

class Dmarc : public testing::Test {
 protected:
  void SetUp() override {
    auto list = PublicSuffix::system();
    if (!list) GTEST_SKIP() << "there is no public suffix list";
    suffixes_.emplace(*std::move(list));
  }
  DmarcOutcome outcome(std::vector<std::string> authors, Shown shown, DmarcStandard standard = DmarcStandard::rfc7489) {
    DmarcFacts facts;
    facts.authors = std::move(authors);
    const std::string_view spf(shown.spf);
    facts.spf = spf.empty() ? SpfResult::none : spf.starts_with('~') ? SpfResult::temperror : SpfResult::pass;
    facts.spf_domain = spf.starts_with('~') ? spf.substr(1) : spf;
    const std::string_view dkim(shown.dkim);
    if (!dkim.empty()) {
      const bool temporary = dkim.starts_with('~');
      facts.signatures.push_back({.domain = std::string(temporary ? dkim.substr(1) : dkim),
                                  .selector = "s",
                                  .passed = !temporary,
                                  .temporary = temporary});
    }
    return run_blocking(check_dmarc(resolver_, *suffixes_, std::move(facts), standard));
  }
  /// "fail p=reject at example.com".
  std::string line(const std::string& domain, Shown shown, DmarcStandard standard = DmarcStandard::rfc7489) {
    return text_of(outcome({"x@" + domain}, shown, standard));
  }
  /// "example.com=reject known hindered": whom the DNS leaves in doubt.
  std::string doubts(const std::string& domain, Shown shown, DmarcStandard standard = DmarcStandard::rfc7489) {
    std::string text;
    for (const auto& one : outcome({"x@" + domain}, shown, standard).doubts) {
      text += fmt::format("{}={}{}{}", one.domain, name_of(one.policy), one.record_known ? " known" : "",
                          one.hindered ? " hindered" : "");
    }
    return text;
  }
  static std::string text_of(const DmarcOutcome& found) {
    std::string text(name_of(found.result));
    if (found.record) text += fmt::format(" {}={} at {}", found.policy_tag, name_of(found.policy), found.policy_domain);
    return text;
  }

  dns::ScriptedResolver resolver_;
  std::optional<PublicSuffix> suffixes_;
};

TEST_F(Dmarc, alignment) {
  resolver_.set_zone(R"($TTL 300
_dmarc.relaxed.co.kr.  TXT "v=DMARC1; p=reject; sp=quarantine"
_dmarc.strict.co.kr.   TXT "v=DMARC1; p=reject; adkim=s; aspf=s"
)");
  EXPECT_EQ(line("relaxed.co.kr", {.spf = "relaxed.co.kr"}), "pass p=reject at relaxed.co.kr");
  EXPECT_EQ(line("relaxed.co.kr", {.spf = "bounce.Relaxed.co.kr"}), "pass p=reject at relaxed.co.kr");
  EXPECT_EQ(line("mail.relaxed.co.kr", {.spf = "relaxed.co.kr"}), "pass sp=quarantine at relaxed.co.kr");
  EXPECT_EQ(line("a.relaxed.co.kr", {.dkim = "b.relaxed.co.kr"}), "pass sp=quarantine at relaxed.co.kr");
  EXPECT_EQ(line("relaxed.co.kr", {.spf = "other.co.kr"}), "fail p=reject at relaxed.co.kr");
  EXPECT_EQ(line("relaxed.co.kr", {.dkim = "co.kr"}), "fail p=reject at relaxed.co.kr");
  EXPECT_EQ(line("relaxed.co.kr", {}), "fail p=reject at relaxed.co.kr");
  EXPECT_EQ(line("relaxed.co.kr", {.spf = "notrelaxed.co.kr", .dkim = "xrelaxed.co.kr"}),
            "fail p=reject at relaxed.co.kr");
  EXPECT_EQ(line("strict.co.kr", {.spf = "strict.co.kr"}), "pass p=reject at strict.co.kr");
  EXPECT_EQ(line("strict.co.kr", {.spf = "a.strict.co.kr", .dkim = "b.strict.co.kr"}), "fail p=reject at strict.co.kr");
  EXPECT_EQ(line("strict.co.kr", {.spf = "x.net", .dkim = "strict.co.kr"}), "pass p=reject at strict.co.kr");
  EXPECT_EQ(line("no.example", {.spf = "no.example"}), "none");
  const auto found = outcome({"x@relaxed.co.kr"}, {.spf = "x.net", .dkim = "a.relaxed.co.kr"});
  EXPECT_TRUE(found.aligned_by("dkim"));
  EXPECT_FALSE(found.aligned_by("spf"));
  EXPECT_EQ(found.organizational, "relaxed.co.kr");
}

// np= is for names that aren't there at all: by the present standard NXDOMAIN says so (RFC 8020), by the older one
// (RFC 9091 §2.7) the absence of addresses and mail hosts does.
TEST_F(Dmarc, namesThatAreNot) {
  resolver_.set_zone(R"($TTL 300
_dmarc.a.example.    TXT "v=DMARC1; p=none; sp=quarantine; np=reject"
text.a.example.      TXT "nothing but this"
_dmarc.two.example.  TXT "v=DMARC1; p=none"
_dmarc.two.example.  TXT "v=DMARC1; p=reject"
)");
  const auto walk = [&](const std::string& domain) {
    const auto found = outcome({"x@" + domain}, {}, DmarcStandard::tree_walk);
    return found.policy_tag + (found.nonexistent ? " gone" : "");
  };
  EXPECT_EQ(walk("text.a.example"), "sp");
  EXPECT_EQ(walk("gone.a.example"), "np gone");
  EXPECT_EQ(line("text.a.example", {}), "fail np=reject at a.example");
  resolver_.fail("gone.a.example", dns::Type::a, dns::Status::failed);
  EXPECT_EQ(walk("gone.a.example"), "sp");
  const auto two = outcome({"x@two.example"}, {}, DmarcStandard::tree_walk);
  EXPECT_EQ(two.result, DmarcResult::none);
  EXPECT_TRUE(std::ranges::any_of(two.reasons, [](const auto& why) { return why.contains("has 2 DMARC records"); }));
}

TEST_F(Dmarc, whereThePolicyStands) {
  resolver_.set_zone(R"($TTL 300
_dmarc.a.example.       TXT "v=DMARC1; p=none; sp=reject; np=quarantine"
_dmarc.own.a.example.   TXT "v=DMARC1; p=quarantine"
there.a.example.        A 192.0.2.1
mx.a.example.           MX 10 there.a.example.
_dmarc.two.example.     TXT "v=DMARC1; p=none"
_dmarc.two.example.     TXT "v=DMARC1; p=reject"
_dmarc.mixed.example.   TXT "something else"
_dmarc.mixed.example.   TXT "v=DMARC1; " "p=reject"
_dmarc.wrong.example.   TXT "v=DMARC1; p=rejekt"
_dmarc.alias.example.   CNAME _dmarc.mixed.example.
)");
  EXPECT_EQ(line("a.example", {}), "fail p=none at a.example");
  EXPECT_EQ(line("own.a.example", {}), "fail p=quarantine at own.a.example");
  EXPECT_EQ(line("x.own.a.example", {}), "fail np=quarantine at a.example");
  EXPECT_EQ(line("there.a.example", {}), "fail sp=reject at a.example");
  EXPECT_EQ(line("mx.a.example", {}), "fail sp=reject at a.example");
  EXPECT_EQ(line("gone.a.example", {}), "fail np=quarantine at a.example");
  EXPECT_EQ(line("two.example", {}), "permerror");
  EXPECT_EQ(line("mixed.example", {}), "fail p=reject at mixed.example");
  EXPECT_EQ(line("wrong.example", {}), "permerror");
  EXPECT_EQ(line("alias.example", {}), "fail p=reject at alias.example");
  EXPECT_EQ(line("example", {}), "none");
  resolver_.fail("gone.a.example", dns::Type::a, dns::Status::failed);
  resolver_.fail("gone.a.example", dns::Type::mx, dns::Status::failed);
  resolver_.fail("gone.a.example", dns::Type::aaaa, dns::Status::failed);
  EXPECT_EQ(line("gone.a.example", {}), "fail sp=reject at a.example");
}

TEST_F(Dmarc, oddAuthors) {
  resolver_.set_zone(R"($TTL 300
_dmarc.a.example.            TXT "v=DMARC1; p=quarantine; sp=reject"
_dmarc.b.example.            TXT "v=DMARC1; p=reject"
_dmarc.n.example.            TXT "v=DMARC1; p=none"
_dmarc.xn--3e0b707e.example. TXT "v=DMARC1; p=reject"
)");
  EXPECT_EQ(text_of(outcome({}, {})), "permerror");
  EXPECT_EQ(text_of(outcome({"nobody"}, {})), "permerror");
  EXPECT_EQ(text_of(outcome({"x@[192.0.2.1]"}, {})), "permerror");
  EXPECT_EQ(text_of(outcome({"x@a.example."}, {})), "fail p=quarantine at a.example");
  EXPECT_EQ(text_of(outcome({"\"x@y\"@A.Example"}, {})), "fail p=quarantine at a.example");
  EXPECT_EQ(text_of(outcome({"x@\xED\x95\x9C\xEA\xB5\xAD.example"}, {})), "fail p=reject at xn--3e0b707e.example");
  // A domain that no host can have doesn't get around the policy above it.
  EXPECT_EQ(text_of(outcome({"x@foo_bar.a.example"}, {})), "fail sp=reject at a.example");
  EXPECT_EQ(text_of(outcome({"x@\xFF\xFE.a.example"}, {})), "fail sp=reject at a.example");
  EXPECT_EQ(text_of(outcome({"x@-.a.example"}, {.dkim = "a.example"})), "pass sp=reject at a.example");
  // Several: the worst counts.
  EXPECT_EQ(text_of(outcome({"x@a.example", "y@b.example"}, {.spf = "a.example"})), "fail p=reject at b.example");
  EXPECT_EQ(text_of(outcome({"x@b.example", "y@a.example"}, {.spf = "b.example"})), "fail p=quarantine at a.example");
  EXPECT_EQ(text_of(outcome({"x@a.example", "y@none.example"}, {.spf = "a.example"})), "none");
  EXPECT_EQ(text_of(outcome({"x@a.example", "y@A.example"}, {.spf = "a.example"})), "pass p=quarantine at a.example");
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back(fmt::format("x@d{}.example", i));
  const auto before = resolver_.asked();
  EXPECT_EQ(text_of(outcome(many, {})), "permerror");
  EXPECT_EQ(resolver_.asked(), before);
}

TEST_F(Dmarc, whoAsksForSomethingAndFails) {
  resolver_.set_zone(R"($TTL 300
_dmarc.a.example. TXT "v=DMARC1; p=reject; pct=0"
_dmarc.b.example. TXT "v=DMARC1; p=reject"
_dmarc.n.example. TXT "v=DMARC1; p=none"
)");
  const auto found = outcome({"x@a.example", "y@n.example", "z@b.example", "q@none.example"}, {});
  EXPECT_EQ(found.failing, (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_EQ(found.domain, "b.example") << "of two that ask for the same the one that means every letter";
  EXPECT_EQ(outcome({"x@a.example", "z@b.example"}, {.dkim = "b.example"}).failing,
            (std::vector<std::string>{"a.example"}));
  EXPECT_TRUE(outcome({"x@none.example"}, {}).failing.empty());
  DmarcFacts facts;
  facts.authors = {"x@b.example"};
  facts.too_many_authors = true;
  facts.signatures.push_back({.domain = "b.example", .selector = "s", .passed = true});
  const auto many = run_blocking(check_dmarc(resolver_, *suffixes_, facts, DmarcStandard::tree_walk));
  EXPECT_EQ(many.result, DmarcResult::permerror);
  EXPECT_TRUE(many.too_many_authors);
}

TEST_F(Dmarc, signersWithNamesThatNoHostCanHave) {
  resolver_.set_zone("$TTL 300\n_dmarc.a.example. TXT \"v=DMARC1; p=reject\"\n");
  for (const auto standard : {DmarcStandard::rfc7489, DmarcStandard::tree_walk}) {
    EXPECT_EQ(line("a.example", {.dkim = "mail_1.a.example"}, standard), "pass p=reject at a.example");
    EXPECT_EQ(line("a.example", {.dkim = "mail_1.b.example"}, standard), "fail p=reject at a.example");
    EXPECT_EQ(line("a.example", {.dkim = "_x._y.a.example"}, standard), "pass p=reject at a.example");
  }
}

TEST_F(Dmarc, whatCantBeLookedUp) {
  resolver_.set_zone("$TTL 300\n_dmarc.a.example. TXT \"v=DMARC1; p=reject\"\n");
  resolver_.fail("_dmarc.dead.example", dns::Type::txt, dns::Status::timed_out);
  EXPECT_EQ(line("dead.example", {.spf = "dead.example"}), "temperror");
  EXPECT_EQ(line("sub.dead.example", {}), "temperror");
  EXPECT_EQ(line("a.example", {.spf = "~a.example"}), "temperror p=reject at a.example");
  EXPECT_EQ(line("a.example", {.spf = "~a.example", .dkim = "a.example"}), "pass p=reject at a.example");
  EXPECT_EQ(line("a.example", {.spf = "~b.example"}), "fail p=reject at a.example");
  EXPECT_EQ(line("a.example", {.dkim = "~x.a.example"}), "temperror p=reject at a.example");
  EXPECT_EQ(doubts("a.example", {.dkim = "~x.a.example"}), "a.example=reject known");
  EXPECT_EQ(doubts("a.example", {.dkim = "~x.b.example"}), "") << "it fails";
  EXPECT_EQ(doubts("dead.example", {}), "dead.example=none hindered");
  EXPECT_EQ(doubts("dead.example", {.spf = "Dead.example"}), "") << "proven, whatever is asked";
  EXPECT_EQ(doubts("dead.example", {.spf = "sub.dead.example"}), "dead.example=none hindered");
  resolver_.fail("_dmarc.dead.a.example", dns::Type::txt, dns::Status::failed);
  for (const auto standard : {DmarcStandard::rfc7489, DmarcStandard::tree_walk}) {
    EXPECT_EQ(doubts("dead.a.example", {}, standard), "dead.a.example=reject");
  }
  EXPECT_EQ(doubts("x.dead.a.example", {}, DmarcStandard::tree_walk), "x.dead.a.example=reject");
  resolver_.fail("_dmarc.lame.example", dns::Type::txt, dns::Status::failed);
  EXPECT_EQ(doubts("lame.example", {}), "lame.example=none");
  resolver_.set_zone("$TTL 300\n_dmarc.a.example. TXT \"v=DMARC1; p=reject; sp=quarantine; t=y\"\n");
  EXPECT_EQ(doubts("dead.a.example", {}, DmarcStandard::tree_walk), "dead.a.example=none");
  EXPECT_EQ(doubts("a.example", {.spf = "~a.example"}, DmarcStandard::tree_walk), "a.example=quarantine known");
  // Whose DNS doesn't answer is no reason to believe that it might be the author's.
  constexpr auto walk = DmarcStandard::tree_walk;
  resolver_.set_zone("$TTL 300\n_dmarc.bank.com. TXT \"v=DMARC1; p=reject\"\n");
  resolver_.fail("_dmarc.evil.com", dns::Type::txt, dns::Status::failed);
  EXPECT_EQ(line("bank.com", {.spf = "evil.com"}, walk), "fail p=reject at bank.com");
  EXPECT_EQ(line("bank.com", {.spf = "~evil.com", .dkim = "x.evil.com"}, walk), "fail p=reject at bank.com");
  EXPECT_EQ(line("mail.bank.com", {.dkim = "~evil.com"}, walk), "fail p=reject at bank.com");
}

// The worst of several authors counts: that the DNS can't tell is worse than a failure of whom nothing is asked.
TEST_F(Dmarc, oneAuthorWhoAsksForNothingHidesNoOther) {
  resolver_.set_zone(
      "$TTL 300\n_dmarc.evil.com. TXT \"v=DMARC1; p=none\"\n_dmarc.bank.com. TXT \"v=DMARC1; p=reject\"\n");
  resolver_.fail("_dmarc.dead.com", dns::Type::txt, dns::Status::failed);
  EXPECT_EQ(text_of(outcome({"a@evil.com", "b@dead.com"}, {})), "temperror");
  EXPECT_EQ(text_of(outcome({"b@dead.com", "a@evil.com"}, {})), "temperror");
  EXPECT_EQ(text_of(outcome({"a@evil.com", "b@bank.com", "b@dead.com"}, {})), "fail p=reject at bank.com");
}

TEST_F(Dmarc, sampling) {
  resolver_.set_zone(R"($TTL 300
_dmarc.a.example. TXT "v=DMARC1; p=reject; pct=30"
_dmarc.b.example. TXT "v=DMARC1; p=quarantine; pct=0"
_dmarc.c.example. TXT "v=DMARC1; p=reject; t=y"
)");
  auto found = outcome({"x@a.example"}, {});
  EXPECT_EQ(sampled_policy(found, 29), DmarcPolicy::reject);
  EXPECT_EQ(sampled_policy(found, 30), DmarcPolicy::quarantine);
  EXPECT_EQ(sampled_policy(outcome({"x@b.example"}, {}), 0), DmarcPolicy::none);
  EXPECT_EQ(sampled_policy(outcome({"x@c.example"}, {}), 99), DmarcPolicy::reject);
  EXPECT_EQ(sampled_policy(outcome({"x@c.example"}, {}, DmarcStandard::tree_walk), 0), DmarcPolicy::quarantine);
  EXPECT_EQ(sampled_policy(outcome({"x@a.example"}, {.spf = "a.example"}), 0), DmarcPolicy::none);
}

TEST_F(Dmarc, treeWalk) {
  constexpr auto walk = DmarcStandard::tree_walk;
  resolver_.set_zone(R"($TTL 300
_dmarc.mail.a.example.   TXT "v=DMARC1; p=none"
_dmarc.a.example.        TXT "v=DMARC1; p=reject; sp=quarantine"
_dmarc.unit.b.example.   TXT "v=DMARC1; p=reject; psd=n"
_dmarc.b.example.        TXT "v=DMARC1; p=none"
_dmarc.suffix.           TXT "v=DMARC1; p=reject; psd=y"
_dmarc.org.suffix.       TXT "v=DMARC1; p=quarantine"
_dmarc.two.example.      TXT "v=DMARC1; p=none"
_dmarc.two.example.      TXT "v=DMARC1; p=reject"
)");
  EXPECT_EQ(line("a.example", {.spf = "a.example"}, walk), "pass p=reject at a.example");
  EXPECT_EQ(line("mail.a.example", {.spf = "a.example"}, walk), "pass p=none at mail.a.example");
  EXPECT_EQ(line("x.mail.a.example", {.spf = "y.a.example"}, walk), "pass sp=quarantine at a.example");
  EXPECT_EQ(line("unit.b.example", {.spf = "b.example"}, walk), "fail p=reject at unit.b.example");
  EXPECT_EQ(line("x.unit.b.example", {.dkim = "y.unit.b.example"}, walk), "pass p=reject at unit.b.example");
  EXPECT_EQ(line("org.suffix", {.spf = "mail.org.suffix"}, walk), "pass p=quarantine at org.suffix");
  EXPECT_EQ(line("other.suffix", {.spf = "org.suffix"}, walk), "fail p=reject at suffix");
  EXPECT_EQ(line("a.other.suffix", {.spf = "b.other.suffix"}, walk), "pass p=reject at suffix");
  EXPECT_EQ(line("two.example", {}, walk), "none");
  EXPECT_EQ(line("none.example", {.spf = "none.example"}, walk), "none");
  // A record that can't be read is no organization's; alone, it is told of.
  resolver_.set_zone("$TTL 300\n_dmarc.a.example. TXT \"v=DMARC1; p=reject\"\n_dmarc.example. TXT \"v=DMARC1; p=x\"\n");
  EXPECT_EQ(line("m.a.example", {.spf = "a.example"}, walk), "pass p=reject at a.example");
  EXPECT_EQ(line("m.a.example", {.spf = "b.example"}, walk), "fail p=reject at a.example");
  EXPECT_EQ(line("m.b.example", {.spf = "b.example"}, walk), "permerror");
  // A top that gives no answer is missed only where there is nothing below it.
  resolver_.fail("_dmarc.example", dns::Type::txt, dns::Status::failed);
  EXPECT_EQ(line("m.a.example", {.spf = "a.example"}, walk), "pass p=reject at a.example");
  EXPECT_EQ(line("m.b.example", {.spf = "b.example"}, walk), "temperror");
  // The list is not asked: co.kr is a name like any other here.
  resolver_.set_zone("$TTL 300\n_dmarc.co.kr. TXT \"v=DMARC1; p=reject\"\n");
  EXPECT_EQ(line("a.co.kr", {.spf = "b.co.kr"}, walk), "pass p=reject at co.kr");
}

TEST_F(Dmarc, theWalkIsShort) {
  resolver_.set_zone("$TTL 300\n_dmarc.example.com. TXT \"v=DMARC1; p=reject\"\n");
  EXPECT_EQ(line("a.b.c.d.e.f.g.h.i.j.mail.example.com", {}, DmarcStandard::tree_walk), "fail p=reject at example.com");
  EXPECT_EQ(resolver_.questions(),
            (std::vector<std::string>{"_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com TXT",
                                      "_dmarc.g.h.i.j.mail.example.com TXT", "_dmarc.h.i.j.mail.example.com TXT",
                                      "_dmarc.i.j.mail.example.com TXT", "_dmarc.j.mail.example.com TXT",
                                      "_dmarc.mail.example.com TXT", "_dmarc.example.com TXT", "_dmarc.com TXT"}));
  // Many signatures of strangers cost nothing.
  DmarcFacts facts;
  facts.authors = {"x@example.com"};
  for (int i = 0; i < 1000; ++i) {
    facts.signatures.push_back({.domain = fmt::format("a.b.c.s{}.net", i), .selector = "s", .passed = true});
  }
  const auto before = resolver_.asked();
  const auto found = run_blocking(check_dmarc(resolver_, *suffixes_, facts, DmarcStandard::tree_walk));
  EXPECT_EQ(found.result, DmarcResult::fail);
  EXPECT_LE(resolver_.asked() - before, 3U);
  for (auto& signature : facts.signatures)
    signature.domain = signature.domain.substr(0, signature.domain.size() - 3) + "com";
  const auto related = resolver_.asked();
  EXPECT_EQ(run_blocking(check_dmarc(resolver_, *suffixes_, facts, DmarcStandard::tree_walk)).result,
            DmarcResult::fail);
  EXPECT_LE(resolver_.asked() - related, 3U);
}

TEST_F(Dmarc, tellsWhy) {
  resolver_.set_zone("$TTL 300\n_dmarc.a.example. TXT \"v=DMARC1; p=reject; pct=x\"\n");
  const auto found = outcome({"x@mail.a.example"}, {.spf = "b.example"});
  const auto object = json::value(to_json(found));
  EXPECT_EQ(object.at("result"), "fail");
  EXPECT_EQ(object.at("policy"), "reject");
  EXPECT_EQ(object.at("published").at("p"), "reject");
  const auto lesson = teach(found);
  for (const char* words : {"TXT _dmarc.mail.a.example: no such name", "SPF proved b.example, which is not aligned",
                            "nothing that passed is aligned", "In the record, pct=", "Result: fail."}) {
    EXPECT_NE(lesson.find(words), std::string::npos) << words << "\n" << lesson;
  }
}

}  // namespace
}  // namespace pabal::mailauth
