#include "reports/rua.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dns/scripted_resolver.hpp"

namespace pabal::reports {
namespace {

std::string dump_uris(std::string_view value) {
  std::vector<std::string> refused;
  std::string out;
  for (const auto& uri : parse_report_uris(value, &refused)) {
    if (!out.empty()) out += ", ";
    if (uri.kind == ReportUri::Kind::mailto) {
      out += fmt::format("mail {}", uri.address->text());
    } else {
      out += fmt::format("https {} {} {}", uri.host, uri.port, uri.path);
    }
    if (uri.at_most) out += fmt::format(" <= {}", *uri.at_most);
  }
  for (const auto& why : refused) out += fmt::format("{}[{}]", out.empty() ? "" : " ", why);
  return out;
}

TEST(ReportUris, AreReadFromRecords) {
  struct Case {
    std::string_view value;
    std::string_view expected;
  };
  const std::string many_places = [] {
    std::string all;
    for (int i = 0; i < 12; ++i) all += fmt::format("mailto:a{}@x.test,", i);
    return all;
  }();
  for (const Case& one : {
           Case{"mailto:dmarc@seoul.example", "mail dmarc@seoul.example"},
           Case{"MAILTO:Dmarc@Seoul.Example!10m", "mail Dmarc@seoul.example <= 10485760"},
           Case{" mailto:a@x.test!5k , mailto:b@x.test!7 ", "mail a@x.test <= 5120, mail b@x.test <= 7"},
           Case{"mailto:a@x.test!1G,mailto:b@x.test!2t", "mail a@x.test <= 1073741824, mail b@x.test <= 2199023255552"},
           Case{"mailto:a@x.test!99999999t", "mail a@x.test <= 9223372036854775807"},
           Case{"mailto:a%21b@x.test", "mail a!b@x.test"},
           Case{"mailto:a@x.test?subject=hello", "mail a@x.test"},
           Case{"mailto:a@x.test,mailto:a@x.test!1k", "mail a@x.test"},
           Case{"https://reports.x.test/v1/tlsrpt", "https reports.x.test 443 /v1/tlsrpt"},
           Case{"https://Reports.x.test:8443?a=b#c", "https reports.x.test 8443 /?a=b"},
           // URIs are ASCII (RFC 3986 §2); all else comes in percent codes.
           Case{"mailto:%EB%B3%B4%EA%B3%A0@xn--3e0b707e.example", "mail 보고@xn--3e0b707e.example"},
           Case{"mailto:보고@한국.example", "[mailto:보고@한국.example: characters that no URI has]"},
           Case{"mailto:a@x.test?\xFF!10,mailto:b@x.test",
                "mail b@x.test [mailto:a@x.test?\\xff!10: characters that no URI has]"},
           Case{"", ""},
           Case{",,", ""},
           Case{"http://x.test/a", "[http://x.test/a: neither mailto nor https]"},
           Case{"ftp:x", "[ftp:x: neither mailto nor https]"},
           Case{"mailto", "[mailto: neither mailto nor https]"},
           Case{"a@x.test", "[a@x.test: neither mailto nor https]"},
           Case{"mailto:a@x.test!", "[mailto:a@x.test!: a size that is none]"},
           Case{"mailto:a@x.test!10x", "[mailto:a@x.test!10x: a size that is none]"},
           Case{"mailto:a@x.test!m", "[mailto:a@x.test!m: a size that is none]"},
           Case{"mailto:a@x.test!-1", "[mailto:a@x.test!-1: a size that is none]"},
           Case{"mailto:a@x.test!10m!5", "[mailto:a@x.test!10m!5: more than one '!']"},
           Case{"https://x.test/a!!1", "[https://x.test/a!!1: more than one '!']"},
           Case{"mailto:a%4@x.test", "[mailto:a%4@x.test: a '%' without two hexadecimal digits]"},
           Case{"mailto:a@[192.0.2.1]", "[mailto:a@[192.0.2.1]: an address without a domain]"},
           Case{"mailto:a b@x.test", "[mailto:a b@x.test: characters that no URI has]"},
           Case{"https:x.test", "[https:x.test: https without //]"},
           Case{"https://127.0.0.1/", "[https://127.0.0.1/: no host name]"},
           Case{"https://user@x.test/", "[https://user@x.test/: no host name]"},
           Case{"https://localhost/", "[https://localhost/: no host name]"},
           Case{"https://[::1]/", "[https://[::1]/: no port]"},
           Case{"https://x.test:0/", "[https://x.test:0/: no port]"},
           Case{"https://x.test:70000/", "[https://x.test:70000/: no port]"},
       }) {
    EXPECT_EQ(dump_uris(one.value), one.expected) << one.value;
  }
  EXPECT_EQ(parse_report_uris(many_places).size(), kMostReportUris);
  EXPECT_TRUE(parse_report_uris(std::string(3000, 'a')).empty());
}

TEST(TlsRptRecords, GiveTheirRua) {
  struct Case {
    std::vector<std::string> texts;
    std::string_view expected;
  };
  for (const Case& one : {
           Case{{"v=TLSRPTv1; rua=mailto:reports@x.test"}, "mailto:reports@x.test"},
           Case{{"v=TLSRPTv1;rua=https://x.test/a,mailto:b@x.test;"}, "https://x.test/a,mailto:b@x.test"},
           Case{{"something else", "v=TLSRPTv1; ext=1; rua=mailto:a@x.test"}, "mailto:a@x.test"},
           Case{{}, "no TLSRPTv1 record"},
           Case{{"v=TLSRPTv2; rua=mailto:a@x.test"}, "no TLSRPTv1 record"},
           Case{{"rua=mailto:a@x.test; v=TLSRPTv1"}, "no TLSRPTv1 record"},
           Case{{"v=TLSRPTv1; rua=mailto:a@x.test", "v=TLSRPTv1; rua=mailto:b@x.test"},
                "more than one TLSRPTv1 record"},
           Case{{"v=TLSRPTv1"}, "the TLSRPTv1 record has no rua"},
           Case{{"v=TLSRPTv1; rua="}, "the TLSRPTv1 record has no rua"},
       }) {
    const auto rua = parse_tlsrpt_record(one.texts);
    EXPECT_EQ(rua ? *rua : rua.error().peer, one.expected);
  }
}

TEST(Consents, AreAskedOfOtherDomains) {
  dns::ScriptedResolver resolver(R"($ORIGIN test.
seoul.test._report._dmarc.agreed TXT "v=DMARC1"
seoul.test._report._dmarc.agreed TXT "something else"
*._report._dmarc.wild TXT "v=DMARC1;"
seoul.test._report._dmarc.moved TXT "v=DMARC1; rua=mailto:new@moved.test,mailto:victim@other.test"
seoul.test._report._dmarc.odd TXT "v=DMARC2"
agreed A 192.0.2.1
)");
  resolver.fail("seoul.test._report._dmarc.away.test", dns::Type::txt, dns::Status::timed_out);
  const auto suffixes = PublicSuffix::system();
  ASSERT_TRUE(suffixes);
  const auto ask = [&](std::string_view domain, std::string_view place) {
    const auto uri = parse_report_uris(place).front();
    const auto consent = run_blocking(consent_of(resolver, *suffixes, *Domain::parse(domain), uri));
    std::string out;
    switch (consent.answer) {
      case Consent::Answer::own:
        out = "own";
        break;
      case Consent::Answer::agreed:
        out = "agreed";
        break;
      case Consent::Answer::refused:
        out = "refused";
        break;
      case Consent::Answer::unknown:
        out = "unknown";
        break;
    }
    for (const auto& other : consent.instead) out += " " + other.text;
    return out;
  };
  EXPECT_EQ(ask("seoul.test", "mailto:a@seoul.test"), "own");
  EXPECT_EQ(ask("mail.seoul.test", "mailto:a@reports.seoul.test"), "own");
  EXPECT_EQ(resolver.asked(), 0U);
  EXPECT_EQ(ask("seoul.test", "mailto:a@agreed.test"), "agreed");
  EXPECT_EQ(ask("seoul.test", "mailto:a@wild.test"), "agreed");
  EXPECT_EQ(ask("busan.test", "mailto:a@agreed.test"), "refused");
  EXPECT_EQ(ask("seoul.test", "mailto:a@odd.test"), "refused");
  EXPECT_EQ(ask("seoul.test", "mailto:a@nobody.test"), "refused");
  EXPECT_EQ(ask("seoul.test", "mailto:a@away.test"), "unknown");
  // Its own place alone, never a third one's.
  EXPECT_EQ(ask("seoul.test", "mailto:a@moved.test"), "agreed mailto:new@moved.test");
  // Domains of one suffix are not of one owner.
  EXPECT_EQ(ask("seoul.co.kr", "mailto:a@busan.co.kr"), "refused");
}

}  // namespace
}  // namespace pabal::reports
