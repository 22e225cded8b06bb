#include "delivery/plan.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "delivery/acceptable.hpp"

namespace pabal::delivery {
namespace {

EmailAddress address(std::string_view text) { return *EmailAddress::parse(text); }

account::LocalTarget target(std::int64_t id, std::string_view delivered_to) {
  return {.account = AccountId{id}, .shard = ShardId{1}, .delivered_to = address(delivered_to), .detail = {}};
}

Recipient recipient(std::string_view text, std::vector<account::LocalTarget> targets) {
  return {.address = address(text),
          .local = std::make_shared<const account::LocalRecipient>(
              account::LocalRecipient{.targets = std::move(targets), .remote_targets = {}}),
          .notify = {},
          .orcpt = {}};
}

// A letter from Alice to Bob, to Bob's alias, and to a list that has both.
Letter letter(bool answer_each) {
  Letter out;
  out.id = "0k3x";
  out.sender = address("alice@seoul.example");
  out.recipients.push_back(recipient("bob@busan.example", {target(1, "bob@busan.example")}));
  out.recipients.push_back(recipient("info@busan.example", {target(1, "bob@busan.example")}));
  out.recipients.push_back(
      recipient("all@busan.example", {target(2, "carol@busan.example"), target(1, "bob@busan.example")}));
  out.content.append("Received: x\r\nMessage-ID: <1@seoul.example>\r\n\r\nhello\r\n");
  out.origin = {.session = "s1",
                .protocol = "ESMTPS",
                .client_address = "192.0.2.1",
                .helo = "mail.seoul.example",
                .tls = "TLSv1.3",
                .authenticated = std::nullopt};
  out.answer_each = answer_each;
  return out;
}

constexpr SystemTime kNow{std::chrono::microseconds(1'800'000'000'123'456)};

TEST(Plan, OneCopyForEachAccount) {
  const auto plan = make_plan(letter(false), kNow, nullptr);
  ASSERT_EQ(plan.delivery.targets.size(), 2U);
  EXPECT_EQ(plan.delivery.targets[0].place.account, AccountId{1});
  EXPECT_EQ(plan.delivery.targets[0].recipient, "bob@busan.example");
  EXPECT_EQ(plan.delivery.targets[0].prefix,
            "Return-Path: <alice@seoul.example>\r\nDelivered-To: bob@busan.example\r\n");
  EXPECT_EQ(plan.delivery.targets[1].recipient, "all@busan.example");
  EXPECT_EQ(plan.targets_of, (std::vector<std::vector<std::size_t>>{{0}, {0}, {1, 0}}));
  EXPECT_EQ(plan.delivery.id, "0k3x");
  EXPECT_EQ(plan.delivery.sender, "alice@seoul.example");
  EXPECT_TRUE(plan.delivery.retry_locally);
  EXPECT_FALSE(make_plan(letter(true), kNow, nullptr).delivery.retry_locally);
}

TEST(Plan, NullSender) {
  auto bounce = letter(false);
  bounce.sender = std::nullopt;
  const auto plan = make_plan(std::move(bounce), kNow, nullptr);
  EXPECT_EQ(plan.delivery.sender, "");
  EXPECT_TRUE(plan.delivery.targets[0].prefix.starts_with("Return-Path: <>\r\n"));
}

TEST(Plan, Trace) {
  auto odd = letter(false);
  odd.origin.helo = "\xFF\"\n";
  const auto plan = make_plan(std::move(odd), kNow, nullptr);
  EXPECT_EQ(plan.delivery.trace,
            R"({"event":"delivery","id":"0k3x","session":"s1","time":"2027-01-15T08:00:00.123Z","client":"192.0.2.1",)"
            R"("helo":"\\xff\"\\x0a","protocol":"ESMTPS","tls":"TLSv1.3","sender":"alice@seoul.example","recipients":[)"
            R"({"address":"bob@busan.example","targets":[{"account":1,"mailbox":"INBOX"}]},)"
            R"({"address":"info@busan.example","targets":[],"targets_named_above":1},)"
            R"({"address":"all@busan.example","targets":[{"account":2,"mailbox":"INBOX"}],"targets_named_above":1}],)"
            R"("size":53,"message_id":"<1@seoul.example>","outcome":"to the mailboxes"})");
  EXPECT_TRUE(parse_json(plan.delivery.trace));
}

// RFC 8689 §3.
TEST(Plan, TlsRequiredNo) {
  const std::pair<std::string_view, bool> cases[] = {
      {"TLS-Required: No\r\n\r\n", true},
      {"From: x\r\ntls-required:no\r\n", true},
      {"TLS-Required:\r\n NO \r\n\r\n", true},
      {"TLS-Required: Yes\r\n\r\n", false},
      {"TLS-Required:\r\n\r\n", false},
      {"TLS-Required: No\r\nTLS-Required: No\r\n\r\n", false},
      {"TLS-Required: No\r\nTLS-Required: Yes\r\n\r\n", false},
      {"X-TLS-Required: No\r\n\r\nTLS-Required: No\r\n", false},
      {"", false},
  };
  for (const auto& [message, waived] : cases) EXPECT_EQ(waives_tls(message), waived) << message;
}

TEST(Plan, MessageIds) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"Message-ID: <a@b>\r\n\r\n", "<a@b>"},
      {"From: x\r\nMESSAGE-id:<a@b>\r\n", "<a@b>"},
      {"Message-ID:\r\n <a@b>\r\n\r\n", "<a@b>"},
      {"Message-ID:\r\n\t(comment)\r\n <a@b> \r\n\r\n", "<a@b>"},
      {"Message-ID: odd one \r\n\r\n", "odd one"},
      {"Message-ID: <open\r\n\r\n", "<open"},
      {"Message-ID:\r\n\r\n", ""},
      {"Message-ID:", ""},
      {"Message-ID", ""},
      {"X: Message-ID: <a@b>\r\n\r\nMessage-ID: <body@b>\r\n", ""},
      {"\r\nMessage-ID: <body@b>\r\n", ""},
      {"Message-ID: <1@b>\r\nMessage-ID: <2@b>\r\n", "<1@b>"},
      {"", ""},
  };
  for (const auto& [message, id] : cases) {
    EXPECT_EQ(message_id(message), id) << message;
    for (std::size_t n = 0; n < message.size(); ++n) EXPECT_LE(message_id(message.substr(0, n)).size(), n);
  }
  EXPECT_EQ(message_id("Message-ID: <" + std::string(5000, 'a') + ">\r\n").size(), 998U);
}

store::TargetOutcome stored() { return {.result = store::Delivered{}}; }
store::TargetOutcome failed(ErrorKind kind, bool queued = false) {
  return {.result = fail(kind, std::string(name_of(kind))), .queued = queued};
}

std::string dump(const Answer& answer) {
  std::string out;
  for (const auto& result : answer.results) {
    if (!out.empty()) out += " ";
    out += result ? "ok" : std::string(name_of(result.error().kind));
  }
  return out;
}

// A thousand recipients that lead to the same thousand mailboxes.
TEST(Plan, ManyRecipientsOfTheSameMailboxesStaySmall) {
  account::LocalRecipient everybody;
  for (int id = 1; id <= 1000; ++id) everybody.targets.push_back(target(id, "bob@busan.example"));
  const auto shared = std::make_shared<const account::LocalRecipient>(std::move(everybody));
  auto many = letter(false);
  many.recipients.clear();
  for (int i = 0; i < 1000; ++i) {
    many.recipients.push_back({.address = address("list@busan.example"), .local = shared, .notify = {}, .orcpt = {}});
  }
  const auto plan = make_plan(std::move(many), kNow, nullptr);
  EXPECT_EQ(plan.delivery.targets.size(), 1000U);
  EXPECT_LT(plan.delivery.trace.size(), 200'000U);
  EXPECT_NE(plan.delivery.trace.find(R"({"address":"list@busan.example","targets":[],"targets_named_above":1000})"),
            std::string::npos);
}

// Recipients elsewhere go to the queue: as they are where somebody writes to them, under an address of ours where an
// alias sends on.
TEST(Plan, ThoseElsewhere) {
  auto out = letter(false);
  out.recipients.erase(out.recipients.begin() + 1, out.recipients.end());
  out.recipients.push_back(
      {.address = address("carl@daegu.example"), .local = nullptr, .notify = "SUCCESS", .orcpt = "rfc822;c"});
  out.recipients.push_back({.address = address("carl@daegu.example"), .local = nullptr, .notify = {}, .orcpt = {}});
  out.recipients.push_back({.address = address("x@[192.0.2.9]"), .local = nullptr, .notify = {}, .orcpt = {}});
  account::LocalRecipient list{.targets = {target(2, "dora@busan.example")},
                               .remote_targets = {address("carl@daegu.example"), address("eve@jeju.example")}};
  out.recipients.push_back({.address = address("list@busan.example"),
                            .local = std::make_shared<const account::LocalRecipient>(std::move(list)),
                            .notify = {},
                            .orcpt = {}});
  account::LocalRecipient wide{.targets = {}, .remote_targets = {address("zoe@jeju.example")}};
  out.recipients.push_back({.address = address("\xea\xb0\x80@busan.example"),
                            .local = std::make_shared<const account::LocalRecipient>(std::move(wide)),
                            .notify = {},
                            .orcpt = {}});
  out.origin.authenticated = AccountId{9};
  out.terms.priority = 2;
  out.content.append("\xea\xb0\x80\r\n");
  const account::Srs srs("secret");
  const auto plan = make_plan(std::move(out), kNow, &srs);
  EXPECT_EQ(plan.delivery.targets.size(), 2);
  EXPECT_EQ(plan.delivery.terms.account, AccountId{9});
  EXPECT_EQ(plan.delivery.terms.priority, 2);
  EXPECT_EQ(plan.delivery.terms.form, store::ContentForm::eight_bit);
  std::string text;
  for (const auto& one : plan.delivery.remote) {
    const bool rewritten = one.reverse_path && one.reverse_path->starts_with("SRS0=") &&
                           one.reverse_path->ends_with("=seoul.example=alice@busan.example");
    text += fmt::format("{} {} {} {} {}\n", one.address, one.destination,
                        rewritten ? "srs" : one.reverse_path.value_or("-"), one.notify, one.original_recipient);
  }
  EXPECT_EQ(text,
            "carl@daegu.example daegu.example - SUCCESS rfc822;c\n"
            "x@[192.0.2.9] [192.0.2.9] -  \n"
            "carl@daegu.example daegu.example srs  rfc822;list@busan.example\n"
            "eve@jeju.example jeju.example srs  rfc822;list@busan.example\n"
            "zoe@jeju.example jeju.example srs  utf-8;\xea\xb0\x80@busan.example\n");
  EXPECT_NE(plan.delivery.trace.find(R"("forwarded_to":["carl@daegu.example","eve@jeju.example"])"), std::string::npos);
  EXPECT_NE(plan.delivery.trace.find("to the mailboxes and the queue"), std::string::npos);
  auto bounce = letter(false);
  bounce.sender = std::nullopt;
  bounce.recipients[0].local = std::make_shared<const account::LocalRecipient>(
      account::LocalRecipient{.targets = {}, .remote_targets = {address("x@y.example")}});
  bounce.recipients.erase(bounce.recipients.begin() + 1, bounce.recipients.end());
  const auto null = make_plan(std::move(bounce), kNow, &srs);
  EXPECT_EQ(null.delivery.remote.at(0).reverse_path, std::nullopt);
  EXPECT_EQ(null.delivery.terms.form, store::ContentForm::seven_bit);
}

TEST(Plan, SmtpUtf8WhereTheHeaderNeedsIt) {
  const auto queued = [](bool declared, std::string_view header, std::string_view body) {
    auto out = letter(false);
    out.recipients = {{.address = address("carl@daegu.example"), .local = nullptr, .notify = {}, .orcpt = {}}};
    out.smtputf8 = declared;
    out.content.cut(0, static_cast<std::size_t>(out.content.size()));
    out.content.append(header);
    out.content.append(body);
    return make_plan(std::move(out), kNow, nullptr).delivery.smtputf8;
  };
  constexpr std::string_view kKorean = "\xea\xb0\x80\r\n";
  const auto part = fmt::format("--b\r\nContent-Description: {}\r\n--b--\r\n", kKorean);
  EXPECT_FALSE(queued(true, "Subject: x\r\n\r\n", "all ASCII\r\n"));
  EXPECT_FALSE(queued(true, "Subject: x\r\n\r\n", kKorean));
  EXPECT_TRUE(queued(true, "Subject: \xea\xb0\x80\r\n\r\n", "hello\r\n"));
  EXPECT_FALSE(queued(false, "Subject: \xea\xb0\x80\r\n\r\n", "hello\r\n")) << "it was never said";
  EXPECT_TRUE(queued(true, "Content-Type: multipart/mixed; boundary=b\r\n\r\n", part));
  EXPECT_FALSE(queued(true, "Content-Type: text/plain\r\n\r\n", part)) << "a body that looks like parts";
  EXPECT_TRUE(queued(true, "Content-Type: message/rfc822\r\n\r\n", "Subject: \xea\xb0\x80\r\n\r\n"));
}

TEST(Plan, Answers) {
  const auto smtp = make_plan(letter(false), kNow, nullptr);
  const auto lmtp = make_plan(letter(true), kNow, nullptr);
  const auto both = [&](std::vector<store::TargetOutcome> outcomes) {
    const Result<std::vector<store::TargetOutcome>> result(std::move(outcomes));
    return dump(make_answer(smtp, result)) + " | " + dump(make_answer(lmtp, result));
  };
  EXPECT_EQ(both({stored(), stored()}), "ok | ok ok ok");
  EXPECT_EQ(both({stored(), failed(ErrorKind::busy, true)}), "ok | ok ok ok");
  EXPECT_EQ(both({failed(ErrorKind::quota, true), stored()}), "ok | ok ok ok");
  EXPECT_EQ(both({stored(), failed(ErrorKind::quota)}), "quota | ok ok quota");
  EXPECT_EQ(both({failed(ErrorKind::busy), stored()}), "busy | busy busy busy");
  EXPECT_EQ(both({failed(ErrorKind::quota), failed(ErrorKind::busy)}), "busy | quota quota busy");
  EXPECT_EQ(both({failed(ErrorKind::busy), failed(ErrorKind::not_found)}), "busy | busy busy busy");
  const Result<std::vector<store::TargetOutcome>> broken(fail(ErrorKind::io, "disk"));
  EXPECT_EQ(dump(make_answer(smtp, broken)), "io");
  EXPECT_EQ(dump(make_answer(lmtp, broken)), "io io io");
}

TEST(Acceptable, Table) {
  const auto verdict = [](account::Resolution resolution) {
    const auto accepted = acceptable(std::make_shared<const account::Resolution>(std::move(resolution)), {});
    return accepted ? std::to_string((*accepted)->targets.size()) : std::string(name_of(accepted.error().kind));
  };
  EXPECT_EQ(verdict(account::LocalRecipient{.targets = {target(1, "a@b.example")}, .remote_targets = {}}), "1");
  EXPECT_EQ(verdict(account::LocalRecipient{.targets = {target(1, "a@b.example")},
                                            .remote_targets = {address("x@y.example")}}),
            "policy");
  EXPECT_EQ(verdict(account::LocalRecipient{}), "not_found");
  EXPECT_EQ(verdict(account::NotOurDomain{}), "policy");
  EXPECT_EQ(verdict(account::UnknownRecipient{}), "not_found");
  EXPECT_EQ(verdict(account::DisabledRecipient{}), "state");

  const auto with = [](account::Resolution resolution, WaysOut ways) {
    const auto accepted = acceptable(std::make_shared<const account::Resolution>(std::move(resolution)), ways);
    if (!accepted) return std::string(name_of(accepted.error().kind));
    return *accepted ? std::to_string((*accepted)->remote_targets.size()) : std::string("elsewhere");
  };
  const account::LocalRecipient outside{.targets = {}, .remote_targets = {address("x@y.example")}};
  EXPECT_EQ(with(outside, {.forwards = true}), "1");
  EXPECT_EQ(with(account::NotOurDomain{}, {.forwards = true}), "policy");
  EXPECT_EQ(with(account::NotOurDomain{}, {.forwards = true, .relays = true}), "elsewhere");
  EXPECT_EQ(with(account::UnknownRecipient{}, {.forwards = true, .relays = true}), "not_found");
}

}  // namespace
}  // namespace pabal::delivery
