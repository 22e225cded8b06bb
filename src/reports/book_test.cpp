#include "reports/book.hpp"

#include <gtest/gtest.h>

#include "reports/summary.hpp"
#include "reports/testing.hpp"

namespace pabal::reports {
namespace {

using testing::Engine;
using testing::must;
using testing::World;
using namespace std::chrono_literals;

class BookOf : public ::testing::TestWithParam<Engine> {
 protected:
  static std::string due_text(Book& book, bool even_now) {
    std::string out;
    for (const auto& due : must(book.due(even_now, 100))) {
      std::int64_t count = 0;
      const auto rows = must(book.untold(due));
      for (const auto& row : rows) count += row.count;
      out += fmt::format("({} {} {}: {} in {} rows)", name_of(due.kind), due.domain, due.day, count, rows.size());
    }
    return out;
  }
  json::object summary(bool seen, Kind kind = Kind::dmarc, std::string domain = "") {
    const SummaryFilter filter{.kind = kind, .domain = std::move(domain)};
    return must(world->book->readers().read([&](db::Connection& connection) {
      return seen ? seen_summary(connection, filter) : received_summary(connection, filter);
    }));
  }

  void SetUp() override {
    if (GetParam() == Engine::postgresql && !db::postgres::TestCluster::shared()) GTEST_SKIP() << "no PostgreSQL here";
    world = std::make_unique<World>(GetParam());
  }

  std::unique_ptr<World> world;
};
INSTANTIATE_TEST_SUITE_P(Engines, BookOf, ::testing::Values(Engine::sqlite, Engine::postgresql),
                         [](const auto& engine) {
                           return std::string(engine.param == Engine::sqlite ? "SQLite" : "PostgreSQL");
                         });

TEST_P(BookOf, CountsWhatIsAlikeAndTellsItAtTheDaysEnd) {
  auto& book = *world->book;
  for (int i = 0; i < 5; ++i) book.note(world->letter());
  book.note(world->letter("192.0.2.2", false));
  EXPECT_EQ(due_text(book, true), "");  // nothing is written yet
  must(book.flush());
  book.note(world->letter());
  must(book.flush());
  must(book.flush());
  EXPECT_EQ(due_text(book, true), "(dmarc seoul.example 20779: 7 in 2 rows)");
  EXPECT_EQ(due_text(book, false), "");
  world->clock.advance(14h + 4min);
  EXPECT_EQ(due_text(book, false), "");
  world->clock.advance(4h + 2min);
  EXPECT_EQ(due_text(book, false), "(dmarc seoul.example 20779: 7 in 2 rows)");
  const auto due = must(book.due(false, 1)).front();
  must(book.mark_told(due, must(book.untold(due)), begin_of(20780), rows::DayState::told, "mailed"));
  EXPECT_EQ(due_text(book, true), "");
}

TEST_P(BookOf, TellsOfADayThatGoesOnWhatIsNew) {
  auto& book = *world->book;
  book.note(world->letter());
  must(book.flush());
  auto due = must(book.due(true, 1)).front();
  EXPECT_EQ(due.told_until, begin_of(20779));
  const auto first = must(book.untold(due));
  book.note(world->letter());
  book.note(world->letter("192.0.2.3"));
  must(book.flush());
  must(book.mark_told(due, first, world->clock.now(), rows::DayState::open, ""));
  EXPECT_EQ(due_text(book, true), "(dmarc seoul.example 20779: 2 in 2 rows)");
  due = must(book.due(true, 1)).front();
  EXPECT_EQ(due.told_until, world->clock.now());
  must(book.postpone(due, world->clock.now() + 1h, "the DNS is away"));
  EXPECT_EQ(due_text(book, false), "");
  world->clock.advance(1h);
  EXPECT_EQ(due_text(book, false), "(dmarc seoul.example 20779: 2 in 2 rows)");
  EXPECT_EQ(must(book.due(true, 1)).front().tries, 1);
}

TEST_P(BookOf, IsBounded) {
  world->open({.write_every = 0s, .most_waiting = 3, .rows = {.rows_per_domain = 2, .domains = 2}});
  auto& book = *world->book;
  for (int i = 0; i < 5; ++i) book.note(world->letter(fmt::format("192.0.2.{}", i)));
  book.note(world->letter("192.0.2.1"));
  must(book.flush());
  // Of the four that are different, three had room in memory, and two in the table.
  EXPECT_EQ(must(book.due(true, 1)).front().dropped, 1);
  std::size_t rows = 0;
  for (const auto& row : must(book.untold(must(book.due(true, 1)).front())))
    rows += static_cast<std::size_t>(row.count);
  EXPECT_GE(rows, 2U);
  for (const auto* domain : {"a.example", "b.example", "c.example"}) {
    auto letter = world->letter();
    letter.policy.domain = domain;
    book.note(letter);
    must(book.flush());
  }
  EXPECT_EQ(must(book.due(true, 100)).size(), 2U);
  // A bound on the day's rows of all domains, and one on what waits in octets.
  world->open({.write_every = 0s, .rows = {.rows = 3}});
  auto other = world->letter("192.0.2.77");
  other.policy.domain = "b.example";
  world->book->note(other);
  must(world->book->flush());
  for (const auto& due : must(world->book->due(true, 100))) {
    if (due.domain == "b.example") EXPECT_EQ(due.dropped, 1);
  }
  world->open({.write_every = 0s, .most_waiting_octets = 1000});
  auto big = world->letter("192.0.2.78");
  big.policy.domain = "a.example";
  big.policy.rua = std::string(1500, 'x');
  world->book->note(big);
  must(world->book->flush());
  for (const auto& due : must(world->book->due(true, 100))) {
    if (due.domain == "a.example") EXPECT_EQ(must(world->book->untold(due)).size(), 1U);
  }
  world->open({.write_every = 0s});
  auto odd = world->letter();
  odd.header_from = std::string(100'000, 'x') + "\xFF\n";
  odd.policy.domain = "a.example";
  odd.source_ip = std::string("1\0002", 3);
  odd.dkim.resize(5000);
  world->book->note(odd);
  must(world->book->flush());
}

TEST_P(BookOf, KnowsLettersThatAreReports) {
  auto& book = *world->book;
  book.set_report_addresses({"Dmarc@Busan.Example"});
  auto report = world->letter();
  report.recipients = {"dmarc@busan.example"};
  book.note(report);
  report.recipients = {"DMARC@busan.example", "bob@busan.example"};
  book.note(report);
  must(book.flush());
  const auto row = must(book.untold(must(book.due(true, 1)).front())).front();
  EXPECT_EQ(row.total, 2);
  EXPECT_EQ(row.own, 1);
  must(book.note_own_session("other.example"));
  must(book.note_own_session("other.example"));
  for (const auto& due : must(book.due(true, 100))) {
    if (due.kind == Kind::tls) EXPECT_EQ(due.own, 2);
  }
}

TEST_P(BookOf, WritesInTheBackgroundAndAtItsEnd) {
  world->open({.write_every = 1s, .most_waiting = 10});
  // Half full: it writes at once.
  for (int i = 0; i < 5; ++i) world->book->note(world->letter(fmt::format("192.0.2.{}", i)));
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (must(world->book->due(true, 1)).empty() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_FALSE(must(world->book->due(true, 1)).empty());
  world->book->note(world->letter("192.0.2.77"));
  world->open({.write_every = 0s});
  EXPECT_EQ(due_text(*world->book, true), "(dmarc seoul.example 20779: 6 in 6 rows)");
}

AggregateReport report_of(std::string id, std::size_t records) {
  AggregateReport report;
  report.org_name = "Busan";
  report.email = "a@busan.example";
  report.report_id = std::move(id);
  report.begin = 20779 * 86400;
  report.end = report.begin + 86399;
  report.policy.domain = "seoul.example";
  for (std::size_t i = 0; i < records; ++i) {
    AggregateRecord record;
    record.source_ip = fmt::format("192.0.2.{}", i % 200);
    record.count = 2;
    record.disposition = "none";
    record.dkim = i % 2 == 0;
    report.records.push_back(std::move(record));
  }
  return report;
}

TEST_P(BookOf, KeepsReportsOfOthersOnce) {
  auto& book = *world->book;
  const auto one = rows::received_of(Report(report_of("1", 1200)), "busan.example").front();
  EXPECT_TRUE(must(book.keep(one)));
  EXPECT_FALSE(must(book.keep(one)));
  EXPECT_TRUE(must(book.keep(rows::received_of(Report(report_of("2", 1)), "busan.example").front())));
  const auto found = summary(false);
  EXPECT_EQ(json::serialize(found.at("senders")),
            R"([{"sender":"busan.example","reports":2,"messages":2402,"passed":1202}])");
  EXPECT_EQ(found.at("reports"), 2);
  EXPECT_EQ(found.at("messages"), 2402);
  EXPECT_EQ(found.at("passed"), 1202);
  EXPECT_EQ(json::serialize(found.at("trend")), R"([{"day":"2026-11-22","messages":2402,"passed":1202}])");
  EXPECT_EQ(json::serialize(found.at("domains")),
            R"([{"domain":"seoul.example","reports":2,"messages":2402,"passed":1202}])");
  EXPECT_EQ(found.at("sources").get_array().size(), 50U);
  EXPECT_EQ(json::serialize(found.at("results")),
            R"([{"result":"dkim","messages":1202,"passed":1202},{"result":"none","messages":1200,"passed":0}])");
  EXPECT_EQ(summary(false, Kind::dmarc, "nobody.example").at("reports"), 0);
  EXPECT_EQ(summary(false, Kind::tls).at("messages"), 0);
}

TEST_P(BookOf, LeavesNothingOfAReportThatFailedHalfway) {
  const auto connection = must(world->database->connect());
  const auto number = [&](std::string_view sql) { return must(connection->number(sql)).value_or(-1); };
  constexpr std::string_view rows = "SELECT count(*) FROM report_received_row";
  const auto half = [&](std::string_view id) {
    const auto report = rows::received_of(Report(report_of(std::string(id), 1200)), "busan.example").front();
    must(world->writer->run([&](db::Connection& writing) {
      return rows::add_received(writing, report, world->clock.now(), 0, 500);  // and then the power fails
    }));
    return report;
  };
  const auto first = half("1");
  EXPECT_EQ(summary(false).at("messages"), 0);  // it isn't shown before all of it is there
  world->open({.write_every = 0s, .received_rows_a_day_of_one = 1300});
  // It counts, though not against itself, and is completed when it comes again.
  const auto second = rows::received_of(Report(report_of("2", 200)), "busan.example").front();
  EXPECT_EQ(world->book->keep(second).error().kind, ErrorKind::limit);
  EXPECT_TRUE(must(world->book->keep(first)));
  EXPECT_FALSE(must(world->book->keep(first)));
  EXPECT_EQ(summary(false).at("messages"), 2400);
  EXPECT_EQ(number(rows), 1200);
  // And forgotten, if it doesn't.
  half("3");
  world->clock.advance(500 * 24h);
  must(world->book->forget());
  EXPECT_EQ(number(rows), 0);
  EXPECT_EQ(number("SELECT count(*) FROM report_received"), 0);
  // What older versions left goes with the first start.
  half("4");
  world->book.reset();
  must(connection->run("DELETE FROM report_received"));
  must(connection->run("UPDATE schema_version SET version = 2 WHERE name = 'reports'"));
  world->open({.write_every = 0s});
  EXPECT_EQ(number(rows), 0);
}

TEST_P(BookOf, TakesOnlySoMuchADay) {
  world->open({.write_every = 0s, .received_rows_a_day = 10});
  EXPECT_TRUE(must(world->book->keep(rows::received_of(Report(report_of("1", 8)), "").front())));
  const auto more = rows::received_of(Report(report_of("2", 8)), "").front();
  EXPECT_EQ(world->book->keep(more).error().kind, ErrorKind::limit);
  world->clock.advance(24h);
  EXPECT_TRUE(must(world->book->keep(more)));
}

TEST_P(BookOf, TakesOlderReportsForNobodys) {
  const auto one = rows::received_of(Report(report_of("1", 3)), "busan.example").front();
  EXPECT_TRUE(must(world->book->keep(one)));
  world->book.reset();
  // As the version before had it, whose `sender` nothing proved.
  const auto connection = must(world->database->connect());
  must(connection->run("UPDATE schema_version SET version = 1 WHERE name = 'reports'"));
  world->open({.write_every = 0s});
  EXPECT_EQ(json::serialize(summary(false).at("senders")), R"([{"sender":"","reports":1,"messages":6,"passed":4}])");
}

TEST_P(BookOf, IsNotFilledByOneSenderForAll) {
  world->open({.write_every = 0s, .received_rows_a_day_of_one = 10});
  const auto received = [](const char* id, const char* from) {
    return rows::received_of(Report(report_of(id, 8)), from).front();
  };
  // Who sends a report under another's name first doesn't make the true one known.
  EXPECT_TRUE(must(world->book->keep(received("1", "forger.example"))));
  EXPECT_TRUE(must(world->book->keep(received("1", "busan.example"))));
  EXPECT_TRUE(must(world->book->keep(received("1", ""))));
  EXPECT_FALSE(must(world->book->keep(received("1", "busan.example"))));
  for (const auto* full : {"forger.example", ""}) {
    EXPECT_EQ(world->book->keep(received("2", full)).error().kind, ErrorKind::limit);
  }
  EXPECT_TRUE(must(world->book->keep(received("2", "daegu.example"))));
}

TEST_P(BookOf, ForgetsWhatIsOld) {
  auto& book = *world->book;
  book.note(world->letter());
  must(book.flush());
  EXPECT_TRUE(must(book.keep(rows::received_of(Report(report_of("1", 3)), "").front())));
  world->clock.advance(29 * 24h);
  must(book.forget());
  EXPECT_EQ(summary(true).at("messages"), 1);
  world->clock.advance(3 * 24h);
  must(book.forget());
  EXPECT_EQ(summary(true).at("messages"), 0);
  EXPECT_EQ(summary(false).at("reports"), 1);
  world->clock.advance(400 * 24h);
  must(book.forget());
  EXPECT_EQ(summary(false).at("reports"), 0);
}

TEST_P(BookOf, SumsUpWhatItSaw) {
  auto& book = *world->book;
  for (int i = 0; i < 3; ++i) book.note(world->letter());
  book.note(world->letter("192.0.2.2", false));
  for (int i = 0; i < 2; ++i) book.note(world->session());
  book.note(world->session(queue::TlsFailure::certificate_expired));
  must(book.flush());
  const auto letters = summary(true);
  EXPECT_EQ(letters.at("messages"), 4);
  EXPECT_EQ(letters.at("passed"), 3);
  EXPECT_EQ(json::serialize(letters.at("sources")),
            R"([{"source":"192.0.2.1","messages":3,"passed":3},{"source":"192.0.2.2","messages":1,"passed":0}])");
  const auto sessions = summary(true, Kind::tls);
  EXPECT_EQ(sessions.at("messages"), 3);
  EXPECT_EQ(json::serialize(sessions.at("results")),
            R"([{"result":"","messages":2,"passed":2},{"result":"certificate-expired","messages":1,"passed":0}])");
  EXPECT_EQ(sessions.at("days").get_array().front().at("state"), "waits");
}

}  // namespace
}  // namespace pabal::reports
