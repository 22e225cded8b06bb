// Failure reports: who wants which, what they tell and what not, and how many there are.
#include "reports/failure_report.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "dns/scripted_resolver.hpp"
#include "message/arf.hpp"
#include "reports/failure_reports.hpp"
#include "reports/testing.hpp"

namespace pabal::reports {
namespace {

using testing::must;
using testing::World;
using namespace std::chrono_literals;

const Redaction kRedaction{.key = "a key"};

constexpr std::string_view kHeader =
    "Received: from evil by mail.busan.example for <carol@busan.example>; Sun, 22 Nov 2026 10:00:00 +0000\r\n"
    "From: Alice Kim <alice@seoul.example>\r\n"
    "To: Carol <carol@busan.example>\r\n"
    "Subject: your secret\r\n"
    "Date: Sun, 22 Nov 2026 10:00:00 +0900\r\n"
    "Message-ID: <1@seoul.example>\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; d=seoul.example; s=s1; i=alice@seoul.example;\r\n"
    "\tz=To:carol@busan.example|Subject:your=20secret; h=from:\r\n\tto; bh=AA=; b=BB\r\n"
    "X-Secret: carol\r\n\r\n";

/// One that failed all.
JudgedLetter failed_letter(const World& world) {
  auto letter = world.letter("192.0.2.66", false);
  letter.policy.ruf = "mailto:ruf@seoul.example";
  letter.spf.front().record = "v=spf1 -all";
  letter.header = kHeader;
  letter.authentication_results =
      "mail.busan.example; spf=fail smtp.mailfrom=alice@seoul.example; dkim=fail header.i=@seoul.example; dmarc=fail "
      "header.from=seoul.example";
  return letter;
}

TEST(FailureReport, IsWantedByTheDomainsOptions) {
  const World world;
  struct Case {
    const char* options;
    bool dkim;
    bool spf;
    const char* dkim_result;
    const char* spf_result;
    std::string_view expected;
  };
  for (const Case& one : {
           Case{"", false, false, "fail", "fail", "dmarc"},
           Case{"0", false, false, "none", "none", "dmarc"},
           Case{"0", true, false, "pass", "fail", ""},
           Case{"1", true, false, "pass", "fail", "dmarc"},
           Case{"1", true, true, "pass", "pass", ""},
           Case{"d", true, true, "pass", "pass", ""},
           Case{"d", false, true, "fail", "pass", "signature"},
           Case{"d", false, true, "permerror", "pass", "signature"},
           Case{"s", true, false, "pass", "softfail", "spf"},
           Case{"s", true, false, "pass", "neutral", ""},
           Case{" D : s ", true, false, "pass", "fail", "spf"},
           Case{"0:1:d:s", true, false, "fail", "fail", "dmarc"},
           Case{"x:", false, false, "fail", "fail", ""},
           Case{"0", false, false, "temperror", "fail", ""},
           Case{"1", false, false, "fail", "temperror", ""},
       }) {
    auto letter = failed_letter(world);
    letter.policy.fo = one.options;
    letter.dkim_aligned = one.dkim;
    letter.spf_aligned = one.spf;
    letter.dkim.front().result = one.dkim_result;
    letter.spf.front().result = one.spf_result;
    EXPECT_EQ(failure_to_tell(letter).value_or(""), one.expected) << one.options << " " << one.dkim_result;
    letter.policy.ruf = "";
    EXPECT_FALSE(failure_to_tell(letter).has_value());
  }
}

TEST(FailureReport, KnowsWhatMachinesWrote) {
  for (const auto* machine :
       {"Auto-Submitted: auto-replied\r\n\r\n", "a: b\r\nauto-submitted:  AUTO-generated\r\n\r\n",
        "Content-Type: Multipart/Report; report-type=feedback-report\r\n\r\n", "Return-Path: <>\r\n\r\n"}) {
    EXPECT_TRUE(is_from_machine(machine)) << machine;
  }
  for (const auto* person : {"", "Auto-Submitted: no\r\n\r\n", "Content-Type: multipart/mixed\r\n\r\n", "garbage"}) {
    EXPECT_FALSE(is_from_machine(person)) << person;
  }
}

TEST(FailureReport, RedactsAddressesWhereverTheyStand) {
  const auto number = redacted("alice@seoul.example", kRedaction);
  const auto n = number.substr(0, number.find('@'));
  EXPECT_EQ(n.size(), 20U);
  EXPECT_NE(redacted("alice@seoul.example", {.key = "another"}), number);
  struct Case {
    std::string_view text;
    std::string expected;
  };
  const auto table = {
      Case{"", ""},
      Case{"@", "@"},
      Case{"header.i=@seoul.example", "header.i=@seoul.example"},
      Case{"Alice@seoul.example", n + "@seoul.example"},
      Case{"spf=pass smtp.mailfrom=alice@a.example; x", "spf=pass smtp.mailfrom=" + n + "@a.example; x"},
      Case{"<alice@a.example> (alice@b)", "<" + n + "@a.example> (" + n + "@b)"},
      Case{"no address", "no address"},
  };
  for (const auto& one : table) EXPECT_EQ(redacted(one.text, kRedaction), one.expected) << one.text;
  EXPECT_FALSE(redacted("x=\"alice kim\"@a.example", kRedaction).contains("kim"));
  for (const std::string_view text : {"\"john\\\"doe\"@x.example", "for \"john\\\" x \\\"doe\"@x.example",
                                      "\"john\\\"doe\" @x.example", "john.doe\t@x.example"}) {
    const auto shown = redacted(text, kRedaction);
    EXPECT_FALSE(shown.contains("john") || shown.contains("doe")) << shown;
    EXPECT_TRUE(shown.ends_with("@x.example")) << shown;
  }
  EXPECT_FALSE(redacted("a@b@c", kRedaction).contains("@b@"));
  EXPECT_LE(redacted(std::string(100'000, 'x'), kRedaction).size(), 4000U);
  EXPECT_LE(redacted(std::string(100'000, '@'), kRedaction).size(), 4000U);
}

TEST(FailureReport, TellsNothingOfOurPeople) {
  World world;
  const auto letter = failed_letter(world);
  const Reporter reporter{.address = *EmailAddress::parse("dmarc@busan.example"),
                          .organization = "Busan Mail",
                          .contact = {},
                          .hostname = "mail.busan.example"};
  const ReportLetter to{.report_domain = "seoul.example",
                        .report_id = {},
                        .to = *EmailAddress::parse("ruf@seoul.example"),
                        .now = world.clock.now()};
  const auto text = must(write_failure_letter(reporter, letter, "dmarc", to, kRedaction, world.random));
  for (const auto* secret : {"carol", "Carol", "alice", "Kim", "secret", "Received", "X-Secret"}) {
    EXPECT_FALSE(text.contains(secret)) << secret << "\n" << text;
  }
  const auto arf = message::read_arf(text, message::parse_mime(text));
  ASSERT_TRUE(arf.has_value()) << text;
  const auto& report = arf->report;
  EXPECT_EQ(report.type, "auth-failure");
  EXPECT_EQ(report.source_ip, "192.0.2.66");
  EXPECT_EQ(report.domains, std::vector<std::string>{"seoul.example"});
  EXPECT_EQ(report.mail_from, "<redacted@seoul.example>");
  ASSERT_TRUE(report.auth_failure.has_value());
  EXPECT_EQ(report.auth_failure->failure, "dmarc");
  EXPECT_EQ(report.auth_failure->identity_alignment, "none");
  EXPECT_EQ(report.auth_failure->delivery_result, "reject");
  EXPECT_EQ(report.auth_failure->dkim_domain, "seoul.example");
  EXPECT_EQ(report.auth_failure->spf_dns, std::vector<std::string>{"txt : seoul.example : \"v=spf1 -all\""});
  EXPECT_TRUE(report.authentication_results.front().contains("dmarc=fail header.from=seoul.example"));
  EXPECT_EQ(arf->returned.kind, message::Returned::Kind::headers);
  EXPECT_TRUE(arf->returned.octets.contains("@seoul.example>")) << arf->returned.octets;
  EXPECT_TRUE(arf->returned.octets.contains("bh=AA=; b=BB")) << arf->returned.octets;
  EXPECT_TRUE(text.contains("Auto-Submitted: auto-"));
  // Whatever stands in a letter, something is told of it.
  auto odd = letter;
  for (const std::string header : {"", "\r\n", "From: \xFF\xFE\r\n", "garbage", "From: a@b\r\n"}) {
    odd.header = header;
    odd.authentication_results = std::string(10'000, '@') + "\r\n\r\nx";
    odd.spf.front().record = std::string(5000, 'x');
    odd.envelope_from = "\r\nX: y";
    const auto done = write_failure_letter(reporter, odd, "dmarc", to, kRedaction, world.random);
    ASSERT_TRUE(done.has_value()) << done.error().log;
    EXPECT_FALSE(done->contains("\r\nX: y"));
  }
}

class FailureWork : public ::testing::Test {
 protected:
  struct Counting final : public Outcomes {
    void note(JudgedLetter letter) noexcept override {
      ++count;
      EXPECT_TRUE(letter.header.empty());
    }
    [[nodiscard]] bool wants_header(const JudgedLetter& /*letter*/) const noexcept override { return false; }
    int count = 0;
  };

  /// Notes all of them, as who judges does, and gives what was sent.
  std::vector<std::string> sent_of(const std::vector<JudgedLetter>& letters, FailureOptions options) {
    std::vector<std::string> sent;
    asio::io_context home(1);
    const auto guard = asio::make_work_guard(home);
    FailureServices services;
    services.next = &counting;
    services.resolver = &resolver;
    services.suffixes = &suffixes;
    services.clock = &world.clock;
    services.random = &world.random;
    services.metrics = &world.metrics;
    services.reporter = []() -> Async<Result<Reporter>> {
      co_return Reporter{.address = *EmailAddress::parse("dmarc@busan.example"),
                         .organization = "Busan Mail",
                         .contact = {},
                         .hostname = "mail.busan.example"};
    };
    services.post = [&sent](EmailAddress to, std::string) -> Async<Result<void>> {
      sent.push_back(to.text());
      co_return Result<void>();
    };
    FailureReports reports(home.get_executor(), services, Log(), std::move(options));
    for (auto letter : letters) {
      if (!reports.wants_header(letter)) letter.header.clear();
      reports.note(std::move(letter));
    }
    reports.start();
    // Whatever is waiting is told before there is nothing more to do but to wait.
    while (home.poll() > 0) {
    }
    bool stopped = false;
    reports.stop([&] { stopped = true; });
    while (!stopped) home.run_one_for(100ms);
    return sent;
  }

  World world;
  dns::ScriptedResolver resolver;
  PublicSuffix suffixes = *PublicSuffix::system();
  Counting counting;
};

TEST_F(FailureWork, SendsOnlyWhereItIsSwitchedOnAndWanted) {
  const auto letter = failed_letter(world);
  EXPECT_TRUE(sent_of({letter}, {}).empty());
  EXPECT_EQ(sent_of({letter}, {.send = true}), std::vector<std::string>{"ruf@seoul.example"});
  std::vector<JudgedLetter> silent(6, letter);
  silent[0].envelope_from = "";
  silent[1].recipients = {"a@busan.example", "DMARC@busan.example"};
  silent[2].header = "Auto-Submitted: auto-generated\r\n" + silent[2].header;
  silent[3].policy.ruf = "https://seoul.example/";
  silent[4].dkim_aligned = true;
  silent[5].policy.ruf = "mailto:victim@stranger.test";  // who never agreed
  EXPECT_TRUE(sent_of(silent, {.send = true, .report_addresses = {"dmarc@busan.example"}}).empty());
  EXPECT_EQ(counting.count, 8);
  resolver.set_zone("$ORIGIN test.\nseoul.example._report._dmarc.reports TXT \"v=DMARC1\"\n");
  auto elsewhere = letter;
  elsewhere.policy.ruf = "mailto:a@reports.test,mailto:b@seoul.example!10,mailto:c@seoul.example";
  EXPECT_EQ(sent_of({elsewhere}, {.send = true}), std::vector<std::string>{"a@reports.test"});
}

TEST_F(FailureWork, SendsNoMoreThanSoMany) {
  const auto letter = failed_letter(world);
  std::vector<JudgedLetter> many;
  for (int i = 0; i < 30; ++i) {
    many.push_back(letter);
    many.back().source_ip = fmt::format("192.0.2.{}", i / 5);
  }
  EXPECT_EQ(sent_of(many, {.send = true}).size(), 18U);  // three of each source
  auto old = many;  // that were judged before midnight, and come between the others
  for (std::size_t i = 0; i < old.size(); i += 2) old[i].time -= 24h;
  EXPECT_EQ(sent_of(old, {.send = true}).size(), 18U);
  EXPECT_EQ(sent_of(many, {.send = true, .of_domain_a_day = 7}).size(), 7U);  // of the domain
  EXPECT_EQ(sent_of(many, {.send = true, .a_day = 4}).size(), 4U);            // of all
  EXPECT_EQ(sent_of(many, {.send = true, .most_waiting = 2}).size(), 2U);     // at once
  resolver.set_zone("$ORIGIN test.\n*._report._dmarc.reports TXT \"v=DMARC1\"\n");
  for (std::size_t i = 0; i < many.size(); ++i) {
    many[i].policy.domain = fmt::format("n{}.evil.example", i);
    many[i].policy.ruf = fmt::format("mailto:a{}@reports.test", i);
  }
  EXPECT_EQ(sent_of(many, {.send = true, .to_place_a_day = 5}).size(), 5U);
}

}  // namespace
}  // namespace pabal::reports
