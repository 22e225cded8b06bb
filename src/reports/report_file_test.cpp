#include "reports/report_file.hpp"

#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "codec/base64.hpp"

namespace pabal::reports {
namespace {

std::string dump_file(std::string_view octets) {
  const auto file = read_report_file(octets);
  if (!file) return "! " + file.error().peer;
  std::string out = file->from.empty() ? "" : file->from + ": ";
  for (const auto& report : file->reports) {
    if (const auto* aggregate = std::get_if<AggregateReport>(&report)) {
      std::uint64_t letters = 0;
      for (const auto& record : aggregate->records) letters += record.count;
      out += fmt::format("(dmarc {} of {}: {} letters)", aggregate->org_name, aggregate->policy.domain, letters);
    } else {
      const auto& tls = std::get<TlsReport>(report);
      std::uint64_t good = 0;
      std::uint64_t bad = 0;
      for (const auto& policy : tls.policies) {
        good += policy.successes;
        bad += policy.failures;
      }
      out += fmt::format("(tls {} of {}: {} good, {} bad)", tls.organization,
                         tls.policies.empty() ? "?" : tls.policies.front().domain, good, bad);
    }
  }
  for (const auto& why : file->refused) out += fmt::format("[{}]", why);
  return out;
}

std::string octets_in(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ReportFiles, OfTheSuiteAreReadOrRefusedWithWords) {
  const auto root = std::filesystem::path(PABAL_SOURCE_DIR) / "../shared/suites/dmarc";
  if (!std::filesystem::exists(root)) GTEST_SKIP() << "the suites are not there";
  const std::map<std::string, std::string> expected = {
      {"!example.com!1538204542!1538463818.xml", "(dmarc  of example.com: 1 letters)"},
      {"Report domain- borschow.com Submitter- google.com Report-ID- 949348866075514174.eml",
       "google.com: (dmarc google.com of borschow.com: 1 letters)"},
      {"empty_reason.xml", "(dmarc example.org of example.com: 2 letters)"},
      {"example.net!example.com!1529366400!1529452799.xml", "(dmarc example.net of example.com: 1 letters)"},
      {"ikea.com!example.de!1538690400!1538776800.xml", "(dmarc ikea.com of example.de: 1 letters)"},
      {"invalid_xml.xml",
       "[no well-formed XML: error parsing start element tag, near \"bad-xml.net></email>\\x0a  <report…\"]"},
      {"old_draft_from_wiki.xml", "(dmarc acme.com of example.com: 2 letters)"},
      {"rfc9990-example.net!example.com!1700000000!1700086399.xml", "(dmarc example.net of example.com: 7 letters)"},
      {"twilight.eml", "google.com: (dmarc google.com of twlnet.com: 1 letters)"},
      {"veeam.com!example.com!1530133200!1530219600.xml", "(dmarc veeam.com of example.com: 1 letters)"},
      {"google.com_smtp_tls_report.eml", "google.com: (tls Google Inc. of cardinalhealth.ca: 48 good, 0 bad)"},
      {"mail.ru.json", "(tls Mail.ru of example.com: 0 good, 1 bad)"},
      {"rfc8460.json", "(tls Company-X of company-y.example: 5326 good, 303 bad)"},
      {"smtp_tls.json", "(tls Example Inc. of example.com: 0 good, 3 bad)"},
  };
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const auto name = entry.path().filename().string();
    const auto place = expected.find(name);
    const auto folder = entry.path().parent_path().filename();
    if (!entry.is_regular_file() || (folder != "aggregate" && folder != "smtp_tls")) continue;
    const auto got = dump_file(octets_in(entry.path()));
    EXPECT_FALSE(got.empty()) << name;
    EXPECT_FALSE(got.starts_with("!")) << name << got;
    if (place == expected.end()) continue;  // a bigger suite
    ++seen;
    EXPECT_EQ(got, place->second) << name;
  }
  EXPECT_EQ(seen, expected.size());
}

std::string letter(std::string_view type, std::string_view name, std::string_view octets) {
  return fmt::format(
      "From: Reports <dmarc@Busan.Example>\r\nTo: a@seoul.example\r\nMIME-Version: 1.0\r\n"
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello {{\r\n"
      "--b\r\nContent-Type: {}\r\nContent-Disposition: attachment; filename=\"{}\"\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
      type, name, codec::base64(octets));
}

constexpr std::string_view kXml =
    "<feedback><report_metadata><org_name>B</org_name><date_range><begin>1</begin><end>2</end></date_range>"
    "</report_metadata><policy_published><domain>seoul.example</domain></policy_published></feedback>";

TEST(ReportFiles, ComeInLetters) {
  const std::string found = "busan.example: (dmarc B of seoul.example: 0 letters)";
  EXPECT_EQ(dump_file(letter("application/gzip", "a.xml.gz", gzip(kXml))), found);
  EXPECT_EQ(dump_file(letter("application/octet-stream", "a.xml.gz", gzip(kXml))), found);
  EXPECT_EQ(dump_file(letter("application/x-anything", "a.XML.GZ", gzip(kXml))), found);
  EXPECT_EQ(dump_file(letter("text/xml", "", kXml)), found);
  EXPECT_EQ(dump_file(letter("application/octet-stream", "picture.png", "\x89PNG")),
            "! no report: neither XML, JSON, an archive, nor a letter with one");
  EXPECT_EQ(dump_file(letter("application/gzip", "a.gz", gzip(gzip(kXml)))), "busan.example: [a.gz: packed twice]");
  EXPECT_EQ(dump_file(letter("application/gzip", "a.gz", gzip("hello"))),
            "busan.example: [a.gz: neither XML nor JSON]");
  EXPECT_EQ(dump_file(letter("application/gzip", "a.gz", gzip(kXml).substr(0, 40))),
            "busan.example: [a.gz: gzip that breaks off]");
  EXPECT_EQ(dump_file("From: a@b.example\r\n\r\nhello\r\n"),
            "! no report: neither XML, JSON, an archive, nor a letter with one");
  EXPECT_EQ(dump_file(""), "! no report: neither XML, JSON, an archive, nor a letter with one");
}

std::string letter_with(std::string_view type, const std::vector<std::string>& attachments) {
  std::string out = "From: a@busan.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (const auto& one : attachments) {
    out += fmt::format("--b\r\nContent-Type: {}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n", type,
                       codec::base64(one));
  }
  return out + "--b--\r\n";
}

std::string dump_counts(const Result<ReportFile>& file) {
  std::string out = fmt::format("{} reports", file->reports.size());
  for (const auto& why : file->refused) out += fmt::format("[{}]", why);
  return out;
}

TEST(ReportFiles, HaveOneBudgetForTheWholeLetter) {
  const auto packed = letter_with("application/gzip", {gzip(kXml), gzip(kXml), gzip(kXml)});
  EXPECT_EQ(dump_counts(read_report_file(packed)), "3 reports");
  EXPECT_EQ(dump_counts(read_report_file(packed, {.octets = 2 * kXml.size() + 10})),
            "2 reports[it unpacks to more than 10 octets]");
  EXPECT_EQ(dump_counts(read_report_file(packed, {.entries = 2})), "2 reports[there are too many files in the letter]");
  const auto plain = letter_with("text/xml", {std::string(kXml), std::string(kXml)});
  EXPECT_EQ(dump_counts(read_report_file(plain, {.octets = kXml.size() + 10})),
            "1 reports[there is too much in the letter]");
  // What is too much counts, too, though nothing is kept of it.
  const auto bomb = gzip(std::string(5000, ' '));
  const auto bombed = letter_with("application/gzip", {bomb, bomb, gzip(kXml)});
  EXPECT_EQ(dump_counts(read_report_file(bombed, {.octets = 4000})),
            "1 reports[it unpacks to more than 4000 octets][it unpacks to more than 2000 octets]");

  std::string records(kXml.substr(0, kXml.rfind("</feedback>")));
  for (int i = 0; i < 60'000; ++i) records += "<record><row><count>1</count></row></record>";
  records += "</feedback>";
  EXPECT_EQ(dump_counts(read_report_file(letter_with("text/xml", {records, records, std::string(kXml)}))),
            "2 reports[a report of more than 40000 records]");
}

TEST(TlsReports, AreReadWithWhatPeopleWrite) {
  struct Case {
    std::string_view text;
    std::string_view expected;
  };
  for (const Case& one : {
           Case{"{}", "[no TLS report: it doesn't say who reports]"},
           Case{"{\"organization-name\":\"X\"}", "[no TLS report: it doesn't say of what time it is]"},
           Case{R"({"organization-name":"X","date-range":{"start-datetime":"2016-04-01T00:00:00Z","end-datetime":
                "2016-04-01T23:59:59Z"}})",
                "[no TLS report: it has no policies]"},
           Case{R"({"organization-name":"X","date-range":{"start-datetime":"2016-04-01T00:00:00Z","end-datetime":
                "2016-04-01T23:59:59Z"},"policies":[{"policy":{"policy-type":"sts","policy-domain":"Y.example",
                "mx-host":["a","b"]},"summary":{"total-successful-session-count":"5","total-failure-session-count":-1}}]})",
                "(tls X of y.example: 5 good, 0 bad)"},
           Case{R"({"organization-name":"X","date-range":{"start-datetime":"2016-04-01T00:00:00Z","end-datetime":
                "2016-04-01T23:59:59Z"},"policies":[{"policy":7,"summary":[]}]})",
                "[no TLS report: a policy is of no domain]"},
       }) {
    EXPECT_EQ(dump_file(one.text), one.expected) << one.text;
  }
  EXPECT_TRUE(dump_file("{\"a\":").starts_with("[no JSON: ")) << dump_file("{\"a\":");
  EXPECT_TRUE(dump_file(std::string(100, '{')).starts_with("[no JSON: "));
}

TEST(TlsReports, AreTheSameWhenReadAgain) {
  TlsReport report;
  report.organization = "Busan \"Mail\"";
  report.contact = "tls@busan.example";
  report.report_id = "id@busan.example";
  report.begin = SystemTime(std::chrono::seconds(1'700'000'000));
  report.end = SystemTime(std::chrono::seconds(1'700'086'399));
  report.policies.push_back({.type = "sts",
                             .lines = {"version: STSv1", "mode: enforce"},
                             .domain = "seoul.example",
                             .mx_hosts = {"*.seoul.example"},
                             .successes = 7,
                             .failures = 2,
                             .details = {{.result_type = "certificate-expired",
                                          .sending_ip = "192.0.2.1",
                                          .receiving_host = "mx.seoul.example",
                                          .receiving_helo = {},
                                          .receiving_ip = "2001:db8::1",
                                          .sessions = 2,
                                          .information = {},
                                          .reason = "certificate has expired"}}});
  const auto text = write_tls_report(report);
  EXPECT_NE(text.find("\"start-datetime\":\"2023-11-14T22:13:20Z\""), std::string::npos) << text;
  const auto read = read_tls_report(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(write_tls_report(*read), text);
}

TEST(TlsReports, HaveTextsThatStayAsTheyWereRead) {
  const auto with = [](std::string_view organization, std::string_view begin) {
    return fmt::format(R"({{"organization-name":"{}","date-range":{{"start-datetime":"{}","end-datetime":
                       "2016-04-01T23:59:59Z"}},"policies":[]}})",
                       organization, begin);
  };
  const std::string_view begin = "2016-04-01T00:00:00Z";
  EXPECT_FALSE(read_tls_report(with("\\u0001", begin)));
  EXPECT_FALSE(read_tls_report(with(" \\t\\u007f ", begin)));
  EXPECT_FALSE(read_tls_report(with("X", "9999-12-31T23:59:59-01:00")));
  for (const std::string& organization :
       {std::string("X\\u0001"), std::string("\\u0001 X"), std::string(999, 'x') + " y", std::string(2000, ' ') + "y",
        std::string(1500, ' ') + std::string(166, 'x') + "\xEB\xA9\x94\xEB\xA9\x94" + std::string(500, 'x')}) {
    const auto read = read_tls_report(with(organization, begin));
    if (organization.size() > 2000 && !read) continue;
    ASSERT_TRUE(read) << organization;
    const auto text = write_tls_report(*read);
    const auto again = read_tls_report(text);
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(write_tls_report(*again), text);
  }
}

}  // namespace
}  // namespace pabal::reports
