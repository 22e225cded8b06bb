// The keys of domains as an operator handles them: made, published, checked against a DNS, used and replaced.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "admin/domain_records.hpp"
#include "admin/key_pairs.hpp"
#include "admin/service.hpp"
#include "base/async.hpp"
#include "dns/scripted_resolver.hpp"
#include "store/store_fixture.hpp"

namespace pabal::admin {
namespace {

using namespace std::chrono_literals;

template <class T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().log);
  return *std::move(result);
}

constexpr std::string_view zone_start =
    "$ORIGIN x.example.\n$TTL 60\n@ IN SOA ns.x.example. h.x.example. 1 3600 600 86400 60\n";

class DkimTest : public testing::Test {
 protected:
  DkimTest() {
    if (auto opened = store.open(); !opened) throw std::runtime_error(opened.error().log);
    database_ = need(db::sqlite::open(files_, "/data/directory.db"));
    writer_ = need(db::Writer::start(*database_, {}));
    directory_ = need(account::Directory::open(*database_, *writer_, pool_, store.clock, {}));
    authenticator_ = need(account::Authenticator::open(*directory_, *database_, *writer_, pool_, store.clock, random_,
                                                       Log(), metrics_, std::string(32, 'k'), {}));
    keys = need(account::DomainKeys::open(*directory_, *database_, store.clock, std::nullopt));
    service.emplace(*directory_, *authenticator_, *keys, *store,
                    Facts{.hostname = "mail.x.example",
                          .addresses = {"192.0.2.25"},
                          .services = {{"imaps", 993}},
                          .shards = {ShardId{1}},
                          .dkim_algorithms = {account::KeyAlgorithm::rsa_2048, account::KeyAlgorithm::ed25519},
                          .rotation = {.use_after = 1h, .keep_retired = 168h, .rotate_every = 0h}});
    service->ask_dns([this](std::vector<dns::Question> questions) -> Result<std::vector<dns::Answer>> {
      return run_blocking(dns::resolve_all(resolver, std::move(questions)));
    });
  }

  json::value ask(json::object request) {
    auto result = service->execute(request);
    if (!result) return json::string(fmt::format("{}: {}", name_of(result.error().kind), result.error().peer));
    return *std::move(result);
  }
  std::string error(json::object request) {
    const auto result = service->execute(request);
    return result ? "done" : fmt::format("{}: {}", name_of(result.error().kind), result.error().peer);
  }
  /// Each key's selector and state.
  std::string states() {
    std::string out;
    for (const auto& key : ask({{"command", "dkim list"}}).at("keys").as_array()) {
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", key.at("selector").as_string().c_str(),
                         key.at("state").as_string().c_str());
    }
    return out;
  }
  /// Puts all records that are asked for into the DNS, as a diligent operator does.
  void publish(std::string_view but = "nothing") {
    std::string zone(zone_start);
    const auto records = ask({{"command", "domain dns"}, {"domain", "x.example"}});
    for (const auto& record : records.at("records").as_array()) {
      if (record.at("purpose").as_string() == but) continue;
      zone += fmt::format("{} {} IN {} {}\n", record.at("name").as_string().c_str(), 60,
                          record.at("type").as_string().c_str(), record.at("data").as_string().c_str());
    }
    resolver.set_zone(zone);
  }
  /// "MX there, SPF missing…"
  std::string checked() {
    std::string out;
    const auto records = ask({{"command", "domain dns"}, {"domain", "x.example"}, {"check", true}});
    for (const auto& record : records.at("records").as_array()) {
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", record.at("purpose").as_string().c_str(),
                         record.at("check").as_string().c_str());
    }
    return out;
  }

 private:
  MemoryFileSystem files_;
  SystemRandom random_;
  Metrics metrics_;
  Pool pool_{2, Log()};
  std::unique_ptr<db::Database> database_;

 protected:
  std::unique_ptr<db::Writer> writer_;
  store::TestStore store{files_, 1};
  dns::ScriptedResolver resolver{zone_start};

 private:
  std::unique_ptr<account::Directory> directory_;
  std::unique_ptr<account::Authenticator> authenticator_;

 protected:
  std::unique_ptr<account::DomainKeys> keys;
  std::optional<Service> service;
};

TEST_F(DkimTest, ANewDomainHasKeysThatAreUsedOnceTheyAreSeen) {
  ask({{"command", "domain add"}, {"domain", "x.example"}});
  const auto all = ask({{"command", "dkim list"}, {"domain", "x.example"}}).at("keys").as_array();
  ASSERT_EQ(all.size(), 2U);
  const std::string e(all[0].at("selector").as_string());
  const std::string r(all[1].at("selector").as_string());
  EXPECT_EQ(states(), fmt::format("{} made, {} made", e, r));
  EXPECT_EQ(checked(),
            "MX missing, SPF missing, DKIM missing, DKIM missing, DMARC missing, TLS-RPT missing, "
            "SRV missing, address missing");
  EXPECT_EQ(states(), fmt::format("{} made, {} made", e, r));
  EXPECT_EQ(error({{"command", "dkim use"}, {"domain", "x.example"}, {"selector", r}}),
            fmt::format("state: {}._domainkey.x.example is made: its record was not seen in the DNS, and nobody could "
                        "check what it signs",
                        r));
  publish("SPF");
  EXPECT_EQ(checked(),
            "MX there, SPF missing, DKIM there, DKIM there, DMARC there, TLS-RPT there, SRV there, address there");
  EXPECT_EQ(states(), fmt::format("{} in use, {} in use", e, r));
  EXPECT_EQ(need(keys->signing_keys("x.example")).size(), 2U);
}

TEST_F(DkimTest, AKeyIsReplacedWithoutAGap) {
  ask({{"command", "domain add"}, {"domain", "x.example"}});
  publish();
  ask({{"command", "dkim update"}});
  const auto first = need(keys->signing_keys("x.example"));
  ASSERT_EQ(first.size(), 2U);
  const auto made = ask({{"command", "dkim rotate"}, {"domain", "x.example"}, {"algorithm", "rsa"}});
  const std::string next(made.at("keys").as_array()[0].at("selector").as_string());
  EXPECT_EQ(error({{"command", "dkim rotate"}, {"domain", "x.example"}}),
            fmt::format("exists: {}._domainkey.x.example waits already: publish it, or remove it first", next));
  const auto update = [this] { return json::serialize(ask({{"command", "dkim update"}})); };
  EXPECT_EQ(update(), fmt::format(R"({{"done":[],"missing":[{{"name":"{}._domainkey.x.example.","state":"made",)"
                                  R"("check":"missing"}}]}})",
                                  next));
  publish();
  EXPECT_EQ(update(), fmt::format(R"({{"done":[{{"domain":"x.example","selector":"{}","did":"seen in the DNS"}}],)"
                                  R"("missing":[]}})",
                                  next));
  EXPECT_EQ(need(keys->signing_keys("x.example"))[0].selector, first[0].selector);
  store.clock.advance(1h);
  EXPECT_TRUE(update().contains("used from now on"));
  EXPECT_EQ(need(keys->signing_keys("x.example"))[0].selector, next);
  publish();
  EXPECT_FALSE(checked().contains("missing"));  // the old one's record is still asked for
  store.clock.advance(168h);
  EXPECT_EQ(update(), fmt::format(R"({{"done":[{{"domain":"x.example","selector":"{}","did":"withdrawn"}}],)"
                                  R"("missing":[]}})",
                                  first[0].selector));
  const auto shown = json::serialize(ask({{"command", "domain dns"}, {"domain", "x.example"}}));
  EXPECT_TRUE(shown.contains(first[0].selector + "._domainkey.x.example. was withdrawn on ")) << shown;
  EXPECT_FALSE(shown.contains(R"({"name":")" + first[0].selector + "._domainkey")) << shown;
  EXPECT_EQ(error({{"command", "dkim remove"}, {"domain", "x.example"}, {"selector", first[0].selector}}), "done");
}

TEST_F(DkimTest, AKeyWhoseRecordIsGoneAgainIsNotUsed) {
  ask({{"command", "domain add"}, {"domain", "x.example"}});
  publish();
  ask({{"command", "dkim update"}});
  const auto first = need(keys->signing_keys("x.example"));
  ask({{"command", "dkim rotate"}, {"domain", "x.example"}});
  publish();
  ask({{"command", "dkim update"}});
  resolver.set_zone(zone_start);
  store.clock.advance(2h);
  for (const auto& request : {json::object{{"command", "dkim update"}},
                              json::object{{"command", "domain dns"}, {"domain", "x.example"}, {"check", true}}}) {
    EXPECT_FALSE(json::serialize(ask(request)).contains("used from now on"));
    EXPECT_EQ(need(keys->signing_keys("x.example"))[0].selector, first[0].selector);
  }
  // Where the DNS doesn't answer, nobody knows.
  for (const auto& key : need(keys->list(std::nullopt))) {
    resolver.fail(key.record_name(), dns::Type::txt, dns::Status::timed_out);
  }
  EXPECT_FALSE(json::serialize(ask({{"command", "dkim update"}})).contains("used from now on"));
}

TEST_F(DkimTest, OneDomainsFaultStopsNoOther) {
  std::string zone(zone_start);
  for (const auto* name : {"a.x.example", "b.x.example"}) {
    ask({{"command", "domain add"}, {"domain", name}});
    for (const auto& key : need(keys->list(need(Domain::parse(name))))) {
      zone += fmt::format("{}. 60 IN {}\n", key.record_name(),
                          "TXT \"" + key.record.substr(0, 200) + "\" \"" +
                              key.record.substr(std::min<std::size_t>(200, key.record.size())) + "\"");
    }
  }
  resolver.set_zone(zone);
  const auto made = writer_->run([](db::Connection& connection) -> Result<void> {
    const auto done = connection.run(
        "CREATE TRIGGER fails BEFORE UPDATE OF used ON domain_key WHEN NEW.domain = 'a.x.example' BEGIN SELECT "
        "RAISE(ABORT, 'no'); END");
    if (!done) return pass(done);
    return {};
  });
  ASSERT_TRUE(made) << made.error().log;
  const auto update = ask({{"command", "dkim update"}});
  EXPECT_EQ(update.at("failed").as_array().size(), 1U);
  EXPECT_EQ(update.at("failed").as_array()[0].at("domain").as_string(), "a.x.example");
  EXPECT_TRUE(need(keys->signing_keys("a.x.example")).empty());
  EXPECT_EQ(need(keys->signing_keys("b.x.example")).size(), 2U);
}

TEST_F(DkimTest, ProposesTheMailboxThatReportsAreReadFrom) {
  const auto x = need(Domain::parse("x.example"));
  const auto shown = [&](std::vector<std::string> mailboxes) {
    std::string out;
    for (const auto& wanted : wanted_records({.hostname = "m.x.example", .report_mailboxes = mailboxes}, x, {})) {
      if (wanted.purpose != RecordPurpose::dmarc && wanted.purpose != RecordPurpose::dmarc_consent &&
          wanted.purpose != RecordPurpose::tls_rpt) {
        continue;
      }
      out += fmt::format("{} {}\n", wanted.name, std::get<dns::Txt>(wanted.record).joined());
    }
    return out;
  };
  EXPECT_EQ(shown({}),
            "_dmarc.x.example. v=DMARC1; p=none; rua=mailto:postmaster@x.example\n"
            "_smtp._tls.x.example. v=TLSRPTv1; rua=mailto:postmaster@x.example\n");
  EXPECT_EQ(shown({"a@y.example", "dmarc!1@x.example", "b@x.example"}),
            "_dmarc.x.example. v=DMARC1; p=none; rua=mailto:dmarc%211@x.example\n"
            "_smtp._tls.x.example. v=TLSRPTv1; rua=mailto:dmarc%211@x.example\n");
  EXPECT_EQ(shown({"a@y.example"}),
            "_dmarc.x.example. v=DMARC1; p=none; rua=mailto:a@y.example\n"
            "x.example._report._dmarc.y.example. v=DMARC1\n"
            "_smtp._tls.x.example. v=TLSRPTv1; rua=mailto:a@y.example\n");
  EXPECT_FALSE(shown({"a@reports.x.example"}).contains("_report"));
  const auto notes = [](const json::value& answer) { return json::serialize(answer.at("notes")); };
  ask({{"command", "domain add"}, {"domain", "x.example"}});
  EXPECT_TRUE(notes(ask({{"command", "domain dns"}, {"domain", "x.example"}})).contains("[reports] mailboxes"));
  service->change_report_mailboxes({"dmarc@x.example"});
  const auto answer = ask({{"command", "domain dns"}, {"domain", "x.example"}});
  EXPECT_FALSE(notes(answer).contains("[reports] mailboxes"));
  EXPECT_TRUE(json::serialize(answer).contains("v=DMARC1; p=none; rua=mailto:dmarc@x.example"));
}

TEST_F(DkimTest, ShowsWhatOthersWroteInPrintableText) {
  ask({{"command", "domain add"}, {"domain", "x.example"}});
  dns::Answer answer;
  answer.status = dns::Status::ok;
  answer.records.emplace_back(dns::Txt{.strings = {"v=spf1 \x1b[2J\xff -all"}});
  resolver.answer("x.example", dns::Type::txt, answer);
  const auto shown = ask({{"command", "domain dns"}, {"domain", "x.example"}, {"check", true}});
  const auto text = json::serialize(shown);
  EXPECT_TRUE(text.contains(R"(v=spf1 \\x1b[2J\\xff -all)")) << text;
}

TEST_F(DkimTest, ADnsThatFailsChangesNothing) {
  ask({{"command", "domain add"}, {"domain", "x.example"}});
  publish();
  const auto all = need(keys->list(std::nullopt));
  for (const auto& key : all) resolver.fail(key.record_name(), dns::Type::txt, dns::Status::timed_out);
  EXPECT_TRUE(checked().contains("DKIM unknown, DKIM unknown"));
  EXPECT_EQ(json::serialize(ask({{"command", "dkim update"}})), R"({"done":[],"missing":[]})");
  EXPECT_TRUE(need(keys->signing_keys("x.example")).empty());
}

TEST_F(DkimTest, RequestsThatAreRefused) {
  ask({{"command", "domain add"}, {"domain", "x.example"}});
  EXPECT_EQ(error({{"command", "dkim keygen"}, {"domain", "y.example"}}), "not_found: no such domain: y.example");
  EXPECT_EQ(error({{"command", "dkim keygen"}, {"domain", "x.example"}, {"algorithm", "rsa-1024"}}),
            "syntax: rsa-1024: expected rsa-2048, rsa-3072, rsa-4096 or ed25519");
  EXPECT_EQ(error({{"command", "dkim keygen"}, {"domain", "x.example"}, {"algorithm", "ed25519"}, {"selector", "a b"}}),
            "syntax: a b: not a selector: expected letters, digits, hyphens and dots");
  EXPECT_EQ(error({{"command", "dkim use"}, {"domain", "x.example"}, {"selector", "none"}}),
            "not_found: x.example has no key with the selector none");
  EXPECT_EQ(error({{"command", "dkim use"}, {"domain", "x.example"}, {"selector", "none"}, {"force", "yes"}}),
            "syntax: force: expected true or false");
  EXPECT_TRUE(error({{"command", "dkim import"}, {"domain", "x.example"}, {"selector", "a"}, {"pem", "nonsense"}})
                  .starts_with("syntax: "));
  EXPECT_EQ(error({{"command", "dkim passphrase"}, {"passphrase", ""}}), "policy: the passphrase is empty");
}

TEST_F(DkimTest, AnImportedKeyIsWhatItWas) {
  ask({{"command", "domain add"}, {"domain", "x.example"}});
  for (const auto algorithm : {account::KeyAlgorithm::rsa_2048, account::KeyAlgorithm::ed25519}) {
    const auto pair = need(make_key_pair(algorithm));
    EXPECT_EQ(need(read_key_pair(pair.private_pem)).record, pair.record);
    const auto name = fmt::format("old-{}", account::name_of(algorithm));
    const auto got =
        ask({{"command", "dkim import"}, {"domain", "x.example"}, {"selector", name}, {"pem", pair.private_pem}});
    EXPECT_EQ(got.at("record").as_string(), pair.record);
    EXPECT_EQ(got.at("algorithm").as_string(), account::name_of(algorithm));
    EXPECT_FALSE(json::serialize(got).contains("PRIVATE"));
  }
}

// What stands in the DNS at the record's name, and what is said of it.
TEST(DomainRecords, HowTheyCompare) {
  const auto x = need(Domain::parse("x.example"));
  const account::DomainKey key{.domain = x,
                               .selector = "s",
                               .algorithm = account::KeyAlgorithm::rsa_2048,
                               .record = "v=DKIM1; k=rsa; p=AAAABBBB",
                               .made = {}};
  const Facts facts{.hostname = "mail.x.example", .addresses = {"192.0.2.25", "2001:db8::1"}};
  struct Row {
    RecordPurpose purpose;
    std::string there;  ///< lines of a zone
    std::string said;
  };
  using P = RecordPurpose;
  const std::vector<Row> table = {
      {P::mx, "@ MX 20 mail", "there"},
      {P::mx, "@ MX 10 other", "differs: 10 other.x.example."},
      {P::mx, "@ MX 10 other\n@ MX 20 mail", "there"},
      {P::spf, "@ TXT \"v=spf1 mx -all\"", "there"},
      {P::spf, "@ TXT \"something else\"\n@ TXT \"v=spf1\" \" mx -all\"", "there"},
      {P::spf, "@ TXT \"v=spf10 mx -all\"", "missing"},
      {P::spf, "@ TXT \"v=spf1 a -all\"", "differs: v=spf1 a -all (make sure that it allows this server)"},
      {P::spf, "@ TXT \"v=spf1 mx -all\"\n@ TXT \"v=spf1 -all\"",
       "differs: v=spf1 mx -all v=spf1 -all (there are several, which counts as none)"},
      {P::dmarc, "_dmarc TXT \"v=DMARC1; p=reject\"", "there: v=DMARC1; p=reject"},
      {P::dmarc, "_dmarc TXT \"v=DMARC1\"",
       "differs: v=DMARC1 (nobody obeys it: it has no p= that says what is wanted)"},
      {P::dmarc, "_dmarc TXT \"v=DMARC1; p=none; adkim=x; rua=a@b.example\"",
       "there: v=DMARC1; p=none; adkim=x; rua=a@b.example (adkim=: it is neither r nor s, so r counts; rua=: one of "
       "its "
       "addresses is no URI)"},
      {P::dmarc, "_dmarc TXT \"v=dmarc1; p=none\"",
       "differs: v=dmarc1; p=none (nobody obeys it: it doesn't begin with v=DMARC1)"},
      {P::tls_rpt, "_smtp._tls TXT \"v=TLSRPTv1;rua=mailto:a@b.example\"", "there: v=TLSRPTv1;rua=mailto:a@b.example"},
      {P::tls_rpt, "_smtp._tls TXT \"v=TLSRPTv1\"",
       "differs: v=TLSRPTv1 (nobody obeys it: it has no rua= that says where reports go)"},
      {P::tls_rpt, "_smtp._tls TXT \"v=TLSRPTv1; rua=a@b.example\"",
       "differs: v=TLSRPTv1; rua=a@b.example (nobody obeys it: rua= names no place that reports could go to)"},
      {P::tls_rpt, "_smtp._tls TXT \"v=TLSRPTv1; rua=https://b.example/,x\"",
       "there: v=TLSRPTv1; rua=https://b.example/,x (rua=: one of its places is neither a mailto: nor an https: URI)"},
      {P::dkim, "s._domainkey TXT \"v=DKIM1; k=rsa; p=AAAA\" \"BBBB\"", "there"},
      {P::dkim, "s._domainkey TXT \"p=AAAA BBBB\"", "there"},
      {P::dkim, "s._domainkey TXT \"v=DKIM1; t=y; k=rsa; p=AAAABBBB; n=mine\"", "there"},
      {P::dkim, "s._domainkey TXT \"v=DKIM1; k=rsa; p=\"", "differs: v=DKIM1; k=rsa; p="},
      {P::dkim, "s._domainkey TXT \"v=DKIM1; k=ed25519; p=AAAABBBB\"", "differs: v=DKIM1; k=ed25519; p=AAAABBBB"},
      {P::dkim, "s._domainkey TXT \"nonsense\"", "differs: nonsense"},
      {P::dkim, "s._domainkey TXT \"p=AAAABBBB\"\ns._domainkey TXT \"p=CCCC\"",
       "differs: p=CCCC (there are several: which one is taken is undefined)"},
      {P::dkim, "other._domainkey TXT \"p=AAAABBBB\"", "missing"},
      {P::address, "mail A 192.0.2.25", "there"},
      {P::address, "mail A 192.0.2.26", "differs: 192.0.2.26"},
  };
  for (const auto& row : table) {
    dns::ScriptedResolver resolver(std::string(zone_start) + row.there + "\n");
    for (const auto& wanted : wanted_records(facts, x, {key})) {
      if (wanted.purpose != row.purpose || dns::type_of(wanted.record) == dns::Type::aaaa) continue;
      const auto check = check_record(
          wanted, run_blocking(resolver.resolve(need(dns::Name::parse(wanted.name)), dns::type_of(wanted.record))));
      std::vector<std::string> others = check.others;
      std::ranges::sort(others, std::greater());
      std::string said(name_of(check.found));
      if (!others.empty()) said += ":";
      for (const auto& other : others) said += " " + other;
      if (!check.why.empty()) said += " (" + check.why + ")";
      EXPECT_EQ(said, row.said) << row.there;
    }
  }
}

TEST(DomainRecords, ALongKeyIsSeveralStrings) {
  const auto pair = need(make_key_pair(account::KeyAlgorithm::rsa_2048));
  const account::DomainKey key{
      .domain = need(Domain::parse("x.example")), .selector = "s", .record = pair.record, .made = {}};
  for (const auto& wanted : wanted_records({.hostname = "mail.x.example"}, key.domain, {key})) {
    if (wanted.purpose != RecordPurpose::dkim) continue;
    const auto& txt = std::get<dns::Txt>(wanted.record);
    EXPECT_EQ(txt.strings.size(), 2U);
    EXPECT_EQ(txt.strings[0].size(), 255U);
    EXPECT_EQ(txt.joined(), pair.record);
    EXPECT_EQ(wanted.name, "s._domainkey.x.example.");
  }
}

}  // namespace
}  // namespace pabal::admin
