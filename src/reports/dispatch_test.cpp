#include "reports/dispatch.hpp"

#include <deque>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "dns/scripted_resolver.hpp"
#include "message/header.hpp"
#include "reports/report_file.hpp"
#include "reports/testing.hpp"

namespace pabal::reports {
namespace {

using testing::must;
using testing::World;
using namespace std::chrono_literals;

class Dispatch : public ::testing::Test {
 protected:
  struct Sent {
    std::string to;
    std::string letter;
  };

  DispatchServices services() {
    DispatchServices out;
    out.book = world.book.get();
    out.resolver = &resolver;
    out.suffixes = &suffixes;
    out.pool = &world.pool;
    out.clock = &world.clock;
    out.random = &world.random;
    out.metrics = &world.metrics;
    out.reporter = []() -> Async<Result<Reporter>> {
      co_return Reporter{.address = *EmailAddress::parse("dmarc@busan.example"),
                         .organization = "Busan Mail",
                         .contact = "https://busan.example/",
                         .hostname = "mail.busan.example"};
    };
    out.post = [this](EmailAddress to, std::string letter) -> Async<Result<void>> {
      if (!post_errors.empty()) {
        auto error = std::move(post_errors.front());
        post_errors.pop_front();
        co_return std::unexpected(std::move(error));
      }
      sent.push_back({to.text(), std::move(letter)});
      co_return Result<void>();
    };
    if (with_https) {
      out.upload = [this](ReportUri place, std::string media_type, std::string octets) -> Async<Result<int>> {
        sent.push_back({place.text + " " + media_type, std::move(octets)});
        co_return http_status;
      };
    }
    return out;
  }
  /// One round; the lines of what it did.
  std::string round(bool even_now = true) {
    must(world.book->flush());
    Dispatcher dispatcher(home.get_executor(), services(), Log(), options);
    const auto done = run_blocking(dispatcher.round(even_now));
    if (!done) return "! " + done.error().peer;
    return fmt::format("{}", fmt::join(done->words, "\n"));
  }
  void end_of_day() { world.clock.advance(24h); }

  asio::io_context home{1};  ///< the first: the world's pool has work for it to the end
  World world;
  dns::ScriptedResolver resolver;
  PublicSuffix suffixes = *PublicSuffix::system();
  DispatchOptions options;
  std::vector<Sent> sent;
  std::deque<Error> post_errors;
  bool with_https = true;
  int http_status = 201;
};

TEST_F(Dispatch, MailsAReportThatCanBeRead) {
  for (int i = 0; i < 3; ++i) world.book->note(world.letter());
  world.book->note(world.letter("2001:db8::7", false));
  end_of_day();
  EXPECT_EQ(round(false), "dmarc seoul.example 2026-11-22: mailed to dmarc@seoul.example");
  ASSERT_EQ(sent.size(), 1U);
  const auto& letter = sent.front().letter;
  const std::string fields = letter.substr(0, *message::header_size(letter));
  const message::HeaderFields header(fields);
  EXPECT_EQ(header.body("Subject"),
            " Report Domain: seoul.example Submitter: busan.example Report-ID:\r\n "
            "<seoul.example.1795305600.1795392000.1@busan.example>");
  EXPECT_EQ(header.body("From"), " Busan Mail <dmarc@busan.example>");
  EXPECT_EQ(header.body("Auto-Submitted"), " auto-generated");
  EXPECT_NE(letter.find("busan.example!seoul.example!1795305600!1795391999.xml.gz"), std::string::npos) << letter;
  EXPECT_NE(letter.find("application/gzip"), std::string::npos);
  const auto file = must(read_report_file(letter));
  EXPECT_EQ(file.from, "busan.example");
  const auto& report = std::get<AggregateReport>(file.reports.front());
  EXPECT_EQ(report.begin, 1795305600);
  EXPECT_EQ(report.end, 1795391999);
  EXPECT_EQ(report.policy.domain, "seoul.example");
  ASSERT_EQ(report.records.size(), 2U);
  std::uint64_t letters = 0;
  for (const auto& record : report.records) letters += record.count;
  EXPECT_EQ(letters, 4U);
  EXPECT_EQ(round(), "");  // told once
}

TEST_F(Dispatch, TellsTodayNowAndTheRestLater) {
  world.book->note(world.letter());
  EXPECT_EQ(round(false), "");
  EXPECT_EQ(round(), "dmarc seoul.example 2026-11-22: mailed to dmarc@seoul.example");
  world.clock.advance(1h);
  world.book->note(world.letter());
  EXPECT_EQ(round(), "dmarc seoul.example 2026-11-22: mailed to dmarc@seoul.example");
  EXPECT_EQ(round(), "");
  ASSERT_EQ(sent.size(), 2U);
  const auto second = std::get<AggregateReport>(must(read_report_file(sent[1].letter)).reports.front());
  EXPECT_EQ(second.begin, 1795305600 + 10 * 3600);
  EXPECT_EQ(second.records.front().count, 1U);
  end_of_day();
  EXPECT_EQ(round(false), "");
}

TEST_F(Dispatch, AsksOthersFirst) {
  auto letter = world.letter();
  letter.policy.rua = "mailto:a@reports.test,mailto:b@stranger.test,https://x.test/,mailto:c@seoul.example!10,nonsense";
  world.book->note(letter);
  resolver.set_zone("$ORIGIN test.\nseoul.example._report._dmarc.reports TXT \"v=DMARC1\"\nstranger A 192.0.2.1\n");
  const auto words = round();
  EXPECT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent.front().to, "a@reports.test");
  EXPECT_NE(words.find("mailed to a@reports.test"), std::string::npos) << words;
  EXPECT_NE(words.find("mailto:b@stranger.test: not asked for there"), std::string::npos) << words;
  EXPECT_NE(words.find("https://x.test/: DMARC reports go by mail"), std::string::npos) << words;
  EXPECT_NE(words.find("10 are wanted at most"), std::string::npos) << words;
  EXPECT_NE(words.find("nonsense: neither mailto nor https"), std::string::npos) << words;
}

TEST_F(Dispatch, TriesAgainWhatMayPassAndGivesUpInTheEnd) {
  auto letter = world.letter();
  letter.policy.rua = "mailto:a@reports.test";
  world.book->note(letter);
  resolver.fail("seoul.example._report._dmarc.reports.test", dns::Type::txt, dns::Status::failed);
  end_of_day();
  for (int i = 1; i < 6; ++i) {
    EXPECT_NE(round(false).find("mailto:a@reports.test: TXT"), std::string::npos) << i;
    EXPECT_EQ(round(false), "") << i;
    world.clock.advance(17h);
  }
  EXPECT_NE(round(false), "");
  world.clock.advance(48h);
  EXPECT_EQ(round(false), "");
  EXPECT_TRUE(sent.empty());

  world.book->note(world.letter());
  end_of_day();
  post_errors.push_back({ErrorKind::io, "the disk", "the disk"});
  EXPECT_EQ(round(false), "dmarc seoul.example 2026-11-28: mailto:dmarc@seoul.example: the disk");
  world.clock.advance(1h);
  EXPECT_EQ(round(false), "dmarc seoul.example 2026-11-28: mailed to dmarc@seoul.example");
}

TEST_F(Dispatch, TellsTheRestOfADayAtItsEnd) {
  auto letter = world.letter();
  letter.policy.rua = "mailto:a@reports.test";
  world.book->note(letter);
  resolver.answer_next("seoul.example._report._dmarc.reports.test", dns::Type::txt, {{.status = dns::Status::failed}});
  EXPECT_NE(round().find("mailto:a@reports.test: TXT"), std::string::npos);
  world.clock.advance(31min);
  resolver.set_zone("$ORIGIN test.\nseoul.example._report._dmarc.reports TXT \"v=DMARC1\"\n");
  EXPECT_EQ(round(false), "dmarc seoul.example 2026-11-22: mailed to a@reports.test");
  // From now on it is due at its end again, not with every letter.
  for (int i = 0; i < 3; ++i) {
    world.book->note(letter);
    world.clock.advance(1min);
    EXPECT_EQ(round(false), "") << i;
  }
  EXPECT_EQ(sent.size(), 1U);
  world.clock.advance(24h);
  EXPECT_EQ(round(false), "dmarc seoul.example 2026-11-22: mailed to a@reports.test");
  ASSERT_EQ(sent.size(), 2U);
  const auto rest = std::get<AggregateReport>(must(read_report_file(sent[1].letter)).reports.front());
  EXPECT_EQ(rest.records.front().count, 3U);
}

TEST_F(Dispatch, NotesWordsThatAnyDatabaseTakes) {
  world.book->note(world.letter());
  post_errors.push_back({ErrorKind::policy, "no \xFF way", "no \xFF way"});
  EXPECT_EQ(round(), "dmarc seoul.example 2026-11-22: mailto:dmarc@seoul.example: no \\xff way");
  const auto words = must(world.book->readers().read([](db::Connection& connection) -> Result<std::string> {
    auto rows = connection.query("SELECT words FROM report_day", {});
    if (!rows || !must(rows->next())) return fail(ErrorKind::io, "no day");
    return std::string(rows->text(0));
  }));
  EXPECT_EQ(words, "mailto:dmarc@seoul.example: no \\xff way");
}

TEST_F(Dispatch, GoesOnWhereTheBookFailsWithOneDay) {
  auto other = world.letter();
  other.policy.domain = other.header_from = "daegu.example";
  other.policy.rua = "mailto:dmarc@daegu.example";
  world.book->note(world.letter());
  world.book->note(other);
  must(world.book->flush());
  const auto run = [&](std::string_view sql) {
    must(world.writer->run([sql](db::Connection& connection) -> Result<void> {
      if (auto done = connection.run(sql); !done) return pass(done);
      return {};
    }));
  };
  run("CREATE TRIGGER fails BEFORE UPDATE OF state ON report_day WHEN NEW.kind = 1 AND NEW.domain = 'seoul.example' "
      "BEGIN SELECT RAISE(ABORT, 'no'); END");
  end_of_day();
  Dispatcher dispatcher(home.get_executor(), services(), Log(), options);
  const auto next = [&] { return must(run_blocking(dispatcher.round(false))); };
  EXPECT_EQ(next().words.size(), 2U);
  EXPECT_EQ(sent.size(), 2U);
  for (int i = 0; i < 3; ++i) {
    world.clock.advance(30min);
    EXPECT_EQ(next().words.size(), 0U);
  }
  EXPECT_EQ(sent.size(), 2U);  // who has it doesn't get it again
  EXPECT_EQ(must(world.book->due(false, 10)).size(), 1U);
  run("DROP TRIGGER fails");
  next();
  EXPECT_EQ(must(world.book->due(false, 10)).size(), 0U);
  EXPECT_EQ(sent.size(), 2U);
}

TEST_F(Dispatch, NeverReportsOnReports) {
  world.book->set_report_addresses({"dmarc@busan.example"});
  auto report = world.letter();
  report.recipients = {"dmarc@busan.example"};
  world.book->note(report);
  EXPECT_EQ(round(), "dmarc seoul.example 2026-11-22: it would tell of reports alone");
  world.book->note(world.letter("192.0.2.50"));
  EXPECT_EQ(round(), "dmarc seoul.example 2026-11-22: mailed to dmarc@seoul.example");
  EXPECT_EQ(sent.size(), 1U);
}

TEST_F(Dispatch, KnowsWholePlacesOfALongListAlone) {
  auto letter = world.letter();
  letter.policy.rua = "mailto:dmarc@seoul.example";
  while (letter.policy.rua.size() < 1900) letter.policy.rua += ",ftp:" + std::string(80, 'x');
  letter.policy.rua += ",mailto:" + std::string(2048 - letter.policy.rua.size() - 10, 'b') + "@seoul.example.net";
  world.book->note(letter);
  const auto words = round();
  EXPECT_NE(words.find("mailed to dmarc@seoul.example"), std::string::npos);
  EXPECT_EQ(words.find("mailto:b"), std::string::npos) << words;
}

TEST_F(Dispatch, IsSilentWhereNobodyWantsToKnow) {
  auto letter = world.letter();
  letter.policy.rua = "";
  world.book->note(letter);
  EXPECT_EQ(round(), "dmarc seoul.example 2026-11-22: the policy has no rua");
  options.dmarc = false;
  world.book->note(world.letter());
  EXPECT_EQ(round(), "dmarc seoul.example 2026-11-22: reports of this kind are switched off");
  EXPECT_TRUE(sent.empty());
}

TEST_F(Dispatch, MakesAReportForEachPolicyOfTheDay) {
  world.book->note(world.letter());
  auto changed = world.letter();
  changed.policy.p = "none";
  world.book->note(changed);
  EXPECT_EQ(round(), "dmarc seoul.example 2026-11-22: mailed to dmarc@seoul.example; mailed to dmarc@seoul.example");
  ASSERT_EQ(sent.size(), 2U);
  const auto policy = [&](std::size_t i) {
    return std::get<AggregateReport>(must(read_report_file(sent[i].letter)).reports.front()).policy.p;
  };
  EXPECT_EQ(policy(0), "none");
  EXPECT_EQ(policy(1), "reject");
}

TEST_F(Dispatch, TellsOfTlsByMailAndHttps) {
  for (int i = 0; i < 4; ++i) world.book->note(world.session());
  world.book->note(world.session(queue::TlsFailure::certificate_expired));
  world.book->note(world.session(queue::TlsFailure::certificate_expired));
  resolver.set_zone(
      "$ORIGIN example.\n_smtp._tls.seoul TXT \"v=TLSRPTv1; "
      "rua=mailto:tls@seoul.example,https://seoul.example/tls\"\n");
  end_of_day();
  EXPECT_EQ(round(false),
            "tls seoul.example 2026-11-22: mailed to tls@seoul.example; posted to https://seoul.example/tls");
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[1].to, "https://seoul.example/tls application/tlsrpt+gzip");
  const auto& letter = sent[0].letter;
  const std::string fields = letter.substr(0, *message::header_size(letter));
  const message::HeaderFields header(fields);
  EXPECT_EQ(header.body("TLS-Report-Domain"), " seoul.example");
  EXPECT_EQ(header.body("TLS-Report-Submitter"), " busan.example");
  EXPECT_EQ(header.body("TLS-Required"), " No");
  EXPECT_NE(letter.find("multipart/report"), std::string::npos);
  for (const auto& one : sent) {
    const auto report = std::get<TlsReport>(must(read_report_file(one.letter)).reports.front());
    ASSERT_EQ(report.policies.size(), 1U);
    const auto& policy = report.policies.front();
    EXPECT_EQ(policy.type, "sts");
    EXPECT_EQ(policy.successes, 4U);
    EXPECT_EQ(policy.failures, 2U);
    ASSERT_EQ(policy.details.size(), 1U);
    EXPECT_EQ(policy.details.front().result_type, "certificate-expired");
    EXPECT_EQ(policy.details.front().sessions, 2U);
    EXPECT_EQ(policy.details.front().receiving_host, "mx.seoul.example");
  }
}

TEST_F(Dispatch, KnowsWhatWebServersSay) {
  resolver.set_zone("$ORIGIN example.\n_smtp._tls.seoul TXT \"v=TLSRPTv1; rua=https://seoul.example/tls\"\n");
  struct Case {
    int status;
    std::string_view words;
  };
  for (const Case& one :
       {Case{404, "https://seoul.example/tls: HTTP 404"}, Case{503, "https://seoul.example/tls: HTTP 503"}}) {
    world.book->note(world.session());
    http_status = one.status;
    EXPECT_EQ(round(), fmt::format("tls seoul.example 2026-11-22: {}", one.words));
  }
  with_https = false;
  EXPECT_EQ(round(), "tls seoul.example 2026-11-22: https://seoul.example/tls: HTTPS is not spoken here");
}

TEST_F(Dispatch, NeverReportsOnSessionsThatCarriedReports) {
  resolver.set_zone("$ORIGIN example.\n_smtp._tls.seoul TXT \"v=TLSRPTv1; rua=mailto:tls@seoul.example\"\n");
  world.book->note(world.letter());
  EXPECT_EQ(round(), "dmarc seoul.example 2026-11-22: mailed to dmarc@seoul.example");
  world.book->note(world.session());  // which carried it
  end_of_day();
  const auto words = round(false);
  EXPECT_NE(words.find("it would tell of sessions alone that carried reports"), std::string::npos) << words;
  // A failure is worth a report in any case.
  world.book->note(world.session(queue::TlsFailure::starttls_not_supported));
  must(world.book->note_own_session("seoul.example"));
  end_of_day();
  EXPECT_EQ(round(false), "tls seoul.example 2026-11-23: mailed to tls@seoul.example");
}

TEST_F(Dispatch, BothersNobodyWithTlsReportsThatHeNeverAskedFor) {
  options.most_tls_to_others = 3;
  std::string zone = "$ORIGIN example.\n";
  for (int i = 0; i < 6; ++i) {
    // Of a name of the victim's own, reports always go.
    zone += fmt::format("_smtp._tls.n{}.evil TXT \"v=TLSRPTv1; rua=mailto:a{}@victim.test\"\n", i, i % 2);
    zone += fmt::format("_smtp._tls.n{}.own TXT \"v=TLSRPTv1; rua=mailto:tls@own.example\"\n", i);
    for (const auto* owner : {"evil", "own"}) {
      auto session = world.session();
      session.domain = fmt::format("n{}.{}.example", i, owner);
      world.book->note(session);
    }
  }
  resolver.set_zone(zone);
  const auto words = round();
  std::size_t to_victim = 0;
  for (const auto& one : sent) to_victim += one.to.ends_with("@victim.test") ? 1 : 0;
  EXPECT_EQ(to_victim, 3U) << words;
  EXPECT_EQ(sent.size(), 9U) << words;
  EXPECT_NE(words.find("so many reports of other domains went there today"), std::string::npos) << words;
  // A new day, and only two of a domain's places.
  world.clock.advance(24h);
  sent.clear();
  resolver.set_zone(
      "$ORIGIN example.\n_smtp._tls.n.evil TXT \"v=TLSRPTv1; "
      "rua=mailto:a@victim.test,mailto:b@victim.test,mailto:c@victim.test\"\n");
  auto session = world.session();
  session.time = world.clock.now();
  session.domain = "n.evil.example";
  world.book->note(session);
  EXPECT_NE(round().find("more than 2 places"), std::string::npos);
  EXPECT_EQ(sent.size(), 2U);
}

TEST_F(Dispatch, SendsWhatItIsAskedForAndTellsWhoAsked) {
  world.book->note(world.letter());
  const auto guard = asio::make_work_guard(home);
  Dispatcher dispatcher(home.get_executor(), services(), Log(), options);
  std::string early;
  dispatcher.send_now([&](const Result<Dispatcher::Round>& round) { early = name_of(round.error().kind); });
  while (early.empty()) home.run_one_for(100ms);
  EXPECT_EQ(early, "state");  // nobody works yet
  dispatcher.start();
  std::vector<std::size_t> told;
  for (int i = 0; i < 2; ++i) {
    dispatcher.send_now([&](const Result<Dispatcher::Round>& round) { told.push_back(must(round).sent); });
  }
  while (told.size() < 2) home.run_one_for(100ms);
  EXPECT_GE(told[0] + told[1], 1U);  // who asks while a round is under way has the next one
  EXPECT_EQ(sent.size(), 1U);        // today's, which by itself would be sent tomorrow
  bool stopped = false;
  dispatcher.stop([&] { stopped = true; });
  while (!stopped) home.run_one_for(100ms);
}

TEST_F(Dispatch, WorksByItselfAndStops) {
  world.book->note(world.letter());
  must(world.book->flush());
  end_of_day();
  Dispatcher dispatcher(home.get_executor(), services(), Log(), options);
  dispatcher.start();
  bool stopped = false;
  std::thread watcher([&] {
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (!must(world.book->due(false, 1)).empty() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(5ms);
    }
    dispatcher.stop([&] { stopped = true; });
  });
  const auto guard = asio::make_work_guard(home);
  while (!stopped) home.run_one_for(100ms);
  watcher.join();
  EXPECT_EQ(sent.size(), 1U);
}

}  // namespace
}  // namespace pabal::reports
