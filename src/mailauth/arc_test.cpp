#include "mailauth/arc.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "mailauth/arc_sealer.hpp"
#include "mailauth/results_reader.hpp"
#include "mailauth/verifying_testing.hpp"

namespace pabal::mailauth {
namespace {

using testing::Records;

constexpr const char* kLetter =
    "From: Alice <alice@example.org>\r\n"
    "To: list@lists.example\r\n"
    "Subject: words\r\n"
    "\r\n"
    "Hello\r\n";

const DkimSigningKey& key() {
  static const auto made = DkimSigningKey::generate_ed25519();
  return *made;
}
// Whoever seals in these tests has one key.
Records records_for(std::size_t sealers) {
  Records records;
  for (std::size_t i = 1; i <= sealers; ++i) {
    records.emplace("s._domainkey.host" + std::to_string(i) + ".example", key().record());
  }
  return records;
}
Result<std::string> set_for(std::string_view letter, std::size_t host, ArcStatus cv) {
  ArcSealer sealer({.identity = {.key = key(), .domain = "host" + std::to_string(host) + ".example", .selector = "s"},
                    .now = testing::noon});
  sealer.take(letter);
  const std::string chain(name_of(cv));
  return sealer.finish("mx" + std::to_string(host) + ".example;\r\n arc=" + chain +
                           ";\r\n dkim=pass (good; really) header.d=example.org; spf=fail reason=\"not; here\" "
                           "smtp.mailfrom=a@example.org",
                       cv);
}
std::string sealed(std::string letter, std::size_t host, ArcStatus cv) {
  const auto set = set_for(letter, host, cv);
  return set ? *set + letter : "error: " + set.error().peer;
}
std::string sealed_by(std::size_t hosts, std::string letter = kLetter) {
  for (std::size_t i = 1; i <= hosts; ++i)
    letter = sealed(std::move(letter), i, i == 1 ? ArcStatus::none : ArcStatus::pass);
  return letter;
}
std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}
ArcOutcome validate(std::string_view letter, std::size_t hosts = 50) {
  return testing::verify(letter, records_for(hosts)).arc;
}

TEST(Arc, chainsUpToFifty) {
  auto letter = std::string(kLetter);
  for (std::size_t hosts = 1; hosts <= 50; ++hosts) {
    letter = sealed(std::move(letter), hosts, hosts == 1 ? ArcStatus::none : ArcStatus::pass);
    if (hosts > 3 && hosts < 49) continue;
    const auto outcome = validate(letter);
    EXPECT_EQ(outcome.cv, ArcStatus::pass) << hosts << ": " << outcome.reason;
    EXPECT_EQ(outcome.sets.size(), hosts);
    EXPECT_EQ(outcome.oldest_pass, 0U) << outcome.reason;
  }
  EXPECT_EQ(sealed(letter, 51, ArcStatus::pass), "error: the chain has 50 sets already");
}

// A forged chain makes nobody ask for the keys below the seal that doesn't hold.
TEST(Arc, keysAreAskedForAsFarAsTheChainHolds) {
  const auto asked = [](const std::string& letter, VerifierLimits limits = {}) {
    KeyCache keys;
    LetterVerifier verifier(keys, limits);
    verifier.take(letter);
    verifier.end();
    const auto records = records_for(50);
    std::string counts;
    bool done = false;
    while (!done) {
      counts += std::to_string(verifier.questions().size()) + " ";
      std::vector<dns::Answer> answers;
      for (const auto& question : verifier.questions()) answers.push_back(testing::answer_of(records, question));
      verifier.take_answers(std::move(answers));
      done = verifier.verify(testing::noon);
    }
    return counts + std::string(name_of(verifier.outcomes().arc.cv));
  };
  const auto ten = sealed_by(10);
  EXPECT_EQ(asked(ten), "1 2 4 3 pass");
  EXPECT_EQ(asked(replaced(ten, "Hello", "Hallo")), "1 fail");
  EXPECT_EQ(asked(replaced(ten, "mx10.example", "mx11.example")), "1 fail");
  EXPECT_EQ(asked(ten, {.arc_sets = 10}), "1 2 4 3 pass");
  EXPECT_EQ(asked(ten, {.arc_sets = 9}), "0 fail");
  // The last sealer's own holds; what he made up below costs two more.
  auto forged = replaced(sealed_by(9), "mx1.example", "mx2.example");
  EXPECT_EQ(asked(sealed(forged, 10, ArcStatus::pass)), "1 2 fail");
}

TEST(Arc, whatASetSays) {
  const auto outcome = validate(sealed_by(2));
  ASSERT_EQ(outcome.sets.size(), 2U);
  const auto& set = outcome.sets[1];
  EXPECT_EQ(set.instance, 2U);
  EXPECT_EQ(set.claimed, "pass");
  EXPECT_EQ(set.seal.domain, "host2.example");
  EXPECT_EQ(set.seal.result, DkimResult::pass);
  EXPECT_EQ(set.message_signature.result, DkimResult::pass);
  EXPECT_EQ(set.authserv_id, "mx2.example");
  ASSERT_EQ(set.methods.size(), 3U);
  EXPECT_EQ(set.methods[1].method, "dkim");
  EXPECT_EQ(set.methods[1].result, "pass");
  EXPECT_EQ(set.methods[1].properties.front().second, "example.org");
  EXPECT_EQ(set.methods[2].reason, "not; here");
}

TEST(Arc, whoChangedTheLetter) {
  auto letter = sealed_by(2);
  letter = replaced(letter, "Hello", "[list] Hello");
  EXPECT_EQ(validate(letter).cv, ArcStatus::fail) << "the latest signature must hold";
  // The third sealer got it whole (as far as it says), changed it, and sealed what it made of it.
  letter = sealed(letter, 3, ArcStatus::pass);
  const auto outcome = validate(letter);
  EXPECT_EQ(outcome.cv, ArcStatus::pass) << outcome.reason;
  EXPECT_EQ(outcome.oldest_pass, 3U);
  EXPECT_EQ(outcome.reason, "3 seals hold; the letter was changed before set 3 was made");
}

TEST(Arc, failures) {
  const auto two = sealed_by(2);
  const auto fails = [](const std::string& letter, std::size_t at, std::string_view words) {
    const auto outcome = validate(letter);
    EXPECT_EQ(outcome.cv, ArcStatus::fail) << words;
    EXPECT_EQ(outcome.failed_at, at) << outcome.reason;
    EXPECT_NE(outcome.reason.find(words), std::string::npos) << outcome.reason;
  };
  fails(replaced(two, "Hello", "Hallo"), 2, "message signature 2: the body isn't what was signed");
  fails(replaced(two, "mx1.example", "mx9.example"), 2, "seal 2: the signature doesn't fit");
  fails(replaced(two, "ARC-Seal:", "X-Seal:"), 2, "set 2 has no ARC-Seal");
  fails(replaced(two, "ARC-Message-Signature:", "X:"), 2, "set 2 has no ARC-Message-Signature");
  fails(replaced(two, "ARC-Authentication-Results:", "X:"), 2, "set 2 has no ARC-Authentication-Results");
  fails(replaced(two, " i=2;", " i=3;"), 2, "set 2 has no ARC-Seal");
  fails(replaced(two, " i=2;", " i=1;"), 1, "two ARC-Seal fields with i=1");
  fails(replaced(two, " i=2;", " i=0;"), 0, "no instance from 1 to 50");
  fails(replaced(two, " i=2;", ""), 0, "no instance from 1 to 50");
  fails(replaced(two, "cv=pass", "cv=none"), 2, "the seal of set 2 says cv=none");
  fails(replaced(two, "cv=pass", "cv=maybe"), 2, "the seal of set 2 says cv=maybe");
  fails(replaced(two, "cv=none", "cv=pass"), 1, "the seal of set 1 says cv=pass");
  fails(replaced(two, "cv=pass", "cv=fail"), 2, "the latest sealer found that the chain had failed");
  fails(replaced(two, "Results: i=2;", "Results:"), 0, "doesn't begin with its instance");
  fails("ARC-Seal: i=1\r\n" + std::string(kLetter), 1, "set 1 has no");
}

TEST(Arc, keysThatAreNotThere) {
  const auto two = sealed_by(2);
  const auto missing = validate(two, 1);
  EXPECT_EQ(missing.cv, ArcStatus::fail);
  EXPECT_FALSE(missing.temporary);
  auto records = records_for(1);
  records.emplace("s._domainkey.host2.example", "TEMPERROR");
  const auto later = testing::verify(two, records).arc;
  EXPECT_EQ(later.cv, ArcStatus::fail);
  EXPECT_TRUE(later.temporary);
}

TEST(Arc, aFailedChainIsSealedOnceMore) {
  const auto broken = replaced(sealed_by(2), "Hello", "Hallo");
  const auto letter = sealed(broken, 3, ArcStatus::fail);
  const auto outcome = validate(letter);
  EXPECT_EQ(outcome.cv, ArcStatus::fail);
  EXPECT_TRUE(outcome.ended);
  EXPECT_EQ(outcome.sets.size(), 3U);
  EXPECT_TRUE(sealed(letter, 4, ArcStatus::fail).starts_with("error: the chain has ended"));
}

TEST(ArcSealer, whatDoesNotFitIsRefused) {
  const auto one = sealed_by(1);
  EXPECT_TRUE(sealed(one, 2, ArcStatus::none).starts_with("error: the letter has been sealed before"));
  EXPECT_TRUE(sealed(kLetter, 1, ArcStatus::pass).starts_with("error: there is no whole chain"));
  EXPECT_TRUE(sealed(kLetter, 1, ArcStatus::fail).starts_with("error: there is no chain"));
  EXPECT_TRUE(sealed(replaced(one, "ARC-Seal", "X-Seal"), 2, ArcStatus::pass).starts_with("error: there is no whole"));
  ArcSealer sealer(
      {.identity = {.key = key(), .domain = "a.example", .selector = "s"}, .fields = {"from", "arc-seal"}});
  sealer.take(kLetter);
  EXPECT_FALSE(sealer.finish("a.example; none", ArcStatus::none));
}

TEST(ArcSealer, piecesDoNotMatterAndLinesAreShort) {
  const auto set = set_for(kLetter, 1, ArcStatus::none);
  ASSERT_TRUE(set);
  ArcSealer sealer({.identity = {.key = key(), .domain = "host1.example", .selector = "s"}, .now = testing::noon});
  for (const char* c = kLetter; *c != '\0'; ++c) sealer.take({c, 1});
  const auto again = sealer.finish(
      "mx1.example; arc=none; dkim=pass (good; really) header.d=example.org; spf=fail reason=\"not; here\" "
      "smtp.mailfrom=a@example.org",
      ArcStatus::none);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *set);
  for (const auto line : split(*set, '\n')) {
    if (!line.starts_with(" b=") && !line.starts_with(" h=")) EXPECT_LE(line.size(), 79U) << line;
  }
}

TEST(ResultsReader, readsWhatOthersSay) {
  const auto line = [](std::string_view body) {
    const auto results = read_results(body);
    auto out = results.authserv_id + ":";
    for (const auto& method : results.methods) {
      out += " " + method.method + "=" + method.result;
      if (!method.reason.empty()) out += "[" + method.reason + "]";
      for (const auto& [name, value] : method.properties) out += " " + name + "=" + value;
    }
    return out;
  };
  EXPECT_EQ(line("example.com 1; none"), "example.com:");
  EXPECT_EQ(
      line(
          " mx.example;\r\n spf=pass smtp.mailfrom=a@b.example;\r\n dkim=fail (bad) reason=\"a \\\"b\\\"\" header.d=c"),
      "mx.example: spf=pass smtp.mailfrom=a@b.example dkim=fail[a \"b\"] header.d=c");
  EXPECT_EQ(line("(c) \"mx; example\" ; DKIM/1 = PASS (x (y) z) header . d = e.example"),
            "mx; example: dkim=pass header.d=e.example");
  EXPECT_EQ(line(""), ":");
  EXPECT_EQ(line(";;;"), ":");
  EXPECT_EQ(line("a; ==; spf; spf=; =pass; ok=pass"), "a: ok=pass");
  EXPECT_EQ(line("a; dkim=pass \"never ends; spf=pass"), "a: dkim=pass");
  EXPECT_EQ(line("a; dkim=pass (never ends; spf=pass"), "a: dkim=pass");
  EXPECT_EQ(split_results(" a ;\r\n\tb  (c;\r\n d) ; "), (std::vector<std::string>{"a", "b (c; d)"}));
  std::string many = "a";
  for (int i = 0; i < 1000; ++i) many += "; spf=pass x.y=z";
  EXPECT_EQ(read_results(many).methods.size(), 100U);
}

}  // namespace
}  // namespace pabal::mailauth
