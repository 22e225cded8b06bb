// Reports that come by mail: who is believed, and that a letter goes its way whatever stands in it.
#include "reports/intake.hpp"

#include <gtest/gtest.h>

#include "codec/base64.hpp"
#include "reports/testing.hpp"

namespace pabal::reports {
namespace {

using testing::must;
using testing::World;
using namespace std::chrono_literals;

/// Takes what it gets, or refuses it.
class Shelf final : public delivery::Mda {
 public:
  [[nodiscard]] Async<delivery::Answer> deliver(delivery::Letter letter) override {
    letters.push_back(letter.id);
    delivery::Answer answer;
    answer.results.push_back(full ? Result<void>(fail(ErrorKind::quota, "full")) : Result<void>());
    co_return answer;
  }
  std::vector<std::string> letters;
  bool full = false;
};

std::string report_letter(std::string_view from, std::string_view id = "1", std::string_view domain = "seoul.example") {
  const auto xml = fmt::format(
      "<feedback><report_metadata><org_name>B</org_name><report_id>{}</report_id><date_range><begin>1795305600</begin>"
      "<end>1795305601</end></date_range></report_metadata><policy_published><domain>{}</domain></policy_published>"
      "<record><row><source_ip>192.0.2.1</source_ip><count>3</count></row></record></feedback>",
      id, domain);
  return fmt::format(
      "From: {}\r\nMIME-Version: 1.0\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      "{}\r\n",
      from, codec::base64(gzip(xml)));
}

struct Incoming {
  std::string from;
  Sender sender;
  std::string expected;
};

class Taking : public ::testing::Test {
 protected:
  std::string take(const std::string& letter, const Sender& sender) {
    const auto taken = take_reports(*world.book, letter, sender, options);
    if (!taken) return "! " + taken.error().peer;
    return fmt::format("{} kept, {} known, {} refused", taken->kept, taken->known, taken->refused.size());
  }
  World world;
  TakeOptions options{.is_ours = [](const std::string& domain) -> Result<bool> { return domain == "seoul.example"; },
                      .owner_of = [](const std::string& domain) { return "owner of " + domain; }};
};

TEST_F(Taking, BelievesWhoIsProven) {
  const std::string refused = "! nothing proved who sent the report";
  const std::string kept = "1 kept, 0 known, 0 refused";
  const std::vector<Incoming> table = {
      {"a@busan.example", {}, refused},
      {"a@busan.example", {.proven = "daegu.example"}, refused},
      {"a@busan.example, b@daegu.example", {.proven = "busan.example"}, refused},
      {"a@busan.example, b@daegu.example", {.proven = ""}, refused},
      {"a@busan.example", {.here = true}, refused},  // one of ours who gives himself out for a stranger
      {"a@busan.example", {.proven = "busan.example"}, kept},
      {"a@busan.example", {.proven = "busan.example"}, "0 kept, 1 known, 0 refused"},
      {"a@daegu.example", {.proven = "daegu.example"}, kept},  // the same report, and another's
      {"a@seoul.example", {.here = true}, kept},
  };
  for (const auto& one : table) EXPECT_EQ(take(report_letter(one.from), one.sender), one.expected) << one.from;
  options.proven_only = false;
  EXPECT_EQ(take(report_letter("a@busan.example"), {}), kept);
  EXPECT_EQ(take(report_letter("a@daegu.example"), {}), "0 kept, 1 known, 0 refused");  // nobody's are all one's
  EXPECT_EQ(take(report_letter("a@busan.example", "2", "busan.example"), {}), "0 kept, 0 known, 1 refused");
}

TEST_F(Taking, LooksAtTheSenderBeforeAnythingElse) {
  const std::string letter = "From: a@busan.example\r\n\r\nhello\r\n";
  EXPECT_EQ(take(letter, {}), "! nothing proved who sent the report");
  EXPECT_EQ(take(letter, {.proven = "busan.example"}),
            "! no report: neither XML, JSON, an archive, nor a letter with one");
}

TEST_F(Taking, GoesOnWhereOneReportIsTooMuch) {
  world.open({.write_every = std::chrono::seconds(0), .received_rows_a_day_of_one = 2});
  const auto policies = [](int details) {
    std::string all;
    for (int i = 0; i < details; ++i) all += R"({"result-type":"x","failed-session-count":1},)";
    all += R"({"result-type":"y","failed-session-count":1})";
    return all;
  };
  options.is_ours = [](const std::string&) -> Result<bool> { return true; };
  const auto json =
      fmt::format(R"({{"organization-name":"B","report-id":"1","date-range":{{"start-datetime":"2026-11-22T00:00:00Z",)"
                  R"("end-datetime":"2026-11-22T23:59:59Z"}},"policies":[)"
                  R"({{"policy":{{"policy-domain":"big.example"}},"failure-details":[{}]}},)"
                  R"({{"policy":{{"policy-domain":"small.example"}}}}]}})",
                  policies(5));
  const auto letter = fmt::format(
      "From: a@busan.example\r\nMIME-Version: 1.0\r\nContent-Type: application/tlsrpt+json\r\n\r\n{}\r\n", json);
  EXPECT_EQ(take(letter, {.proven = "busan.example"}), "1 kept, 0 known, 1 refused");
}

TEST(Intakes, DeliverFirstAndThenRead) {
  World world;
  Shelf shelf;
  const auto reports = [&] {
    return *must(world.book->readers().read(
        [](db::Connection& connection) { return connection.number("SELECT count(*) FROM report_received"); }));
  };
  {
    Intake intake(shelf, *world.book, world.pool, Log(), world.metrics,
                  {.addresses = {"DMARC@seoul.example"},
                   .take = {.is_ours = [](const std::string&) -> Result<bool> { return true; }}});
    const auto deliver = [&](std::string id, const std::string& text, const char* to, std::string proven) {
      delivery::Letter letter;
      letter.id = std::move(id);
      letter.recipients.push_back({.address = *EmailAddress::parse(to), .local = {}, .notify = {}, .orcpt = {}});
      letter.content.append(text);
      letter.findings = delivery::Findings{.results = "x", .author = std::move(proven)};
      return run_blocking(intake.deliver(std::move(letter))).results.front().has_value();
    };
    const auto report = report_letter("a@busan.example");
    EXPECT_TRUE(deliver("1", report, "dmarc@Seoul.example", "busan.example"));
    EXPECT_TRUE(deliver("2", report_letter("a@busan.example", "2"), "bob@seoul.example", "busan.example"));
    EXPECT_TRUE(deliver("3", report_letter("a@busan.example", "3"), "dmarc@seoul.example", "evil.example"));
    EXPECT_TRUE(deliver("4", "From: a@busan.example\r\n\r\nhello\r\n", "dmarc@seoul.example", "busan.example"));
    shelf.full = true;  // what isn't in the mailbox will come again
    EXPECT_FALSE(deliver("5", report_letter("a@busan.example", "5"), "dmarc@seoul.example", "busan.example"));
    shelf.full = false;
    intake.change({"bob@seoul.example"}, false);
    EXPECT_TRUE(deliver("6", report_letter("a@busan.example", "6"), "dmarc@seoul.example", "busan.example"));
    EXPECT_TRUE(deliver("7", report_letter("a@busan.example", "7"), "bob@seoul.example", ""));
  }  // what waits is read
  EXPECT_EQ(shelf.letters.size(), 7U);
  EXPECT_EQ(reports(), 2);  // 1 and 7
}

}  // namespace
}  // namespace pabal::reports
