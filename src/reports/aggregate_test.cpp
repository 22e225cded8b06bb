#include "reports/aggregate.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/text.hpp"

namespace pabal::reports {
namespace {

std::string dump(const AggregateReport& report) {
  std::string out = fmt::format("{} {} {}-{} {} p={}", report.org_name, report.report_id, report.begin, report.end,
                                report.policy.domain, report.policy.p);
  for (const auto& record : report.records) {
    out += fmt::format("; {} x{} {} dkim={} spf={} from={}", record.source_ip, record.count, record.disposition,
                       record.dkim ? "pass" : "fail", record.spf ? "pass" : "fail", record.header_from);
  }
  return out;
}

std::string read(std::string_view xml) {
  const auto report = read_aggregate(xml);
  return report ? dump(*report) : "! " + report.error().peer;
}

constexpr std::string_view kHead =
    "<report_metadata><org_name>Busan</org_name><email>a@busan.example</email><report_id>7</report_id>"
    "<date_range><begin>100</begin><end>200</end></date_range></report_metadata>"
    "<policy_published><domain>Seoul.Example</domain><p>reject</p></policy_published>";
constexpr std::string_view kRecord =
    "<record><row><source_ip>192.0.2.1</source_ip><count>3</count><policy_evaluated><disposition>none</disposition>"
    "<dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>seoul.example</header_from>"
    "</identifiers><auth_results/></record>";
constexpr std::string_view kRead =
    "Busan 7 100-200 seoul.example p=reject; 192.0.2.1 x3 none dkim=pass spf=fail "
    "from=seoul.example";

TEST(AggregateReports, AreReadInAllTheirForms) {
  const auto whole = fmt::format("<feedback>{}{}</feedback>", kHead, kRecord);
  struct Case {
    std::string xml;
    std::string_view expected;
  };
  const std::string utf16 = [&] {
    std::string out = "\xFF\xFE";
    for (const char c : whole) {
      out += c;
      out += '\0';
    }
    return out;
  }();
  for (const Case& one : {
           Case{whole, kRead},
           Case{"\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>\n" + whole, kRead},
           Case{"<?xml version=\"1.0\" encoding=\"windows-1252\" ?>" + whole, kRead},
           Case{utf16, kRead},
           Case{"<!-- a word about feedback -->" + whole + "\n\n<junk", kRead},
           // Put into something that is never closed (some senders do).
           Case{"<?xml version=\"1.0\"?> <xs:schema xmlns:xs=\"http://x/\">\n" + whole, kRead},
           Case{fmt::format("<d:feedback xmlns:d=\"urn:ietf:params:xml:ns:dmarc-2.0\">{}{}</d:feedback>", kHead,
                            kRecord),
                kRead},
           Case{fmt::format("<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">{}{}</feedback>", kRecord, kHead),
                kRead},
           Case{fmt::format("<feedback>{}<extension><x>1</x></extension></feedback>", kHead),
                "Busan 7 100-200 seoul.example p=reject"},
           Case{"", "! no well-formed XML: no document element found, near \"\""},
           Case{"<html><body/></html>", "! no aggregate report: there is no element \"feedback\""},
           Case{"<feedback/>", "! no aggregate report: it doesn't say who reports"},
           Case{"<feedback><a></feedback>", "! no well-formed XML: start-end tags mismatch, near \"feedback>\""},
           Case{"<!DOCTYPE feedback [<!ENTITY a \"b\">]>" + whole,
                "! a document type declaration, which no report has"},
           Case{"<!doctype x>" + whole, "! a document type declaration, which no report has"},
           Case{fmt::format("<feedback>{}<record><row/></record></feedback>", kHead), "! record 1 has no count"},
           Case{fmt::format("<feedback>{}<record><row><count>-3</count></row></record></feedback>", kHead),
                "! record 1 has no count"},
       }) {
    EXPECT_EQ(read(one.xml), one.expected) << one.xml;
  }
}

TEST(AggregateReports, AreBounded) {
  const auto whole = fmt::format("<feedback>{}{}{}</feedback>", kHead, kRecord, kRecord);
  EXPECT_FALSE(read_aggregate(whole, {.octets = 100}));
  EXPECT_FALSE(read_aggregate(whole, {.marks = 20}));
  EXPECT_EQ(read_aggregate(whole, {.records = 1}).error().kind, ErrorKind::limit);
  EXPECT_TRUE(read_aggregate(whole, {.records = 2}));
  // Deep trees are taken down without recursion.
  std::string deep = "<feedback>";
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  for (int i = 0; i < 100'000; ++i) deep += "</a>";
  deep += "</feedback>";
  EXPECT_EQ(read(deep), "! elements that stand too deep in one another");
  const auto long_text = fmt::format(
      "<feedback>{}<record><row><count>1</count><source_ip>{}</source_ip></row></record>"
      "</feedback>",
      kHead, std::string(50'000, 'x'));
  EXPECT_EQ(read_aggregate(long_text)->records.front().source_ip.size(), 1000U);
}

TEST(AggregateReports, CarryNothingThatXmlCannot) {
  const auto of = [](std::string_view organization, std::string_view domain = "d", std::string_view error = "") {
    return fmt::format(
        "<feedback><report_metadata><org_name>{}</org_name><date_range><begin>0</begin><end>0</end></date_range>"
        "<error>{}</error></report_metadata><policy_published><domain>{}</domain></policy_published></feedback>",
        organization, error, domain);
  };
  EXPECT_EQ(read(of("&#xFFFF;")), "! no aggregate report: it doesn't say who reports");
  EXPECT_EQ(read(of("\xEF\xBF\xBE \xEF\xBF\xBF")), "! no aggregate report: it doesn't say who reports");
  EXPECT_EQ(read(of("a", "&#xFFFE;")), "! no aggregate report: it doesn't say of which domain it is");
  EXPECT_EQ(read(of("a&#xFFFF;b&#xFFFE;", "d")), "ab  0-0 d p=");
  // A surrogate is no character: it comes out of the XML reader as octets that are no UTF-8.
  const auto report = read_aggregate(of("a&#xD800;b", "d", " x\ny&#xDFFF;&#xFFFF;"));
  ASSERT_TRUE(report);
  EXPECT_TRUE(is_utf8(report->org_name)) << report->org_name;
  ASSERT_EQ(report->errors.size(), 1U);
  EXPECT_TRUE(is_utf8(report->errors[0]) && report->errors[0].starts_with("x y")) << report->errors[0];
  const auto again = read_aggregate(write_aggregate(*report));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->org_name, report->org_name);
  EXPECT_EQ(again->errors, report->errors);
}

TEST(AggregateReports, OfManyRecordsAreReadAndReadAgain) {
  // With few tags they are short; written, each has some 30 of them, over 60,000 records more than two million.
  std::string xml = fmt::format("<feedback>{}", kHead);
  for (int i = 0; i < 100'000; ++i) xml += "<record><row><count>1</count></row></record>";
  xml += "</feedback>";
  const auto report = read_aggregate(xml);
  ASSERT_TRUE(report) << report.error().peer;
  const auto again = read_aggregate(write_aggregate(*report), {.octets = std::size_t{128} << 20});
  ASSERT_TRUE(again) << again.error().peer;
  EXPECT_EQ(again->records.size(), 100'000U);
}

TEST(AggregateReports, TakeNoEmptyResults) {
  const auto report = read_aggregate(fmt::format(
      "<feedback>{}<record><row><count>1</count></row><auth_results><dkim/><spf/><dkim><domain>a</domain></dkim>"
      "<spf><result>fail</result></spf></auth_results></record></feedback>",
      kHead));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->records.front().dkim_results, (std::vector<JudgedDkim>{{"a", "", "", ""}}));
  EXPECT_EQ(report->records.front().spf_results, (std::vector<JudgedSpf>{{"", false, "fail"}}));
}

TEST(AggregateReports, OfEveryPrefixAreRefusedOrRead) {
  const auto whole = fmt::format("<?xml version=\"1.0\"?><feedback>{}{}</feedback>", kHead, kRecord);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto report = read_aggregate(whole.substr(0, size));
    EXPECT_FALSE(report) << size;
  }
}

AggregateReport nasty_report() {
  AggregateReport report;
  report.org_name = "A & B <c> \"d\" \x01\xC3\xA9 파발";
  report.email = "dmarc@busan.example";
  report.extra_contact_info = "https://busan.example/?a=b&c=d";
  report.report_id = "seoul.example.100.200.1@busan.example";
  report.begin = 100;
  report.end = 200;
  report.errors = {"17 more letters", "]]>"};
  report.policy = {.domain = "seoul.example",
                   .p = "reject",
                   .sp = "quarantine",
                   .np = "none",
                   .adkim = "s",
                   .aspf = "nonsense",
                   .pct = "100",
                   .t = "y",
                   .fo = "1:d:s",
                   .discovery = "psl",
                   .rua = "mailto:a@seoul.example",
                   .ruf = {}};
  AggregateRecord record;
  record.source_ip = "2001:db8::1";
  record.count = 12;
  record.disposition = "reject";
  record.header_from = "seoul.example";
  record.envelope_from = "";
  record.reasons = {{"forwarded", "x"}, {"sampled_out", ""}, {"nonsense", "<!--"}};
  record.dkim_results = {{"seoul.example", "s1", "pass", "2048 bits"}, {"x\xFF.example", "", "odd", ""}};
  record.spf_results = {{"seoul.example", true, "softfail"}, {"", false, "hardfail"}};
  report.records.push_back(record);
  AggregateRecord second;
  second.source_ip = "192.0.2.1";
  second.count = 1;
  second.disposition = "none";
  second.dkim = second.spf = true;
  report.records.push_back(second);
  return report;
}

TEST(AggregateReports, AreTheSameWhenReadAgain) {
  const auto report = nasty_report();
  const auto read = read_aggregate(write_aggregate(report));
  ASSERT_TRUE(read) << read.error().peer;
  EXPECT_EQ(read->org_name, "A & B <c> \"d\"  é 파발");
  EXPECT_EQ(read->errors, report.errors);
  EXPECT_EQ(read->policy.aspf, "");
  EXPECT_EQ(read->policy.np, "none");
  ASSERT_EQ(read->records.size(), 2U);
  const auto& first = read->records.front();
  EXPECT_EQ(first.source_ip, "2001:db8:0:0:0:0:0:1");
  EXPECT_EQ(first.reasons,
            (std::vector<OverrideReason>{{"trusted_forwarder", "x"}, {"policy_test_mode", ""}, {"other", "<!--"}}));
  EXPECT_EQ(first.dkim_results.back(), (JudgedDkim{"x\\xff.example", "", "neutral", ""}));
  EXPECT_EQ(first.spf_results, (std::vector<JudgedSpf>{{"seoul.example", true, "softfail"}, {"", false, "none"}}));
  EXPECT_TRUE(read->records.back().dkim);
}

/// The schema as it is given names its own types as if they were of no namespace; made so, it is the one of RFC 7489
/// that everybody's reports keep to.
TEST(AggregateReports, KeepToTheSchema) {
  const auto schema = std::filesystem::path(PABAL_SOURCE_DIR) / "../shared/suites/dmarc/rua-schema.xsd";
  if (!std::filesystem::exists(schema) || std::system("command -v xmllint >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "no schema, or no xmllint";
  }
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("pabal-reports-{}", ::getpid());
  std::filesystem::create_directories(folder);
  std::ifstream in(schema);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string name = "targetNamespace=\"urn:ietf:params:xml:ns:dmarc-2.0\"";
  ASSERT_NE(text.find(name), std::string::npos);
  text.erase(text.find(name), name.size());
  std::ofstream(folder / "schema.xsd") << text;
  std::ofstream(folder / "report.xml") << write_aggregate(nasty_report());
  const auto command =
      fmt::format("xmllint --noout --schema {0}/schema.xsd {0}/report.xml 2>/dev/null", folder.string());
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace pabal::reports
