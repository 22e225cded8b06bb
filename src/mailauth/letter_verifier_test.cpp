#include "mailauth/letter_verifier.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "base/text.hpp"
#include "dns/scripted_resolver.hpp"
#include "mailauth/authentication_results.hpp"
#include "mailauth/dkim_signer.hpp"
#include "mailauth/verifying_testing.hpp"

namespace pabal::mailauth {
namespace {

using testing::noon;
using testing::Records;
using testing::verify;

const DkimSigningKey& ed_key() {
  static const auto key = DkimSigningKey::generate_ed25519();
  return *key;
}
const DkimSigningKey& rsa_key() {
  static const auto key = DkimSigningKey::generate_rsa(1024);
  return *key;
}

constexpr const char* kLetter =
    "Received: by mail.example.org; Sun, 22 Nov 2026 10:00:00 +0000\r\n"
    "From: Alice <alice@example.org>\r\n"
    "To: bob@example.com\r\n"
    "Subject: a  folded\r\n\tsubject \r\n"
    "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
    "\r\n"
    "Hello  Bob,\r\n"
    "\r\n"
    "this is \ta letter. \r\n"
    "\r\n\r\n";

DkimSigning usual() {
  DkimSigning signing;
  signing.identities = {{.key = ed_key(), .domain = "example.org", .selector = "ed"},
                        {.key = rsa_key(), .domain = "example.org", .selector = "rsa"}};
  signing.now = noon;
  return signing;
}
Records records() {
  return {{"ed._domainkey.example.org", ed_key().record()}, {"rsa._domainkey.example.org", rsa_key().record()}};
}
std::string sign(DkimSigning signing, std::string_view letter, std::size_t piece = SIZE_MAX) {
  DkimSigner signer(std::move(signing));
  for (auto rest = letter; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) {
    signer.take(rest.substr(0, piece));
  }
  const auto fields = signer.finish();
  return fields ? *fields + std::string(letter) : "error: " + fields.error().peer;
}
// The outcome of a letter with one signature.
DkimOutcome one(const SignatureOutcomes& outcomes) {
  EXPECT_EQ(outcomes.dkim.size(), 1U);
  return outcomes.dkim.empty() ? DkimOutcome{} : outcomes.dkim.front();
}
std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

TEST(Dkim, signsWithBothAlgorithmsAndVerifiesInEveryForm) {
  for (const auto header : {Canonicalization::simple, Canonicalization::relaxed}) {
    for (const auto body : {Canonicalization::simple, Canonicalization::relaxed}) {
      auto signing = usual();
      signing.header_form = header;
      signing.body_form = body;
      signing.identity = "alice@example.org";
      signing.expires_after = std::chrono::days(7);
      const auto letter = sign(std::move(signing), kLetter);
      const auto outcomes = verify(letter, records());
      EXPECT_EQ(testing::lines_of(outcomes), "pass example.org\npass example.org") << letter;
      ASSERT_EQ(outcomes.dkim.size(), 2U);
      EXPECT_EQ(outcomes.dkim[0].algorithm, "ed25519-sha256");
      EXPECT_EQ(outcomes.dkim[1].bits, 1024U);
      EXPECT_EQ(outcomes.dkim[1].identity, "alice@example.org");
      EXPECT_EQ(outcomes.arc.cv, ArcStatus::none);
      EXPECT_EQ(summary_of(outcomes.dkim), DkimResult::pass);
    }
  }
}

TEST(Dkim, theFieldIsAsItIsWritten) {
  auto signing = usual();
  signing.identities.pop_back();
  signing.fields = {"From", "To", "Subject", "Date", "From"};
  signing.expires_after = std::chrono::seconds(60);
  const auto letter = sign(std::move(signing), kLetter);
  const auto field = letter.substr(0, letter.find("Received:"));
  EXPECT_TRUE(field.starts_with("DKIM-Signature: a=ed25519-sha256;\r\n b=")) << field;
  EXPECT_TRUE(field.ends_with(";\r\n bh=QxIONa4/9b2FxQLZ4cvEXLBpAqCCsVk1wzIq7uQHrSQ=; c=relaxed/relaxed;\r\n"
                              " d=example.org; h=From:To:Subject:Date:From; s=ed; t=1770000000;\r\n"
                              " x=1770000060; v=1\r\n") ||
              field.contains(" h=From:To:Subject:Date:From; s=ed; t=1770000000; v=1;\r\n x=1770000060\r\n"))
      << field;
  for (const auto line : split(field, '\n')) EXPECT_LE(line.size(), 79U) << line;
}

TEST(Dkim, piecesDoNotMatter) {
  const auto letter = sign(usual(), kLetter);
  EXPECT_EQ(sign(usual(), kLetter, 1), letter) << "both algorithms are deterministic";
  EXPECT_EQ(sign(usual(), kLetter, 3), letter);
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 100U}) {
    EXPECT_EQ(testing::lines_of(verify(letter, records(), noon, piece)), "pass example.org\npass example.org") << piece;
  }
}

TEST(Dkim, lfIsCrlf) {
  const auto letter = sign(usual(), kLetter);
  std::string bare;
  std::ranges::copy_if(letter, std::back_inserter(bare), [](char c) { return c != '\r'; });
  EXPECT_EQ(testing::lines_of(verify(bare, records())), "pass example.org\npass example.org");
}

TEST(Dkim, whatRelaysChangeIsForgiven) {
  auto signing = usual();
  signing.identities.pop_back();
  const auto letter = sign(std::move(signing), kLetter);
  const auto changed = replaced(replaced(letter, "this is \ta letter. ", "this  is a letter."),
                                "Subject: a  folded\r\n\t", "SUBJECT : a folded ");
  EXPECT_EQ(testing::lines_of(verify("Received: by another\r\n" + changed + "\r\n\r\n", records())),
            "pass example.org");
}

TEST(Dkim, whatWasChangedIsTold) {
  auto signing = usual();
  signing.identities.pop_back();
  const auto letter = sign(std::move(signing), kLetter);
  const auto outcome = [](const std::string& text) { return one(verify(text, records())); };
  auto body = outcome(replaced(letter, "a letter", "a better"));
  EXPECT_EQ(body.result, DkimResult::fail);
  EXPECT_TRUE(body.reason.starts_with("the body isn't what was signed")) << body.reason;
  EXPECT_EQ(body.bits, 0U) << "no need for the key";
  auto field = outcome(replaced(letter, "To: bob", "To: eve"));
  EXPECT_EQ(field.result, DkimResult::fail);
  EXPECT_TRUE(field.reason.starts_with("the signature doesn't fit")) << field.reason;
  EXPECT_EQ(field.bits, 256U);
  for (const auto* added : {"From: eve@example.com\r\n", "Subject: another\r\n", "Reply-To: eve@example.com\r\n",
                            "Content-Type: text/html\r\n"}) {
    EXPECT_EQ(outcome(added + letter).result, DkimResult::fail) << added << " above";
    EXPECT_EQ(outcome(replaced(letter, "\r\n\r\nHello", std::string("\r\n") + added + "\r\nHello")).result,
              DkimResult::fail)
        << added << " below";
  }
  EXPECT_EQ(outcome(replaced(letter, "t=17700", "t=17701")).result, DkimResult::fail);
}

TEST(Dkim, fieldsArePickedFromTheBottom) {
  auto signing = usual();
  signing.identities.pop_back();
  signing.fields = {"from", "received"};
  const auto letter = sign(std::move(signing), kLetter);
  EXPECT_EQ(one(verify("Received: by another\r\n" + letter, records())).result, DkimResult::pass);
  EXPECT_EQ(one(verify(replaced(letter, "From: Alice", "Received: by another\r\nFrom: Alice"), records())).result,
            DkimResult::fail);
}

TEST(Dkim, itsOwnFieldIsNoneOfThoseItNames) {
  auto signing = usual();
  signing.identities.pop_back();
  const auto once = sign(signing, kLetter);
  signing.fields = {"from", "dkim-signature", "dkim-signature"};
  const auto twice = sign(std::move(signing), once);
  EXPECT_EQ(testing::lines_of(verify(twice, records())), "pass example.org\npass example.org");
}

TEST(Dkim, timesAreKept) {
  auto signing = usual();
  signing.identities.pop_back();
  signing.expires_after = std::chrono::seconds(60);
  const auto letter = sign(std::move(signing), kLetter);
  EXPECT_EQ(one(verify(letter, records(), noon + std::chrono::seconds(60))).result, DkimResult::pass);
  const auto late = one(verify(letter, records(), noon + std::chrono::seconds(61)));
  EXPECT_EQ(late.result, DkimResult::fail);
  EXPECT_EQ(late.reason, "the signature ended at 2026-02-02T02:41:00.000Z");
}

TEST(Dkim, keysAndWhatTheyAllow) {
  auto signing = usual();
  signing.identities.pop_back();
  signing.identity = "a@sub.example.org";
  const auto letter = sign(std::move(signing), kLetter);
  const auto key = ed_key().record();
  const auto with = [&letter](std::vector<std::string> texts) {
    Records all;
    for (auto& text : texts) all.emplace("ed._domainkey.example.org", std::move(text));
    const auto outcome = one(verify(letter, all));
    return std::string(name_of(outcome.result)) + ": " + outcome.reason;
  };
  const auto p = key.substr(key.find("p="));
  EXPECT_TRUE(with({key}).starts_with("pass"));
  EXPECT_TRUE(with({"v=DKIM1; k=ed25519; t=y; " + p}).ends_with("it is only testing (t=y)"));
  EXPECT_TRUE(with({"v=DKIM1; k=ed25519; t=s; " + p}).starts_with("permerror: the key's t=s"));
  EXPECT_EQ(with({"v=DKIM1; k=ed25519; p="}), "permerror: the key was revoked: its p= is empty");
  EXPECT_TRUE(with({"v=DKIM1; k=ed25519; s=tlsrpt; " + p}).starts_with("permerror: the key's s="));
  EXPECT_TRUE(with({"v=DKIM1; k=ed25519; h=sha1; " + p}).starts_with("permerror: the key's h="));
  EXPECT_TRUE(with({rsa_key().record()}).starts_with("permerror: the key is of type rsa"));
  EXPECT_TRUE(with({"v=DKIM1; k=ed25519; p=AAAA"}).starts_with("permerror: an Ed25519 key has 32 octets"));
  EXPECT_TRUE(with({}).starts_with("permerror: there is no key at ed._domainkey.example.org"));
  EXPECT_TRUE(with({"TEMPERROR"}).starts_with("temperror: the key ed._domainkey.example.org can't be looked up"));
  EXPECT_TRUE(with({"v=spf1 -all", rsa_key().record(), key}).starts_with("pass")) << "one of several";
  const auto other = DkimSigningKey::generate_ed25519();
  EXPECT_TRUE(with({other->record()}).starts_with("fail: the signature doesn't fit"));
  EXPECT_TRUE(with({other->record(), key}).starts_with("pass"));
}

// RFC 6376 §3.6.1: whyever the signature fails, the domain only tests.
TEST(Dkim, aKeyThatIsOnlyTestedIsToldOf) {
  auto signing = usual();
  signing.identities.pop_back();
  const auto letter = sign(std::move(signing), kLetter);
  const auto p = ed_key().record();
  const Records tested = {{"ed._domainkey.example.org", "v=DKIM1; k=ed25519; t=y:x; " + p.substr(p.find("p="))}};
  const auto header_end = letter.find("\r\n\r\n");
  auto body = letter + "More.\r\n";
  auto field = letter;
  const auto from = field.find("From:", field.find("bh="));
  ASSERT_LT(from, header_end);
  field.insert(from + 5, " Someone");
  for (const auto& changed : {body, field}) {
    const auto outcome = one(verify(changed, tested));
    EXPECT_EQ(outcome.result, DkimResult::fail) << outcome.reason;
    EXPECT_TRUE(outcome.testing);
    EXPECT_TRUE(outcome.reason.ends_with("it is only testing (t=y)")) << outcome.reason;
    EXPECT_FALSE(one(verify(changed, {{"ed._domainkey.example.org", p}})).testing);
  }
  EXPECT_EQ(result_of(one(verify(body, tested))).comment, "testing");
  EXPECT_FALSE(one(verify(body, {})).testing) << "no key says anything";
}

TEST(Dkim, shortKeysProveNothing) {
  // The key of 768 bits, made for this.
  constexpr const char* record =
      "p=MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhAMDAEgZsnb0R/NRycloII6r6dJo/uqa8Qmpe0M5OkPe5lgsfI1JzzliSzsmZmzW5MLZvD5DIzpxB"
      "90zxWT2Uhinm1OlpsNlcy5lkpx4bu5Sxrg8vrLgk9uDMGZHbkH8yhQIDAQAB";
  auto signing = usual();
  signing.identities.erase(signing.identities.begin());
  const auto letter = sign(std::move(signing), kLetter);
  const auto outcome = one(verify(letter, {{"rsa._domainkey.example.org", record}}));
  EXPECT_EQ(outcome.result, DkimResult::fail);
  EXPECT_TRUE(outcome.reason.starts_with("an RSA key of 768 bits proves nothing")) << outcome.reason;
}

TEST(Dkim, aSignatureOfAPartOfTheBody) {
  // l= isn't written by the signer: a letter that says it by hand, of a body whose beginning is the same.
  auto signing = usual();
  signing.identities.pop_back();
  const auto letter = sign(std::move(signing), kLetter);
  for (const auto& [length, wanted] : {std::pair{"0", "body isn't"},
                                       {"1000000", "there are only"},
                                       {"99999999999999999999999999", "there are only"}}) {
    const auto outcome = one(verify(replaced(letter, " d=", std::string(" l=") + length + "; d="), records()));
    EXPECT_EQ(outcome.result, DkimResult::fail);
    EXPECT_NE(outcome.reason.find(wanted), std::string::npos) << outcome.reason;
  }
}

TEST(Dkim, boundedNumbers) {
  auto signing = usual();
  signing.identities.pop_back();
  auto letter = sign(signing, kLetter);
  const auto field = letter.substr(0, letter.find("Received:"));
  for (int i = 0; i < 6; ++i) letter.insert(0, field);
  const auto outcomes = verify(letter, records());
  EXPECT_EQ(outcomes.dkim.size(), 5U);
  EXPECT_EQ(outcomes.passed_over, 2U);
  for (const auto& outcome : outcomes.dkim) EXPECT_EQ(outcome.result, DkimResult::pass);
  const auto tight = verify(letter, records(), noon, SIZE_MAX, {.hashed_octets = 1000});
  EXPECT_EQ(tight.dkim.back().result, DkimResult::policy);
  const auto tiny = verify(letter, records(), noon, 10, {.header_octets = 1000});
  EXPECT_EQ(testing::lines_of(tiny), "policy ");
  EXPECT_EQ(tiny.arc.cv, ArcStatus::fail);
  EXPECT_EQ(testing::lines_of(verify(std::string(2'000'000, 'a'), records())), "policy ");
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "A:\n";
  EXPECT_EQ(testing::lines_of(verify(many + letter, records())), "policy ");
}

TEST(Dkim, lettersThatAreHardlyOnes) {
  for (const std::string text : {"", "\r\n", "\n", "no header at all", "From: a@b.example", "From: a@b.example\r\n",
                                 "DKIM-Signature: v=1", "DKIM-Signature:", "DKIM-Signature", ": x\r\n\r\n", "\r\r\n"}) {
    const auto outcomes = verify(text, {});
    EXPECT_EQ(outcomes.dkim.size(), text.starts_with("DKIM-Signature:") ? 1U : 0U) << text;
    EXPECT_EQ(outcomes.arc.cv, ArcStatus::none);
  }
}

TEST(Dkim, everyPrefixOfALetter) {
  const auto letter = sign(usual(), kLetter);
  for (std::size_t size = 0; size < letter.size(); size += 3) {
    const auto outcomes = verify(letter.substr(0, size), records());
    // Without the empty lines at its end, it is the same letter.
    if (size + 8 < letter.size()) EXPECT_NE(summary_of(outcomes.dkim), DkimResult::pass) << size;
  }
}

TEST(Dkim, keysAreAskedForSideBySideAndOnce) {
  const auto letter = sign(usual(), sign(usual(), kLetter));
  dns::ScriptedResolver resolver(
      "$ORIGIN example.org.\n$TTL 300\n@ SOA ns hostmaster 1 1 1 1 1\n"
      "ed._domainkey TXT \"" +
      ed_key().record() + "\"\n" + "rsa._domainkey TXT \"" + rsa_key().record() + "\"\n");
  KeyCache keys;
  LetterVerifier verifier(keys);
  verifier.take(letter.substr(0, letter.find("Hello")));
  ASSERT_TRUE(verifier.header_whole());
  EXPECT_EQ(verifier.questions().size(), 2U);
  verifier.take_answers(run_blocking(dns::resolve_all(resolver, verifier.questions())));
  EXPECT_EQ(resolver.asked(), 2U);
  verifier.take(letter.substr(letter.find("Hello")));
  const auto outcomes = run_blocking(verifier.finish(resolver, noon));
  EXPECT_EQ(resolver.asked(), 2U);
  EXPECT_EQ(testing::lines_of(outcomes), "pass example.org\npass example.org\npass example.org\npass example.org");
}

// Whoever passed the letter on put his signatures on top; the author's is the one that matters.
TEST(Dkim, theAuthorsSignaturesComeFirst) {
  const auto by = [](std::string domain) {
    DkimSigning signing;
    signing.identities = {{.key = ed_key(), .domain = std::move(domain), .selector = "ed"}};
    signing.now = noon;
    return signing;
  };
  auto letter = sign(by("example.org"), kLetter);
  letter = sign(by("mail.example.org"), letter);
  for (int i = 0; i < 6; ++i) letter = sign(by("host" + std::to_string(i) + ".example"), letter);
  Records all;
  for (const auto* name : {"example.org", "mail.example.org", "host0.example", "host1.example", "host2.example",
                           "host3.example", "host4.example", "host5.example"}) {
    all.emplace(std::string("ed._domainkey.") + name, ed_key().record());
  }
  const auto outcomes = verify(letter, all, noon, SIZE_MAX, {.signatures = 5});
  EXPECT_EQ(testing::lines_of(outcomes),
            "pass host5.example\npass host4.example\npass host3.example\npass mail.example.org\npass example.org");
  EXPECT_EQ(outcomes.passed_over, 3U);
}

// Who passes a letter on puts many broken ones into it, in the author's name.
TEST(Dkim, BrokenOnesPushOutNoGoodOne) {
  auto signing = usual();
  signing.identities.pop_back();
  const auto letter = sign(signing, kLetter);
  const auto field = letter.substr(0, letter.find("Received:"));
  const auto other = sign(signing, std::string(kLetter) + "More.\r\n");
  const auto of_another_body = other.substr(0, other.find("Received:"));
  const auto check = [&letter](int count, const auto& broken) {
    std::string text;
    for (int i = 0; i < count; ++i) text += broken(i);
    dns::ScriptedResolver zone(fmt::format("ed._domainkey.example.org. 300 TXT \"{}\"\n", ed_key().record()));
    KeyCache keys;
    LetterVerifier verifier(keys);
    verifier.take(text + letter);
    const auto outcomes = run_blocking(verifier.finish(zone, noon));
    const auto good =
        std::ranges::any_of(outcomes.dkim, [](const auto& one) { return one.result == DkimResult::pass; });
    return fmt::format("{} of {}, {} over, {} asked", good ? "pass" : "fail", outcomes.dkim.size(),
                       outcomes.passed_over, zone.asked());
  };
  const auto unreadable = [](int) { return std::string("DKIM-Signature: v=1; a=rsa-sha256; d=example.org\r\n"); };
  EXPECT_EQ(check(90, unreadable), "pass of 5, 86 over, 1 asked");
  EXPECT_EQ(check(90, [&](int) { return std::string(of_another_body); }), "pass of 6, 85 over, 1 asked");
  const auto without_a_key = [&](int i) { return replaced(field, "s=ed", fmt::format("s=none{}", i)); };
  EXPECT_EQ(check(9, without_a_key), "pass of 10, 0 over, 10 asked");
  EXPECT_EQ(check(90, without_a_key), "fail of 20, 71 over, 20 asked") << "there is an end";
}

TEST(Dkim, aSecondFieldOfANameIsToldOf) {
  auto signing = usual();
  signing.identities.pop_back();
  signing.fields = {"From", "To", "Subject"};
  const auto letter = sign(signing, kLetter);
  EXPECT_FALSE(one(verify(letter, records())).reason.contains("more"));
  const auto added = one(verify("Subject: another\r\n" + letter, records()));
  EXPECT_EQ(added.result, DkimResult::pass);
  EXPECT_TRUE(added.reason.contains("the letter has more subject fields than it covers")) << added.reason;
  signing.fields.emplace_back("Subject");
  EXPECT_EQ(one(verify("Subject: another\r\n" + sign(signing, kLetter), records())).result, DkimResult::fail);
}

TEST(Dkim, twoRecordsAreTried) {
  const auto letter = sign(
      [] {
        auto signing = usual();
        signing.identities.pop_back();
        return signing;
      }(),
      kLetter);
  const Records two = {{"ed._domainkey.example.org", rsa_key().record()},
                       {"ed._domainkey.example.org", ed_key().record()}};
  EXPECT_EQ(one(verify(letter, two)).result, DkimResult::pass);
  Records many = {{"ed._domainkey.example.org", "x=1"}};
  for (int i = 0; i < 100; ++i) many.emplace("ed._domainkey.example.org", "v=DKIM1; p=");
  many.emplace("ed._domainkey.example.org", ed_key().record());
  EXPECT_EQ(one(verify(letter, many)).result, DkimResult::permerror);
}

TEST(DkimSigner, refusesWhatItCannotSign) {
  EXPECT_EQ(sign(usual(), "To: bob@example.com\r\n\r\nHello\r\n"), "error: the letter has no From field");
  auto signing = usual();
  signing.fields = {"to"};
  EXPECT_TRUE(sign(signing, kLetter).starts_with("error: From must be among"));
  signing.fields = {"from", "a b"};
  EXPECT_EQ(sign(signing, kLetter), "error: 'a b' is no name of a header field");
  signing = usual();
  signing.identities[0].domain = "exa;mple";
  EXPECT_EQ(sign(signing, kLetter), "error: 'exa;mple' is no domain to sign for");
  signing = usual();
  signing.identities[1].selector = "";
  EXPECT_EQ(sign(signing, kLetter), "error: '' is no selector");
}

TEST(DkimSigner, longListsAreFolded) {
  auto signing = usual();
  signing.identities.pop_back();
  signing.fields = {"from"};
  for (int i = 0; i < 200; ++i) signing.fields.push_back("x-some-field-" + std::to_string(i));
  const auto letter = sign(signing, kLetter);
  for (const auto line : split(letter, '\n')) EXPECT_LT(line.size(), 998U);
  EXPECT_EQ(testing::lines_of(verify(letter, records())), "pass example.org");
  signing.header_form = Canonicalization::simple;
  EXPECT_EQ(testing::lines_of(verify(sign(signing, kLetter), records())), "pass example.org");
}

TEST(DkimSigner, usualFieldsAreClosed) {
  const auto names = usual_fields("From: a@b\r\nTo: c@d\r\nTo: e@f\r\nList-Id: <x>\r\nX-Other: y\r\n\r\n");
  EXPECT_EQ(std::ranges::count(names, "from"), 2);
  EXPECT_EQ(std::ranges::count(names, "to"), 3);
  EXPECT_EQ(std::ranges::count(names, "subject"), 1);
  EXPECT_EQ(std::ranges::count(names, "list-id"), 1);
  EXPECT_EQ(std::ranges::count(names, "list-post"), 0);
  EXPECT_EQ(std::ranges::count(names, "x-other"), 0);
}

}  // namespace
}  // namespace pabal::mailauth
