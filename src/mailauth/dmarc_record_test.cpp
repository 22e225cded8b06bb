#include "mailauth/dmarc_record.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pabal::mailauth {
namespace {

std::string dmarc_dump(std::string_view text, DmarcStandard standard) {
  const auto record = DmarcRecord::parse(text, standard);
  if (!record) return "error";
  auto out = fmt::format("p={}", name_of(record->policy));
  if (record->subdomain_policy) out += fmt::format(" sp={}", name_of(*record->subdomain_policy));
  if (record->nonexistent_policy) out += fmt::format(" np={}", name_of(*record->nonexistent_policy));
  if (record->dkim_alignment == DmarcAlignment::strict) out += " adkim=s";
  if (record->spf_alignment == DmarcAlignment::strict) out += " aspf=s";
  if (record->percent != 100) out += fmt::format(" pct={}", record->percent);
  if (record->testing) out += " t=y";
  if (record->suffix != DmarcSuffix::unknown) out += record->suffix == DmarcSuffix::yes ? " psd=y" : " psd=n";
  if (record->interval != 86400) out += fmt::format(" ri={}", record->interval);
  if (record->failure_options != "0") out += " fo=" + record->failure_options;
  for (const auto& uri : record->aggregate) {
    out += " " + uri.uri;
    if (uri.most_octets) out += fmt::format("!{}", *uri.most_octets);
  }
  for (const auto& uri : record->failure) out += " f:" + uri.uri;
  if (!record->faults.empty()) out += fmt::format(" ({} faults)", record->faults.size());
  return out;
}

TEST(DmarcRecord, present) {
  struct Case {
    const char* text;
    const char* record;
  };
  constexpr Case cases[] = {
      {"v=DMARC1; p=none", "p=none"},
      {"v=DMARC1;p=reject;", "p=reject"},
      {"v = DMARC1 ; p = Quarantine ; sp=none;np=reject", "p=quarantine sp=none np=reject"},
      {"V=DMARC1; P=reject", "p=reject"},
      {"v=dmarc1; p=reject", "error"},
      {"v=DMARC2; p=reject", "error"},
      {"v=DMARC10; p=reject", "error"},
      {" v=DMARC1; p=reject", "error"},
      {"p=reject; v=DMARC1", "error"},
      {"v=DMARC1", "error"},
      {"v=DMARC1; p=", "error"},
      {"v=DMARC1; p=bogus", "error"},
      {"v=DMARC1; sp=reject", "error"},
      {"v=DMARC1; p=bogus; rua=mailto:a@x.example", "p=none mailto:a@x.example (1 faults)"},
      {"v=DMARC1; p=reject; sp=bogus", "error"},
      {"v=DMARC1; p=reject; sp=bogus; rua=mailto:a@x.example", "p=none mailto:a@x.example (1 faults)"},
      {"v=DMARC1; rua=mailto:a@x.example", "p=none mailto:a@x.example"},
      {"v=DMARC1; rua=nothing", "error"},
      {"v=DMARC1; p=reject; adkim=s; aspf=S", "p=reject adkim=s aspf=s"},
      {"v=DMARC1; p=reject; adkim=x", "p=reject (1 faults)"},
      {"v=DMARC1; p=reject; pct=0", "p=reject pct=0"},
      {"v=DMARC1; p=reject; pct=50", "p=reject pct=50"},
      {"v=DMARC1; p=reject; pct=101", "p=reject (1 faults)"},
      {"v=DMARC1; p=reject; pct=-1", "p=reject (1 faults)"},
      {"v=DMARC1; p=reject; ri=3600; fo=1:d:S", "p=reject ri=3600 fo=1:d:s"},
      {"v=DMARC1; p=reject; ri=99999999999; fo=2", "p=reject (2 faults)"},
      {"v=DMARC1; p=none; rua=mailto:a@x.example!10m , https://x.example/r!5",
       "p=none mailto:a@x.example!10485760 https://x.example/r!5"},
      {"v=DMARC1; p=none; rua=mailto:a@x.example!10x,mailto:,mailto:@x,mailto:b@y.example",
       "p=none mailto:b@y.example (3 faults)"},
      {"v=DMARC1; p=none; rua=mailto:a@x.example!99999999999999999999t", "p=none (1 faults)"},
      {"v=DMARC1; p=none; rua=mailto:a!b@c.example!10m", "p=none (1 faults)"},
      {"v=DMARC1; p=none; rua=mailto:a@x.example!10!20", "p=none (1 faults)"},
      {"v=DMARC1; p=none; ruf=mailto:f@x.example", "p=none f:mailto:f@x.example"},
      {"v=DMARC1; p=none; p=reject", "p=none (1 faults)"},
      {"v=DMARC1; p=reject; ; x; =y; z=1; t=y; psd=y", "p=reject"},
      {"v=DMARC1\tp=reject", "error"},
      {"v=DMARC1; p=reject \r\n", "p=reject"},
      {"v=DMARC1;;p=reject", "p=reject"},
  };
  for (const auto& one : cases) EXPECT_EQ(dmarc_dump(one.text, DmarcStandard::rfc7489), one.record) << one.text;
}

TEST(DmarcRecord, successor) {
  struct Case {
    const char* text;
    const char* record;
  };
  constexpr Case cases[] = {
      {"v=DMARC1; p=reject; t=y; psd=n; pct=5; ri=1", "p=reject t=y psd=n"},
      {"v=DMARC1; p=reject; t=N; psd=U", "p=reject"},
      {"v=DMARC1; p=reject; t=x; psd=x", "p=reject (2 faults)"},
      {"v=DMARC1; p=none; psd=Y; np=reject", "p=none np=reject psd=y"},
      {"v=DMARC1; p=none; rua=mailto:a@x.example!10m", "p=none mailto:a@x.example!10485760"},
      {"v=DMARC1; p=none; rua=mailto:a@x.example!10!20", "p=none (1 faults)"},
      {"v=DMARC1; p=reject; np=x; rua=mailto:a@x.example", "p=none mailto:a@x.example (1 faults)"},
  };
  for (const auto& one : cases) EXPECT_EQ(dmarc_dump(one.text, DmarcStandard::tree_walk), one.record) << one.text;
}

TEST(DmarcRecord, isBounded) {
  std::string uris;
  for (int i = 0; i < 1000; ++i) uris += "mailto:a@x.example,";
  const auto record = DmarcRecord::parse("v=DMARC1;p=none;rua=" + uris.substr(0, 12000), DmarcStandard::rfc7489);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->aggregate.size(), dmarc_most_uris);
  EXPECT_FALSE(DmarcRecord::parse("v=DMARC1;p=none;rua=" + uris, DmarcStandard::rfc7489));
  std::string tags = "v=DMARC1;p=none";
  for (int i = 0; i < 500; ++i) tags += fmt::format(";pct={}x", i);
  EXPECT_LE(DmarcRecord::parse(tags, DmarcStandard::rfc7489)->faults.size(), 20U);
}

TEST(DmarcRecord, everyPrefix) {
  const std::string text = "v=DMARC1; p=reject; sp=none; pct=20; rua=mailto:a@x.example!1k; adkim=s; fo=0:1";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const auto record = DmarcRecord::parse(text.substr(0, size), DmarcStandard::rfc7489);
    EXPECT_EQ(record.has_value(), size >= 18 && !(size >= 23 && size < 27)) << text.substr(0, size);
  }
}

}  // namespace
}  // namespace pabal::mailauth
