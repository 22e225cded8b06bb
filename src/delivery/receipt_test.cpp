#include "delivery/receipt.hpp"

#include <gtest/gtest.h>

namespace pabal::delivery {
namespace {

Recipient recipient(std::string_view text, std::string notify, std::int64_t account) {
  account::LocalRecipient local;
  local.targets.push_back({.account = AccountId{account},
                           .shard = ShardId{1},
                           .delivered_to = *EmailAddress::parse("x@busan.example"),
                           .detail = {}});
  return {.address = *EmailAddress::parse(text),
          .local = std::make_shared<const account::LocalRecipient>(std::move(local)),
          .notify = std::move(notify),
          .orcpt = "rfc822;" + std::string(text)};
}

std::string names(const std::optional<Receipt>& receipt) {
  std::string out;
  if (!receipt) return "nobody";
  for (const auto& one : receipt->recipients) out += one.address + " ";
  return out;
}

Letter letter() {
  Letter out;
  out.id = "0k3x";
  out.sender = EmailAddress::parse("alice@seoul.example").value();
  out.envid = "QQ1";
  out.recipients.push_back(recipient("a@busan.example", "SUCCESS", 1));
  out.recipients.push_back(recipient("b@busan.example", "FAILURE,DELAY", 2));
  out.recipients.push_back(recipient("c@busan.example", "failure,success", 3));
  out.recipients.push_back(recipient("d@busan.example", "", 4));
  out.recipients.push_back(recipient("e@busan.example", "NEVER", 5));
  out.content.append("Subject: x\r\n\r\nhello\r\n");
  return out;
}

TEST(Receipt, ForThoseOfWhomItWasAsked) {
  const auto receipt = wanted_receipt(letter(), SystemTime{});
  EXPECT_EQ(names(receipt), "a@busan.example c@busan.example ");
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->author, "alice@seoul.example");
  EXPECT_EQ(receipt->envelope_id, "QQ1");
  EXPECT_EQ(receipt->head, "Subject: x\r\n\r\n");
  EXPECT_EQ(receipt->recipients[1].original_recipient, "rfc822;c@busan.example");
  EXPECT_FALSE(receipt->require_tls);
  auto secret = letter();
  secret.require_tls = true;
  EXPECT_TRUE(wanted_receipt(secret, SystemTime{})->require_tls);
}

TEST(Receipt, NothingOfSuccessForStrangers) {
  auto strange = letter();
  strange.terms.deliver_by = store::DeliverBy{.time = {}, .returns = true, .traced = true};
  leave_success_untold(strange);
  std::string notify;
  for (const auto& one : strange.recipients) notify += one.notify + " ";
  EXPECT_EQ(notify, "NEVER FAILURE,DELAY failure  NEVER ");
  EXPECT_TRUE(strange.terms.deliver_by->returns);
  EXPECT_FALSE(strange.terms.deliver_by->traced);
  EXPECT_EQ(names(wanted_receipt(strange, SystemTime{})), "nobody");
  EXPECT_TRUE(make_plan(std::move(strange), SystemTime{}, nullptr)
                  .delivery.trace.contains(R"("success_untold":"nobody knows whether)"));
  auto modest = letter();
  modest.recipients.erase(modest.recipients.begin() + 2);
  modest.recipients.erase(modest.recipients.begin());
  leave_success_untold(modest);
  EXPECT_EQ(modest.success_untold, "") << "nobody asked";
}

TEST(Receipt, NeverToTheNullSenderNorForWhatGoesOn) {
  auto bounce = letter();
  bounce.sender.reset();
  EXPECT_EQ(names(wanted_receipt(bounce, SystemTime{})), "nobody");
  auto remote = letter();
  for (auto& one : remote.recipients) one.local.reset();
  EXPECT_EQ(names(wanted_receipt(remote, SystemTime{})), "nobody");
  auto alias = letter();
  auto both = *alias.recipients[0].local;
  both.remote_targets.push_back(*EmailAddress::parse("z@far.example"));
  alias.recipients[0].local = std::make_shared<const account::LocalRecipient>(both);
  EXPECT_EQ(names(wanted_receipt(alias, SystemTime{})), "c@busan.example ");
}

TEST(Receipt, OnlyWhatIsInTheMailboxes) {
  auto receipt = wanted_receipt(letter(), SystemTime{});
  ASSERT_TRUE(receipt);
  const auto plan = make_plan(letter(), SystemTime{}, nullptr);
  std::vector<store::TargetOutcome> outcomes;
  outcomes.reserve(plan.delivery.targets.size());
  for (std::size_t i = 0; i < plan.delivery.targets.size(); ++i) outcomes.push_back({.result = store::Delivered{}});
  EXPECT_TRUE(keep_stored(*receipt, plan, outcomes));
  EXPECT_EQ(names(receipt), "a@busan.example c@busan.example ");
  outcomes[0].result = fail(ErrorKind::quota, "full");
  outcomes[0].queued = true;
  EXPECT_TRUE(keep_stored(*receipt, plan, outcomes));
  EXPECT_EQ(names(receipt), "c@busan.example ");
  outcomes[2].result = fail(ErrorKind::quota, "full");
  EXPECT_FALSE(keep_stored(*receipt, plan, outcomes));
}

}  // namespace
}  // namespace pabal::delivery
