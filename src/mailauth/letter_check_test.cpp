#include "mailauth/letter_check.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "codec/base64.hpp"
#include "dns/scripted_resolver.hpp"
#include "mailauth/arc_sealer.hpp"
#include "mailauth/dkim_signer.hpp"
#include "mailauth/letter_resolver.hpp"
#include "mailauth/sha256.hpp"

namespace pabal::mailauth {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kText =
    "From: Alice <alice@seoul.example>\r\nTo: bob@busan.example\r\nSubject: hello\r\n\r\nIt rains.\r\n";

constexpr std::string_view kZone = R"($TTL 300
seoul.example.          TXT "v=spf1 ip4:192.0.2.1 -all"
mail.seoul.example.     A   192.0.2.1
mail.seoul.example.     TXT "v=spf1 a -all"
_dmarc.seoul.example.   TXT "v=DMARC1; p=reject"
1.2.0.192.in-addr.arpa. PTR mail.seoul.example.
)";

/// Waits as long as it is told: until somebody lets all go on. Those who still wait at the end are dropped with the
/// io_context.
class LetterChecks : public testing::Test {
 protected:
  void SetUp() override {
    auto list = PublicSuffix::system();
    if (!list) GTEST_SKIP() << "there is no public suffix list";
    suffixes_.emplace(*std::move(list));
    auto key = DkimSigningKey::generate_ed25519();
    ASSERT_TRUE(key);
    key_.emplace(*std::move(key));
    resolver_.set_zone(std::string(kZone) + fmt::format("s._domainkey.seoul.example. TXT \"{}\"\n", key_->record()));
  }
  std::string sign(std::string_view text) {
    DkimSigner signer({.identities = {{.key = *key_, .domain = "seoul.example", .selector = "s"}},
                       .fields = {},
                       .now = now_,
                       .expires_after = {},
                       .identity = {}});
    signer.take(text);
    auto fields = signer.finish();
    EXPECT_TRUE(fields);
    return fields.value_or("") + std::string(text);
  }
  /// With l=, which the signer doesn't write: both forms simple, From alone.
  std::string sign_a_beginning(std::string_view from, std::string_view body) {
    const auto hash = [](std::string_view text) {
      Sha256 sha;
      sha.take(text);
      return sha.digest();
    };
    auto field = fmt::format(
        "DKIM-Signature: v=1; a=ed25519-sha256; c=simple/simple; d=seoul.example; s=s; h=from; l={}; bh={}; b=",
        body.size(), codec::base64(hash(body)));
    const auto signature = key_->sign(hash(std::string(from) + field));
    EXPECT_TRUE(signature);
    return fmt::format("{}{}\r\n{}\r\n{}", field, codec::base64(signature.value_or("")), from, body);
  }
  LetterVerdict check(std::string_view letter, std::size_t step = SIZE_MAX) {
    asio::io_context home(1);
    std::optional<LetterVerdict> verdict;
    std::exception_ptr thrown;
    LetterCheck one({.resolver = &resolver_, .suffixes = &*suffixes_, .keys = &keys_, .pool = pool_}, settings_,
                    client_, now_);
    asio::co_spawn(
        home,
        [](LetterCheck* check, std::string_view text, std::size_t size, const std::vector<std::string>* to,
           std::optional<LetterVerdict>* out) -> Async<> {
          check->begin(co_await asio::this_coro::executor);
          for (std::size_t at = 0; at < text.size(); at += std::min(size, text.size())) {
            check->take(text.substr(at, size));
          }
          *out = co_await check->finish(*to);
        }(&one, letter, step, &recipients_, &verdict),
        [&](const std::exception_ptr& error) { thrown = error; });
    while (!verdict && !thrown && home.run_one() > 0) {
    }
    EXPECT_EQ(thrown, nullptr);
    return verdict ? *std::move(verdict) : LetterVerdict();
  }
  static std::string line(const LetterVerdict& verdict) {
    return fmt::format("{} iprev={} {}", summary(verdict), verdict.iprev ? name_of(verdict.iprev->result) : "none",
                       name_of(verdict.decision.action));
  }

  SystemTime now_{std::chrono::seconds(1795318461)};
  std::optional<PublicSuffix> suffixes_;
  std::optional<DkimSigningKey> key_;
  KeyCache keys_;
  CheckSettings settings_;
  CheckedClient client_{.address = IpAddress::parse("192.0.2.1"),
                        .helo = "mail.seoul.example",
                        .mail_from = "alice@seoul.example",
                        .receiver = "mx.busan.example"};
  std::vector<std::string> recipients_ = {"bob@busan.example"};
  Pool* pool_ = nullptr;
  dns::ScriptedResolver resolver_;
};

TEST_F(LetterChecks, AllOfItInAnyPieces) {
  const auto letter = sign(kText);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{100}, SIZE_MAX}) {
    EXPECT_EQ(line(check(letter, step)), "spf=pass dkim=pass arc=none dmarc=pass iprev=pass accept") << step;
  }
  EXPECT_EQ(line(check("", 1)), "spf=pass dkim=none arc=none dmarc=permerror iprev=pass reject");
}

TEST_F(LetterChecks, AStrangerInAnothersNameIsRefused) {
  client_.address = IpAddress::parse("203.0.113.9");
  const auto verdict = check(kText);
  EXPECT_EQ(line(verdict), "spf=fail dkim=none arc=none dmarc=fail iprev=permerror reject");
  EXPECT_EQ(verdict.decision.code, 550);
  auto changed = sign(kText);
  changed += "And the sun shines.\r\n";
  EXPECT_EQ(line(check(changed)), "spf=fail dkim=fail arc=none dmarc=fail iprev=permerror reject");
  EXPECT_EQ(line(check(sign(kText))), "spf=fail dkim=pass arc=none dmarc=pass iprev=permerror accept");
}

TEST_F(LetterChecks, WithoutAClientTheLetterAloneIsLookedAt) {
  client_.address.reset();
  const auto verdict = check(sign(kText));
  EXPECT_EQ(line(verdict), "spf=none dkim=pass arc=none dmarc=pass iprev=none accept");
  EXPECT_FALSE(verdict.spf);
  EXPECT_EQ(to_json(verdict).at("spf").at("result").as_string(), "none");
}

TEST_F(LetterChecks, EachQuestionIsAskedOnce) {
  const auto verdict = check(sign(kText));
  EXPECT_EQ(resolver_.asked("_dmarc.seoul.example", dns::Type::txt), 1U);
  EXPECT_EQ(resolver_.asked("mail.seoul.example", dns::Type::a), 1U) << "for SPF of the HELO name, and for iprev";
  EXPECT_EQ(resolver_.asked(), verdict.questions);
}

// All that doesn't depend on anything else is under way before any answer is there.
TEST_F(LetterChecks, LookUpsRunSideBySide) {
  std::vector<Completion<bool>> held;
  bool free = false;
  dns::ScriptedResolver slow(kZone, [&](std::chrono::milliseconds) -> Async<> {
    if (!free) co_await await_completion<bool>([&](Completion<bool> done) { held.push_back(std::move(done)); });
  });
  for (const auto* name :
       {"seoul.example", "mail.seoul.example", "_dmarc.seoul.example", "s._domainkey.seoul.example"}) {
    slow.delay(name, dns::Type::txt, 1ms);
  }
  slow.delay("1.2.0.192.in-addr.arpa", dns::Type::ptr, 1ms);
  asio::io_context home(1);
  LetterCheck one({.resolver = &slow, .suffixes = &*suffixes_, .keys = &keys_}, settings_, client_, now_);
  one.begin(home.get_executor());
  one.take(sign(kText));
  home.poll();
  EXPECT_EQ(held.size(), 5U);
  free = true;
  std::optional<LetterVerdict> verdict;
  asio::co_spawn(
      home,
      [](LetterCheck* check, std::optional<LetterVerdict>* out) -> Async<> { *out = co_await check->finish(); }(
                                                                    &one, &verdict),
      [](const std::exception_ptr&) {});
  home.restart();
  home.poll();
  EXPECT_FALSE(verdict);
  for (auto& done : held) done(true);
  home.restart();
  home.poll();
  ASSERT_TRUE(verdict);
  EXPECT_EQ(line(*verdict), "spf=pass dkim=permerror arc=none dmarc=pass iprev=pass accept");
}

// The DNS says nothing for an hour; the letter has a twentieth of a second.
TEST_F(LetterChecks, OneDeadlineForAllOfIt) {
  settings_.deadline = 50ms;
  resolver_.delay("seoul.example", dns::Type::txt, 1h);
  const auto verdict = check(sign(kText));
  EXPECT_TRUE(verdict.late);
  EXPECT_EQ(line(verdict), "spf=temperror dkim=pass arc=none dmarc=pass iprev=pass accept");
  resolver_.delay("s._domainkey.seoul.example", dns::Type::txt, 1h);
  const auto second = check(sign(kText));
  EXPECT_EQ(line(second), "spf=temperror dkim=temperror arc=none dmarc=temperror iprev=pass defer");
  EXPECT_EQ(second.decision.code, 451);
  resolver_.delay("_dmarc.seoul.example", dns::Type::txt, 1h);
  resolver_.delay("1.2.0.192.in-addr.arpa", dns::Type::ptr, 1h);
  EXPECT_EQ(line(check(sign(kText))), "spf=temperror dkim=temperror arc=none dmarc=temperror iprev=temperror defer");
}

TEST_F(LetterChecks, DroppedInTheMiddleItLeavesNothing) {
  resolver_.delay("seoul.example", dns::Type::txt, 1h);
  asio::io_context home(1);
  {
    LetterCheck one({.resolver = &resolver_, .suffixes = &*suffixes_, .keys = &keys_}, settings_, client_, now_);
    one.begin(home.get_executor());
    one.take("From: alice@seoul.example\r\n\r\nIt");
    home.poll();
  }
  home.restart();
  home.poll();
}

TEST_F(LetterChecks, FailuresOfTheDnsAreTold) {
  for (const auto status : {dns::Status::failed, dns::Status::timed_out, dns::Status::bogus}) {
    resolver_.fail("_dmarc.seoul.example", dns::Type::txt, status);
    EXPECT_EQ(line(check(kText)), "spf=pass dkim=none arc=none dmarc=temperror iprev=pass accept")
        << "the author's very domain is proven";
  }
  client_.address = IpAddress::parse("203.0.113.9");
  const std::string strange = "spf=fail dkim=none arc=none dmarc=temperror iprev=permerror ";
  for (const auto& [status, action] :
       {std::pair(dns::Status::failed, "accept"), {dns::Status::timed_out, "defer"}, {dns::Status::bogus, "defer"}}) {
    resolver_.fail("_dmarc.seoul.example", dns::Type::txt, status);
    EXPECT_EQ(line(check(kText)), strange + action);
  }
  // Where nothing has an answer, it is not the author's name servers that are broken.
  resolver_.fail("_dmarc.seoul.example", dns::Type::txt, dns::Status::failed);
  resolver_.fail("_dmarc.example", dns::Type::txt, dns::Status::failed);
  EXPECT_EQ(line(check(kText)), strange + "defer");
}

// Somebody writes in another's name, with a signature whose key lies behind name servers that say nothing.
TEST_F(LetterChecks, ADeadNameIsNoWayIn) {
  client_.address = IpAddress::parse("203.0.113.9");
  const auto signed_by = [this](const std::string& domain, const std::string& selector) {
    DkimSigner signer({.identities = {{.key = *key_, .domain = domain, .selector = selector}},
                       .fields = {},
                       .now = now_,
                       .expires_after = {},
                       .identity = {}});
    signer.take(kText);
    return signer.finish().value_or("") + std::string(kText);
  };
  const auto dead = [this](const std::string& name) { resolver_.fail(name, dns::Type::txt, dns::Status::failed); };
  dead("dead._domainkey.seoul.example");
  dead("s._domainkey.dead.seoul.example");
  dead("_dmarc.dead.seoul.example");
  dead("s._domainkey.evil.example");
  dead("_dmarc.evil.example");
  const std::string found = "spf=fail dkim=temperror arc=none ";
  EXPECT_EQ(line(check(signed_by("seoul.example", "dead"))), found + "dmarc=temperror iprev=permerror defer");
  EXPECT_EQ(line(check(signed_by("dead.seoul.example", "s"))), found + "dmarc=temperror iprev=permerror defer");
  EXPECT_EQ(line(check(signed_by("evil.example", "s"))), found + "dmarc=fail iprev=permerror reject")
      << "it couldn't have saved the letter";
  // The honest one is not held up by a dead name beside what proves it.
  const auto honest = signed_by("seoul.example", "dead");
  EXPECT_EQ(line(check(sign(honest))), "spf=fail dkim=pass arc=none dmarc=pass iprev=permerror accept");
  // And below a dead name of the author's there is no policy to find: the one above it is known.
  std::string below(kText);
  below.replace(below.find("alice@seoul"), 11, "alice@dead.seoul");
  EXPECT_EQ(line(check(below)), "spf=fail dkim=none arc=none dmarc=temperror iprev=permerror defer");
}

// What one author's names cost takes the answer about another from nobody.
TEST_F(LetterChecks, QuestionsThatAreUsedUpLetNobodyIn) {
  client_.address = IpAddress::parse("203.0.113.9");
  std::string from = "From: ";
  for (const char c : {'a', 'b', 'c', 'd'}) {
    for (int i = 0; i < 12; ++i) from += i == 0 ? fmt::format("x@{}0", c) : fmt::format(".{}{}", c, i);
    from += ".evil.example, ";
  }
  const auto rest = "\r\nTo: bob@busan.example\r\n\r\nIt rains.\r\n";
  std::string zone(kZone);
  for (const char c : {'a', 'b', 'c', 'd'}) {
    zone += fmt::format("_dmarc.{0}8.{0}9.{0}10.{0}11.evil.example. TXT \"v=DMARC1; p=none; np=quarantine\"\n", c);
  }
  resolver_.set_zone(zone);
  for (const auto* author : {"v.seoul.example", "v.v.v.v.v.seoul.example", "v.v.v.v.v.v.v.v.v.v.v.seoul.example"}) {
    const auto verdict = check(fmt::format("{}ceo@{}{}", from, author, rest));
    EXPECT_TRUE(verdict.decision.action == LetterAction::reject || verdict.decision.action == LetterAction::defer)
        << author << " " << line(verdict);
  }
}

TEST_F(LetterChecks, AFromFieldThatNamesManyOrNobody) {
  client_.address = IpAddress::parse("203.0.113.9");
  const std::string nobody = "spf=fail dkim=none arc=none dmarc=permerror iprev=permerror ";
  EXPECT_EQ(line(check("Subject: x\r\n\r\n")), nobody + "reject");
  settings_.policy.unclear_author = LetterAction::accept;
  EXPECT_EQ(line(check("Subject: x\r\n\r\n")), nobody + "accept");
  settings_.policy.unclear_author = LetterAction::reject;
  EXPECT_EQ(line(check("From: a@elsewhere.example, b@seoul.example\r\n\r\n")),
            "spf=fail dkim=none arc=none dmarc=fail iprev=permerror reject");
}

// RFC 8617 §4.2.1: fifty sets, each with a key of its own, and the letter's signatures beside them.
TEST_F(LetterChecks, AChainOfFiftyKeysIsValidated) {
  auto letter = sign(kText);
  std::string zone = std::string(kZone) + fmt::format("s._domainkey.seoul.example. TXT \"{}\"\n", key_->record());
  for (int i = 0; i < 12; ++i) {
    zone += fmt::format("s._domainkey.d{}.example. TXT \"v=DKIM1; k=ed25519; p=\"\n", i);
    letter.insert(
        0, fmt::format("DKIM-Signature: v=1; a=ed25519-sha256; d=d{}.example; s=s; h=from; bh=YQ==; b=YQ==\r\n", i));
  }
  for (int i = 1; i <= 50; ++i) {
    ArcSealer sealer(
        {.identity = {.key = *key_, .domain = fmt::format("h{}.example", i), .selector = "s"}, .now = now_});
    sealer.take(letter);
    const auto set = sealer.finish("mx.example; none", i == 1 ? ArcStatus::none : ArcStatus::pass);
    ASSERT_TRUE(set) << set.error().log;
    letter.insert(0, *set);
    zone += fmt::format("s._domainkey.h{}.example. TXT \"{}\"\n", i, key_->record());
  }
  resolver_.set_zone(zone);
  settings_.verifier.signatures = 20;
  EXPECT_EQ(line(check(letter)), "spf=pass dkim=pass arc=pass dmarc=pass iprev=pass accept");
}

// l= leaves the rest of the body to anybody; the standards let the signature pass, and the operator may think
// otherwise.
TEST_F(LetterChecks, ASignatureOfABeginningCountsUnlessItIsSet) {
  client_.address = IpAddress::parse("203.0.113.9");
  auto letter = sign_a_beginning("From: alice@seoul.example\r\n", "It rains.\r\n") + "Buy!\r\n";
  EXPECT_EQ(line(check(letter)), "spf=fail dkim=pass arc=none dmarc=pass iprev=permerror accept");
  settings_.policy.count_partial_bodies = false;
  EXPECT_EQ(line(check(letter)), "spf=fail dkim=pass arc=none dmarc=fail iprev=permerror reject");
}

// A letter of which no reverse-path is known is judged as a letter, not as a bounce.
TEST_F(LetterChecks, NoReversePathIsNoNullOne) {
  client_.mail_from.clear();
  const auto* const nobody = "Subject: it didn't arrive\r\n\r\n";
  EXPECT_TRUE(line(check(nobody)).ends_with(" accept"));
  client_.sender_known = false;
  EXPECT_TRUE(line(check(nobody)).ends_with(" reject"));
}

// Who signs for a domain of his own, and shows the reader another's name.
TEST_F(LetterChecks, AProofOfOneOfTwoReadingsProvesNothing) {
  const std::string rest = "\r\nTo: bob@busan.example\r\n\r\nIt rains.\r\n";
  for (const auto* from :
       {"From: <ceo@bank.example> alice@seoul.example", "From: ceo@bank..example\r\nFrom: alice@seoul.example",
        "From: ceo@bank.example@seoul.example", "Subject: x\r\nfoo\r\nbar\r\nFrom: alice@seoul.example"}) {
    const auto verdict = check(from + rest);
    EXPECT_NE(verdict.dmarc.result, DmarcResult::pass) << from;
    EXPECT_EQ(verdict.decision.action, LetterAction::reject) << from;
    EXPECT_NE(verdict.author_fault, AuthorFault::none) << from;
  }
  const auto bounce = [&](std::string_view from) {
    client_.mail_from.clear();
    return line(check(std::string(from) + rest));
  };
  EXPECT_EQ(bounce("From: MAILER-DAEMON"), "spf=pass dkim=none arc=none dmarc=permerror iprev=pass accept");
  EXPECT_EQ(bounce("Subject: it didn't arrive"), "spf=pass dkim=none arc=none dmarc=permerror iprev=pass accept");
  EXPECT_EQ(bounce("From: <ceo@bank.example> x@y"), "spf=pass dkim=none arc=none dmarc=none iprev=pass reject");
}

TEST_F(LetterChecks, ThePostmasterIsToldOfAllThat) {
  client_.address = IpAddress::parse("203.0.113.9");
  recipients_ = {"postmaster@busan.example"};
  EXPECT_EQ(line(check(kText)), "spf=fail dkim=none arc=none dmarc=fail iprev=permerror accept");
  recipients_.emplace_back("bob@busan.example");
  EXPECT_EQ(line(check(kText)), "spf=fail dkim=none arc=none dmarc=fail iprev=permerror reject");
}

TEST_F(LetterChecks, ManySignaturesAreVerifiedOnThePool) {
  Pool pool(2, Log());
  pool_ = &pool;
  auto letter = sign(kText);
  for (int i = 0; i < 4; ++i) letter = sign(letter);
  const auto verdict = check(letter);
  EXPECT_EQ(line(verdict), "spf=pass dkim=pass arc=none dmarc=pass iprev=pass accept");
  EXPECT_EQ(verdict.dkim.size(), 5U);
}

TEST_F(LetterChecks, WhatItSays) {
  client_.address = IpAddress::parse("203.0.113.9");
  const auto verdict = check(kText);
  const auto whole = to_json(verdict);
  EXPECT_EQ(whole.at("spf").at("result").as_string(), "fail");
  EXPECT_EQ(whole.at("spf").at("domain").as_string(), "seoul.example");
  EXPECT_EQ(whole.at("arc").at("cv").as_string(), "none");
  EXPECT_EQ(whole.at("dmarc").at("result").as_string(), "fail");
  EXPECT_EQ(whole.at("dmarc").at("policy").as_string(), "reject");
  EXPECT_EQ(whole.at("dmarc").at("disposition").as_string(), "reject");
  EXPECT_TRUE(whole.at("dkim").as_array().empty());
  EXPECT_LT(json::serialize(brief_json(verdict)).size(), 1500U);
  const auto told = teach(verdict);
  for (const auto* part : {"-all", "p=reject", "550 5.7.1", "iprev"}) EXPECT_TRUE(told.contains(part)) << told;
}

TEST(LetterResolver, HasAnEndOfQuestions) {
  dns::ScriptedResolver zone("a.example. 60 A 192.0.2.1\nb.example. 60 A 192.0.2.2\n");
  const auto status = run_blocking([](dns::ScriptedResolver* next) -> Async<std::string> {
    LetterResolver few(*next, co_await asio::this_coro::executor, 2);
    std::string said;
    for (const auto* name : {"a.example", "A.example", "b.example", "c.example", "b.example"}) {
      const auto answer = co_await few.resolve(dns::Name::parse(name).value(), dns::Type::a);
      said += fmt::format("{} ", dns::words_of(answer.status));
    }
    few.expire();
    const auto answer = co_await few.resolve(dns::Name::parse("d.example").value(), dns::Type::a);
    co_return said + std::string(dns::words_of(answer.status));
  }(&zone));
  EXPECT_EQ(status, "ok ok ok timed out ok timed out");
  EXPECT_EQ(zone.asked(), 2U);
}

}  // namespace
}  // namespace pabal::mailauth
