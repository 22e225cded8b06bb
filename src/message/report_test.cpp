// DSN, MDN and ARF: written, read back, and read from others.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "message/arf.hpp"
#include "message/dsn.hpp"
#include "message/mdn.hpp"
#include "message/report_fields.hpp"
#include "message/strict_check.hpp"

namespace pabal::message {
namespace {

ReportEnvelope envelope(std::string_view to = "alice@seoul.example") {
  return {.from = {"Mail Delivery", EmailAddress::parse("MAILER-DAEMON@busan.example").value()},
          .to = {"", EmailAddress::parse(to).value()},
          .subject = "배달 실패: Undelivered mail",
          .date = SystemTime(std::chrono::seconds(1'795'318'461)),
          .message_id = "report-1@busan.example",
          .in_reply_to = "letter-1@seoul.example"};
}

std::string written(const Result<OutgoingMessage>& message, HeaderStyle style = HeaderStyle::ascii,
                    Carriage carriage = Carriage::seven_bit) {
  if (!message) return "no: " + message.error().log;
  SeededRandom random(1);
  auto text = message->text(random, {carriage});
  if (!text) return "no: " + text.error().log;
  EXPECT_EQ(
      strict_check(*text, {.utf8_header = style == HeaderStyle::utf8, .eight_bit = carriage != Carriage::seven_bit}),
      std::vector<std::string>())
      << *text;
  return *std::move(text);
}

std::string dump(const TypedValue& value) { return value.empty() ? "-" : value.type + "|" + value.text; }

std::string dump(const RecipientReport& recipient) {
  std::string out =
      fmt::format("{} {} {} {} {} {}", dump(recipient.original_recipient), dump(recipient.final_recipient),
                  name_of(recipient.action), recipient.status, dump(recipient.remote_mta), dump(recipient.diagnostic));
  if (recipient.last_attempt) out += " at " + codec::format_date(recipient.last_attempt->time);
  if (recipient.will_retry_until) out += " until " + codec::format_date(recipient.will_retry_until->time);
  if (!recipient.final_log_id.empty()) out += " log " + recipient.final_log_id;
  for (const auto& field : recipient.others) out += fmt::format(" {}={}", field.name, field.value);
  return out;
}

std::string dump(const DeliveryReport& report) {
  std::string out = fmt::format("{} {} {}", report.envelope_id, dump(report.reporting_mta), dump(report.received_from));
  if (report.arrival) out += " " + codec::format_date(report.arrival->time);
  for (const auto& field : report.others) out += fmt::format(" {}={}", field.name, field.value);
  for (const auto& recipient : report.recipients) out += "\n" + dump(recipient);
  return out;
}

DsnSpec dsn_spec() {
  DsnSpec spec{
      .envelope = envelope(), .human_text = "받는 사람이 없습니다.\nNo such user.\n", .report = {}, .returned = {}};
  spec.report.envelope_id = "QQ314159";
  spec.report.reporting_mta = {"dns", "mail.busan.example"};
  spec.report.received_from = {"dns", "mail.seoul.example"};
  spec.report.arrival = codec::Date{envelope().date, 540, false};
  RecipientReport one;
  one.original_recipient = {"rfc822", "Bob+x@busan.example"};
  one.final_recipient = {"rfc822", "bob@busan.example"};
  one.action = DsnAction::failed;
  one.status = "5.1.1";
  one.remote_mta = {"dns", "mx.busan.example"};
  one.diagnostic = {"smtp", "550-5.1.1 no such user\r\nBcc: x@y 550 갔어요"};
  one.last_attempt = codec::Date{envelope().date, 0, false};
  spec.report.recipients.push_back(one);
  RecipientReport two;
  two.final_recipient = {"utf-8", "영희+a=b@서울.example"};
  two.action = DsnAction::delayed;
  two.status = "4.4.1";
  two.will_retry_until = codec::Date{envelope().date, 0, false};
  two.final_log_id = "abc";
  spec.report.recipients.push_back(two);
  return spec;
}

TEST(Dsn, WrittenAndReadBack) {
  for (const auto style : {HeaderStyle::ascii, HeaderStyle::utf8}) {
    for (const auto kind : {Returned::Kind::none, Returned::Kind::headers, Returned::Kind::message}) {
      DsnSpec spec = dsn_spec();
      spec.returned = {kind, source_of("From: alice@seoul.example\r\nSubject: old\r\n\r\nbody\r\n")};
      const std::string text = written(make_dsn(std::move(spec), style), style,
                                       style == HeaderStyle::utf8 ? Carriage::eight_bit : Carriage::seven_bit);
      const auto tree = parse_mime(text);
      const auto dsn = read_dsn(text, tree);
      ASSERT_TRUE(dsn) << text;
      const std::string_view gone = style == HeaderStyle::utf8 ? "갔어요" : "\\x{AC14}\\x{C5B4}\\x{C694}";
      EXPECT_EQ(
          dump(dsn->report),
          fmt::format("QQ314159 dns|mail.busan.example dns|mail.seoul.example Sun, 22 Nov 2026 03:34:21 +0000\n"
                      "rfc822|Bob+x@busan.example rfc822|bob@busan.example failed 5.1.1 dns|mx.busan.example "
                      "smtp|550-5.1.1 no such user Bcc: x@y 550 {} at Sun, 22 Nov 2026 03:34:21 +0000\n"
                      "- utf-8|영희+a=b@서울.example delayed 4.4.1 - - until Sun, 22 Nov 2026 03:34:21 +0000 log abc",
                      gone))
          << text;
      EXPECT_EQ(dsn->returned.kind, kind);
      if (kind != Returned::Kind::none) EXPECT_TRUE(dsn->returned.octets.starts_with("From: alice")) << text;
      EXPECT_NE(text.find("report-type=delivery-status"), std::string::npos);
      EXPECT_NE(text.find("Auto-Submitted: auto-replied"), std::string::npos);
      const bool global = text.find("message/global-delivery-status") != std::string::npos;
      EXPECT_EQ(global, style == HeaderStyle::utf8);
    }
  }
}

TEST(Dsn, WithoutWhatIsReturned) {
  const std::string head =
      "Subject: no\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
      "--b\r\n\r\nwords\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\n"
      "Final-Recipient: rfc822; b@c\r\nAction: failed\r\nStatus: 5.0.0\r\n";
  const std::string returned = "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: secret\r\n";
  const auto without = [](const std::string& text) {
    return without_returned(text, parse_mime(text)).value_or("as it is");
  };
  EXPECT_EQ(without(head + returned + "--b--\r\n"), head + "--b--\r\n");
  EXPECT_EQ(without(head + returned + returned + "--b--\r\nepilogue"), head + "--b--\r\nepilogue");
  EXPECT_EQ(without(head + returned), head) << "cut short on its way";
  EXPECT_EQ(without(head + "--b--\r\n"), "as it is");
  EXPECT_EQ(without("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + returned + returned + returned), "as it is");
  EXPECT_EQ(without("Subject: x\r\n\r\nwords\r\n"), "as it is");
}

TEST(Dsn, WhatCannotBeWritten) {
  DsnSpec none = dsn_spec();
  none.report.recipients.clear();
  EXPECT_TRUE(written(make_dsn(none, HeaderStyle::ascii)).starts_with("no: "));
  DsnSpec status = dsn_spec();
  status.report.recipients[0].status = "5.1.1\r\nX: y";
  EXPECT_TRUE(written(make_dsn(status, HeaderStyle::ascii)).starts_with("no: "));
  DsnSpec name = dsn_spec();
  name.report.recipients[0].others.push_back({"X\r\nY", "z"});
  EXPECT_TRUE(written(make_dsn(name, HeaderStyle::ascii)).starts_with("no: "));
  DsnSpec long_word = dsn_spec();
  long_word.report.recipients[0].diagnostic = {"smtp", std::string(5'000, 'x')};
  EXPECT_FALSE(written(make_dsn(long_word, HeaderStyle::ascii)).starts_with("no: "));
}

TEST(Dsn, ReadTable) {
  struct Case {
    std::string body;
    std::string expected;
  };
  const Case cases[] = {
      {"", "none"},
      {"Reporting-MTA: dns; a\r\n\r\n", "none"},
      {"Reporting-MTA: dns; a\r\n\r\nFinal-Recipient: rfc822; b@x\r\nAction: failed\r\nStatus: 5.0.0\r\n",
       " dns|a -\n- rfc822|b@x failed 5.0.0 - -"},
      {"Reporting-MTA:dns;a\n\n\nfinal-recipient:RFC822;b@x\naction:Failed (bad)\nstatus:5.1.1 (no user)\n",
       " dns|a -\n- rfc822|b@x failed 5.1.1 - -"},
      // no empty line between the groups
      {"Reporting-MTA: dns; a\nFinal-Recipient: rfc822; b@x\nAction: failed\nStatus: 5.0.0\n",
       " dns|a -\n- rfc822|b@x failed 5.0.0 - -"},
      {"Final-Recipient: b@x\nDiagnostic-Code: smtp; 550\n too\n\tlong\n", " - -\n- |b@x unknown  - smtp|550 too long"},
      {"Original-Recipient: rfc822;b@x\nAction: delivered\nStatus: 2.0.0",
       " - -\nrfc822|b@x rfc822|b@x delivered 2.0.0 - -"},
      {"rubbish\n\nFinal-Recipient: utf-8; \\x{AC00}\\x{2B}@x \nX-More: y\n",
       " - -\n- utf-8|가+@x unknown  - - X-More=y"},
      {"Final-Recipient: utf-8; \\x{D800}\\x{110000}\\x{}\\x{41\n",
       " - -\n- utf-8|\\x{D800}\\x{110000}\\x{}\\x{41 unknown  - -"},
  };
  for (const auto& [body, expected] : cases) {
    const auto report = read_delivery_status(body);
    EXPECT_EQ(report ? dump(*report) : "none", expected) << body;
    for (std::size_t n = 0; n < body.size(); ++n) EXPECT_NO_THROW(auto part = read_delivery_status(body.substr(0, n)));
  }
}

TEST(Dsn, DatesAsServersWriteThem) {
  const auto report = read_delivery_status(
      "Reporting-MTA: dns; x\r\nArrival-Date: 2026-01-05 10:00:00 +0900\r\n\r\n"
      "Final-Recipient: rfc822; a@x\r\nAction: delayed\r\nStatus: 4.0.0\r\n"
      "Last-Attempt-Date: Mon, 5 Jan 2026 10:00:00 AM +0900\r\nWill-Retry-Until: 2026-01-05T10:00:00+09:00\r\n");
  ASSERT_TRUE(report && report->recipients.size() == 1);
  const codec::Date date{SystemTime(std::chrono::seconds(1767574800)), 540, false};
  EXPECT_EQ(report->arrival, date);
  EXPECT_EQ(report->recipients[0].last_attempt, date);
  EXPECT_EQ(report->recipients[0].will_retry_until, date);
}

TEST(Mdn, WrittenAndReadBack) {
  MdnSpec spec{.envelope = envelope(), .human_text = "읽음", .report = {}, .returned = {}};
  spec.report.reporting_ua = "mail.busan.example; Pabal 1";
  spec.report.final_recipient = {"rfc822", "bob@busan.example"};
  spec.report.original_message_id = "letter-1@seoul.example";
  spec.report.disposition = {"manual-action", "mdn-sent-manually", "displayed", {"error", "x-late"}};
  spec.report.errors = {"none of it\r\nX: y"};
  const std::string text = written(make_mdn(spec, HeaderStyle::ascii));
  const auto tree = parse_mime(text);
  const auto mdn = read_mdn(text, tree);
  ASSERT_TRUE(mdn) << text;
  EXPECT_EQ(mdn->report.reporting_ua, spec.report.reporting_ua);
  EXPECT_EQ(mdn->report.final_recipient, spec.report.final_recipient);
  EXPECT_EQ(mdn->report.original_message_id, spec.report.original_message_id);
  EXPECT_EQ(mdn->report.disposition, spec.report.disposition);
  EXPECT_EQ(mdn->report.errors, (std::vector<std::string>{"none of it X: y"}));
  spec.report.final_recipient = {"", "bob@busan.example"};
  spec.report.original_recipient = {"", "밥@busan.example"};
  spec.report.gateway = {"", "gateway.example"};
  const auto untyped = format_disposition_notification(spec.report, HeaderStyle::utf8);
  ASSERT_TRUE(untyped);
  EXPECT_NE(untyped->find("MDN-Gateway: dns; gateway.example\r\n"), std::string::npos) << *untyped;
  EXPECT_NE(untyped->find("Original-Recipient: utf-8; 밥@busan.example\r\n"), std::string::npos) << *untyped;
  EXPECT_NE(untyped->find("Final-Recipient: rfc822; bob@busan.example\r\n"), std::string::npos) << *untyped;
  spec.report.disposition.type = "displayed\r\nX: y";
  EXPECT_TRUE(written(make_mdn(spec, HeaderStyle::ascii)).starts_with("no: "));
}

TEST(Mdn, ReadTable) {
  const auto read = [](std::string_view body) {
    const auto report = read_disposition_notification(body);
    if (!report) return std::string("none");
    std::string out = fmt::format("{}/{};{}", report->disposition.action_mode, report->disposition.sending_mode,
                                  report->disposition.type);
    for (const auto& modifier : report->disposition.modifiers) out += "/" + modifier;
    return out + " " + report->original_message_id;
  };
  EXPECT_EQ(read(""), "none");
  EXPECT_EQ(read("Disposition: manual-action/MDN-sent-manually; displayed\r\nOriginal-Message-ID: <a@b>\r\n"),
            "manual-action/mdn-sent-manually;displayed a@b");
  EXPECT_EQ(read("Disposition: automatic-action/MDN-sent-automatically; deleted/error,x\n"),
            "automatic-action/mdn-sent-automatically;deleted/error/x ");
  EXPECT_EQ(read("Disposition: displayed\n"), "/;displayed ");
  EXPECT_EQ(read("Disposition: ;\n"), "none");
}

// RFC 5965 §3.1, RFC 6591 §3.1 and §3.2: what a report can't be without. The fields of each kind of failure, written as
// they come, are enough, and none of them is too much.
TEST(Arf, NothingThatMustStandInItIsMissing) {
  const std::string head = "Feedback-Type: auth-failure\nUser-Agent: Pabal/1\nVersion: 1\n";
  const std::string results = "Authentication-Results: mx.example; spf=fail\n";
  const std::string dkim = "DKIM-Domain: a.example\nDKIM-Identity: @a.example\nDKIM-Selector: s\n";
  const std::string reports[] = {
      "Feedback-Type: abuse\nUser-Agent: Pabal/1\nVersion: 1\n",
      head + results + "Auth-Failure: bodyhash\n" + dkim,
      head + results + "Auth-Failure: Revoked (long ago)\n" + dkim,
      head + results + "Auth-Failure: signature\n" + dkim,
      head + results + "Auth-Failure: adsp\nDKIM-ADSP-DNS: \"dkim=all\"\n",
      head + results + "Auth-Failure: spf\nSPF-DNS: txt : a.example : \"v=spf1 -all\"\n",
      head + results + "Auth-Failure: dmarc\nIdentity-Alignment: none\n",
  };
  for (const auto& text : reports) {
    const auto whole = read_feedback_report(text);
    ASSERT_TRUE(whole) << text;
    EXPECT_TRUE(format_feedback_report(*whole, HeaderStyle::ascii)) << text;
    for (std::size_t begin = text.find('\n') + 1; begin < text.size();) {
      const std::size_t end = text.find('\n', begin) + 1;
      auto without = read_feedback_report(text.substr(0, begin) + text.substr(end));
      ASSERT_TRUE(without) << text;
      if (text.substr(begin).starts_with("Version:")) without->version.clear();
      EXPECT_FALSE(format_feedback_report(*without, HeaderStyle::ascii)) << text.substr(begin, end - begin) << text;
      begin = end;
    }
    // RFC 6591 §3.1: one method's result.
    auto twice = *whole;
    twice.authentication_results.insert(twice.authentication_results.end(), 2, "mx.example; spf=fail");
    EXPECT_EQ(format_feedback_report(twice, HeaderStyle::ascii).has_value(), whole->type == "abuse");
  }
}

TEST(Arf, DatesAsServersWriteThem) {
  const auto report = read_feedback_report(
      "Feedback-Type: abuse\r\nUser-Agent: x\r\nVersion: 1\r\nArrival-Date: 2026-01-05 10:00:00 +0900\r\n");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->arrival, (codec::Date{SystemTime(std::chrono::seconds(1767574800)), 540, false}));
}

TEST(Arf, WrittenAndReadBack) {
  ArfSpec spec{.envelope = envelope(), .human_text = "A complaint.", .report = {}, .returned = {}};
  spec.report.type = "auth-failure";
  spec.report.user_agent = "Pabal/1";
  spec.report.mail_from = "<alice@seoul.example>";
  spec.report.source_ip = "192.0.2.1";
  spec.report.incidents = 3;
  spec.report.arrival = codec::Date{envelope().date, 0, false};
  spec.report.recipients = {"<bob@busan.example>", "<carol@busan.example>"};
  spec.report.domains = {"seoul.example"};
  spec.report.authentication_results = {"mail.busan.example; dmarc=fail header.from=seoul.example"};
  spec.report.auth_failure = AuthFailure{
      .failure = "dmarc",
      .delivery_result = "reject",
      .dkim_domain = "seoul.example",
      .dkim_identity = {},
      .dkim_selector = "s1",
      .dkim_canonicalized_header = {},
      .dkim_canonicalized_body = std::string(3'000, 'A'),
      .dkim_selector_dns = {},
      .dkim_adsp_dns = {},
      .spf_dns = {R"(txt : seoul.example : "v=spf1 include:mx.example -all")", R"(txt : mx.example : "v=spf1 -all")"},
      .identity_alignment = "none"};
  spec.returned = {Returned::Kind::message, source_of("From: alice@seoul.example\r\n\r\nbuy\r\n")};
  const std::string text = written(make_arf(spec, HeaderStyle::ascii));
  const auto tree = parse_mime(text);
  const auto arf = read_arf(text, tree);
  ASSERT_TRUE(arf) << text;
  EXPECT_EQ(arf->report.type, "auth-failure");
  EXPECT_EQ(arf->report.mail_from, "<alice@seoul.example>");
  EXPECT_EQ(arf->report.incidents, 3U);
  EXPECT_EQ(arf->report.recipients, spec.report.recipients);
  EXPECT_EQ(arf->report.arrival, spec.report.arrival);
  ASSERT_TRUE(arf->report.auth_failure);
  EXPECT_EQ(arf->report.auth_failure->failure, "dmarc");
  EXPECT_EQ(arf->report.auth_failure->spf_dns, spec.report.auth_failure->spf_dns);
  EXPECT_EQ(arf->returned.kind, Returned::Kind::message);
  // RFC 5965 §2 d.
  spec.returned = {};
  EXPECT_EQ(make_arf(spec, HeaderStyle::ascii).error().kind, ErrorKind::syntax);
  EXPECT_FALSE(read_feedback_report("Version: 1\n"));
  EXPECT_EQ(read_feedback_report("Feedback-Type: Abuse\nRemoval-Recipient: x@y\n")->recipients.size(), 1U);
}

// What only looks like an escape stays what it is, also written and read again (RFC 6533 §3).
TEST(Reports, AnAddressThatLooksEscapedIsReadAsItIs) {
  for (const std::string text : {"\\x{AC00}@x", "\\x{}@x", "a\\b@x",
                                 "\\x{\xEF\xBB\xBF"
                                 "AC00}@x"}) {
    for (const auto style : {HeaderStyle::utf8, HeaderStyle::ascii}) {
      const auto written = format_typed({"utf-8", text}, style);
      const auto read = read_typed(written);
      EXPECT_EQ(format_typed(read, style), written);
      if (text.find('\xEF') == std::string::npos) EXPECT_EQ(read.text, text) << written;
    }
  }
}

}  // namespace
}  // namespace pabal::message
