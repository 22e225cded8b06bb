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
  const auto plan = make_plan(letter(false), kNow);
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
  EXPECT_FALSE(make_plan(letter(true), kNow).delivery.retry_locally);
}

TEST(Plan, NullSender) {
  auto bounce = letter(false);
  bounce.sender = std::nullopt;
  const auto plan = make_plan(std::move(bounce), kNow);
  EXPECT_EQ(plan.delivery.sender, "");
  EXPECT_TRUE(plan.delivery.targets[0].prefix.starts_with("Return-Path: <>\r\n"));
}

TEST(Plan, Trace) {
  auto odd = letter(false);
  odd.origin.helo = "\xFF\"\n";
  const auto plan = make_plan(std::move(odd), kNow);
  EXPECT_EQ(plan.delivery.trace,
            R"({"event":"delivery","id":"0k3x","session":"s1","time":"2027-01-15T08:00:00.123Z","client":"192.0.2.1",)"
            R"("helo":"\\xff\"\\x0a","protocol":"ESMTPS","tls":"TLSv1.3","sender":"alice@seoul.example","recipients":[)"
            R"({"address":"bob@busan.example","targets":[{"account":1,"mailbox":"INBOX"}]},)"
            R"({"address":"info@busan.example","targets":[],"targets_named_above":1},)"
            R"({"address":"all@busan.example","targets":[{"account":2,"mailbox":"INBOX"}],"targets_named_above":1}],)"
            R"("size":53,"message_id":"<1@seoul.example>","outcome":"to the mailboxes"})");
  EXPECT_TRUE(parse_json(plan.delivery.trace));
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
  const auto plan = make_plan(std::move(many), kNow);
  EXPECT_EQ(plan.delivery.targets.size(), 1000U);
  EXPECT_LT(plan.delivery.trace.size(), 200'000U);
  EXPECT_NE(plan.delivery.trace.find(R"({"address":"list@busan.example","targets":[],"targets_named_above":1000})"),
            std::string::npos);
}

TEST(Plan, Answers) {
  const auto smtp = make_plan(letter(false), kNow);
  const auto lmtp = make_plan(letter(true), kNow);
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
    const auto accepted = acceptable(std::make_shared<const account::Resolution>(std::move(resolution)));
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
}

}  // namespace
}  // namespace pabal::delivery
