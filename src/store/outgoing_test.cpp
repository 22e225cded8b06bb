// Letters on their way out, on both engines: rows that commit with the delivery, claims, outcomes with their notices,
// what an operator does, traces.
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "store/store_case.hpp"

namespace pabal::store {
namespace {

using namespace std::chrono_literals;

class StoreOutgoing : public StoreFixture, public testing::WithParamInterface<Engine> {
 protected:
  StoreOutgoing() : StoreFixture(2) {
    if (GetParam() == Engine::postgresql) store.use(postgres);
  }

  static RemoteRecipient to(const std::string& address) {
    return {.address = address, .destination = address.substr(address.find('@') + 1)};
  }
  Delivery letter(std::string id, std::vector<RemoteRecipient> remote, std::vector<DeliveryTarget> targets = {}) {
    auto made = store.letter(std::move(id), "Subject: x\r\n\r\nhello\r\n", std::move(targets));
    made.remote = std::move(remote);
    return made;
  }
  void send(Delivery delivery) {
    auto outcomes = store.deliver(std::move(delivery));
    ASSERT_TRUE(outcomes) << outcomes.error().log;
  }
  /// "busan.example 0", what is due, and the rest as "next +60".
  std::string due(std::size_t at_most = 100) {
    std::string text;
    std::optional<DestinationCursor> at;
    std::optional<SystemTime> next;
    do {
      auto found = store.run(store->due_destinations(at, at_most));
      if (!found) return found.error().log;
      for (const auto& one : found->due) text += fmt::format("{}/{} ", one.destination, one.shard.value);
      if (found->next) next = std::min(next.value_or(*found->next), *found->next);
      at = found->go_on;
    } while (at);
    if (next) text += fmt::format("+{}", (*next - store.clock.now()) / 1s);
    return text;
  }
  std::vector<OutgoingLetter> claim(const std::string& destination, std::size_t at_most = 100, int shard = 1) {
    auto claimed = store.run(
        store->claim_outgoing(ShardId{shard}, destination, at_most, store.clock.now() + std::chrono::minutes(10)));
    EXPECT_TRUE(claimed) << claimed.error().log;
    return claimed ? std::move(*claimed) : std::vector<OutgoingLetter>();
  }
  static std::string text_of(const std::vector<OutgoingLetter>& letters) {
    std::string text;
    for (const auto& letter : letters) {
      text += fmt::format("{}<{}>", letter.id, letter.sender);
      for (const auto& recipient : letter.recipients)
        text += fmt::format(" {}:{}", recipient.address, recipient.attempts);
      text += "; ";
    }
    return text;
  }
  void settle(AttemptOutcome outcome, int shard = 1) {
    std::vector<AttemptOutcome> all;
    all.push_back(std::move(outcome));
    auto done = store.run(store->settle(ShardId{shard}, std::move(all)));
    ASSERT_TRUE(done) << done.error().log;
  }
  static RecipientOutcome end(const OutgoingLetter& letter, AttemptEnd how, std::size_t at = 0) {
    return {.number = letter.recipients.at(at).number, .end = how};
  }
  std::size_t rows() { return store->queue_rows()->size(); }
  Notice bounce(const OutgoingLetter& letter, std::string id = "bounce1") {
    Notice notice;
    notice.id = std::move(id);
    notice.content = "Subject: returned\r\n\r\nsorry\r\n";
    for (const auto& recipient : letter.recipients) notice.about.push_back(recipient.number);
    notice.trace = R"({"event":"notice"})";
    return notice;
  }

  PostgresTestEngine postgres;
};

TEST_P(StoreOutgoing, ALetterForBothWays) {
  send(letter("a", {to("bob@busan.example"), to("carl@busan.example"), to("dora@daegu.example")},
              {TestStore::target(1)}));
  EXPECT_EQ(store.read(1)->size(), 1);
  EXPECT_EQ(due(), "busan.example/1 daegu.example/1 ");
  auto claimed = claim("busan.example");
  EXPECT_EQ(text_of(claimed), "a<sender@example.net> bob@busan.example:0 carl@busan.example:0; ");
  EXPECT_EQ(due(), "daegu.example/1 +600");
  EXPECT_TRUE(claim("busan.example").empty());
  auto opened = store.run(store->open_outgoing(ShardId{1}, "a"));
  ASSERT_TRUE(opened) << opened.error().log;
  EXPECT_EQ(*store.run((*opened)->read(0, 1000)), "Subject: x\r\n\r\nhello\r\n");
  opened->reset();

  const auto& one = claimed.front();
  settle({.delivery_id = "a",
          .recipients = {end(one, AttemptEnd::delivered),
                         {.number = one.recipients[1].number,
                          .end = AttemptEnd::postponed,
                          .next = store.clock.now() + 30min,
                          .why = "450 later"}},
          .trace = R"({"host":"mx.busan.example"})"});
  EXPECT_EQ(rows(), 2);
  store.clock.advance(30min);
  reopen();
  claimed = claim("busan.example");
  EXPECT_EQ(text_of(claimed), "a<sender@example.net> carl@busan.example:1; ");
  EXPECT_EQ(claimed.front().recipients.front().last_error, "450 later");
  settle({.delivery_id = "a", .recipients = {end(claimed.front(), AttemptEnd::delivered)}});
  claimed = claim("daegu.example");
  settle({.delivery_id = "a", .recipients = {end(claimed.front(), AttemptEnd::failed)}});
  EXPECT_EQ(rows(), 0);
  EXPECT_FALSE(store.run(store->open_outgoing(ShardId{1}, "a")));
  EXPECT_NE(store->traces("a")->front().find(R"("attempts":[{"host":"mx.busan.example"}])"), std::string::npos);
  EXPECT_EQ(store.check(), "");
}

TEST_P(StoreOutgoing, TermsComeBack) {
  auto made = letter("a", {to("bob@busan.example")});
  made.remote.front().reverse_path = "SRS0=x@seoul.example";
  made.remote.front().notify = "SUCCESS";
  made.remote.front().original_recipient = "rfc822;b@x";
  made.envelope_id = "E1";
  made.ret = "HDRS";
  made.smtputf8 = true;
  made.terms = {.account = AccountId{7},
                .form = ContentForm::eight_bit,
                .priority = -3,
                .deliver_by = DeliverBy{store.clock.now() + 1h, true, true}};
  const auto predicted = outgoing_letters(made, ShardId{1}, store.clock.now());
  send(std::move(made));
  const auto claimed = claim("busan.example");
  ASSERT_EQ(claimed.size(), 1);
  const auto& one = claimed.front();
  EXPECT_EQ(one.sender, "SRS0=x@seoul.example");
  EXPECT_EQ(one.author, "sender@example.net");
  EXPECT_EQ(one.account.value, 7);
  EXPECT_EQ(one.envelope_id + one.ret, "E1HDRS");
  EXPECT_TRUE(one.smtputf8);
  EXPECT_EQ(one.form, ContentForm::eight_bit);
  EXPECT_EQ(one.priority, -3);
  ASSERT_TRUE(one.deliver_by);
  EXPECT_EQ(one.deliver_by->time, store.clock.now() + 1h);
  EXPECT_TRUE(one.deliver_by->returns && one.deliver_by->traced);
  EXPECT_EQ(one.recipients.front().notify, "SUCCESS");
  // What a worker is handed with the delivery is what it would have claimed.
  ASSERT_EQ(predicted.size(), 1);
  EXPECT_EQ(predicted.front().recipients, one.recipients);
  EXPECT_EQ(predicted.front().sender, one.sender);
  EXPECT_EQ(predicted.front().size, one.size);
}

TEST_P(StoreOutgoing, WhenItIsDue) {
  auto later = letter("later", {to("a@later.example")});
  later.terms.not_before = store.clock.now() + 2h;
  send(std::move(later));
  auto taken = letter("taken", {to("a@taken.example")});
  taken.claim_until = store.clock.now() + 10min;
  send(std::move(taken));
  send(letter("bulk", {to("a@busan.example")}));
  auto urgent = letter("urgent", {to("b@busan.example")});
  urgent.terms.priority = 4;
  send(std::move(urgent));
  EXPECT_EQ(due(), "busan.example/1 +600");
  EXPECT_EQ(text_of(claim("busan.example", 1)), "urgent<sender@example.net> b@busan.example:0; ");
  EXPECT_EQ(due(1), "busan.example/1 +600");
  store.clock.advance(10min);
  EXPECT_EQ(due(), "busan.example/1 taken.example/1 +6600");
  claim("taken.example");
  // A worker that starts anew has no claims.
  ASSERT_TRUE(store.run(store->forget_claims(10min)));
  EXPECT_EQ(due(), "busan.example/1 taken.example/1 +6600");
  store.clock.advance(2h);
  const auto claimed = claim("later.example");
  ASSERT_EQ(claimed.size(), 1);
  EXPECT_EQ(claimed.front().begins - claimed.front().arrived, 2h);
}

// RFC 4865: nobody has it before its time, whichever shard he lives in.
TEST_P(StoreOutgoing, AHeldLetterGoesNowhereYet) {
  auto made = letter("a", {to("bob@busan.example")}, {TestStore::target(1), TestStore::target(2, "INBOX", 2)});
  made.terms.not_before = store.clock.now() + 2h;
  send(std::move(made));
  EXPECT_EQ(rows(), 3);
  EXPECT_EQ(store.read(1)->size(), 0);
  EXPECT_EQ(due(), "+7200");
  store.clock.advance(2h);
  auto local = store.run(store->due_local(10, std::chrono::minutes(1)));
  ASSERT_TRUE(local);
  ASSERT_EQ(local->size(), 2);
  EXPECT_EQ(local->front().arrived, store.clock.now()) << "from which its age counts";
  for (auto& waiting : *local) EXPECT_TRUE(store.run(store->retry_local(waiting)));
  EXPECT_EQ(store.read(1)->size(), 1);
  EXPECT_EQ(store.read(2, "INBOX", 2)->size(), 1);
  EXPECT_EQ(due(), "busan.example/1 ");
}

TEST_P(StoreOutgoing, ABounceGoesInWithTheEndAndOnlyOnce) {
  send(letter("a", {to("bob@busan.example")}));
  const auto claimed = claim("busan.example");
  ASSERT_EQ(claimed.size(), 1);
  AttemptOutcome outcome{.delivery_id = "a", .recipients = {end(claimed.front(), AttemptEnd::failed)}};
  outcome.notices = {bounce(claimed.front())};
  outcome.notices.front().local = TestStore::target(2);
  settle(outcome);
  settle(outcome);  // said again, as after a commit in doubt
  ASSERT_EQ(store.read(2)->size(), 1);
  EXPECT_NE(store.read(2)->at(1).find("sorry"), std::string::npos);
  EXPECT_EQ(rows(), 0);
  EXPECT_EQ(store->traces("bounce1")->size(), 1);
  maintain();
  reopen();
  EXPECT_EQ(store.read(2)->size(), 1);
}

TEST_P(StoreOutgoing, BouncesForElsewhereAndForThoseWhoHaveNoRoom) {
  ASSERT_TRUE(store->set_quota(TestStore::place(2), 0));
  send(letter("a", {to("bob@busan.example"), to("c@busan.example"), to("d@busan.example")}));
  const auto claimed = claim("busan.example");
  ASSERT_EQ(claimed.size(), 1);
  const auto& one = claimed.front();
  AttemptOutcome outcome{.delivery_id = "a",
                         .recipients = {end(one, AttemptEnd::failed, 0), end(one, AttemptEnd::failed, 1),
                                        end(one, AttemptEnd::failed, 2)}};
  outcome.notices = {bounce(one, "b1"), bounce(one, "b2"), bounce(one, "b3")};
  outcome.notices[0].local = TestStore::target(2);              // full
  outcome.notices[1].local = TestStore::target(2, "INBOX", 2);  // in another shard
  outcome.notices[2].remote = to("alice@daejeon.example");
  settle(outcome);
  EXPECT_EQ(rows(), 3);
  EXPECT_EQ(store.check(), "");
  EXPECT_EQ(text_of(claim("daejeon.example")), "b3<> alice@daejeon.example:0; ");
  ASSERT_TRUE(store->set_quota(TestStore::place(2), std::nullopt));
  auto local = store.run(store->due_local(10, std::chrono::minutes(1)));
  ASSERT_TRUE(local);
  ASSERT_EQ(local->size(), 2);
  for (auto& waiting : *local) EXPECT_TRUE(store.run(store->retry_local(waiting)));
  EXPECT_EQ(store.read(2)->size(), 1);
  EXPECT_EQ(store.read(2, "INBOX", 2)->size(), 1);
  EXPECT_EQ(rows(), 1);
}

TEST_P(StoreOutgoing, AWarningIsGivenOnce) {
  send(letter("a", {to("bob@busan.example")}));
  for (int i = 0; i < 2; ++i) {
    const auto claimed = claim("busan.example");
    ASSERT_EQ(claimed.size(), 1);
    EXPECT_EQ(claimed.front().recipients.front().warned, i == 1);
    AttemptOutcome outcome{.delivery_id = "a", .recipients = {end(claimed.front(), AttemptEnd::postponed)}};
    outcome.recipients.front().next = store.clock.now();
    outcome.notices = {bounce(claimed.front(), fmt::format("w{}", i))};
    outcome.notices.front().warns = true;
    outcome.notices.front().local = TestStore::target(2);
    settle(std::move(outcome));
  }
  EXPECT_EQ(store.read(2)->size(), 1);
}

TEST_P(StoreOutgoing, WhatTheOperatorDoes) {
  send(letter("a", {to("bob@busan.example")}));
  send(letter("b", {to("bob@busan.example")}));
  auto claimed = claim("busan.example");
  ASSERT_EQ(claimed.size(), 2);
  // What is being tried isn't given out a second time.
  EXPECT_EQ(*store->change_queue("a", Store::QueueAction::retry), 1);
  EXPECT_EQ(due(), "+600");
  EXPECT_EQ(*store->change_queue("b", Store::QueueAction::hold), 1);
  for (const auto& one : claimed) {
    AttemptOutcome outcome{.delivery_id = one.id, .recipients = {end(one, AttemptEnd::postponed)}};
    outcome.recipients.front().next = store.clock.now() + 30min;
    settle(std::move(outcome));
  }
  EXPECT_EQ(due(), "+1800");
  EXPECT_EQ(*store->change_queue("a", Store::QueueAction::retry), 1);
  EXPECT_EQ(text_of(claim("busan.example")), "a<sender@example.net> bob@busan.example:1; ");
  EXPECT_EQ(*store->change_queue("b", Store::QueueAction::release), 1);
  EXPECT_EQ(text_of(claim("busan.example")), "b<sender@example.net> bob@busan.example:1; ");
  EXPECT_EQ(*store->change_queue("a", Store::QueueAction::drop), 1);
  EXPECT_EQ(*store->change_queue("b", Store::QueueAction::drop), 1);
  // The attempt that was under way finds nothing to say it of.
  settle({.delivery_id = "a", .recipients = {end(claimed.front(), AttemptEnd::delivered)}});
  EXPECT_EQ(rows(), 0);
}

TEST_P(StoreOutgoing, Lists) {
  auto first = letter("a", {to("bob@busan.example"), to("x@daegu.example")});
  first.sender = "alice@seoul.example";
  send(std::move(first));
  store.clock.advance(1h);
  send(letter("b", {to("bob@busan.example")}));
  const auto ids = [&](const QueueFilter& filter) {
    std::string text;
    auto found = store->queue_rows(filter);
    if (!found) return found.error().log;
    for (const auto& row : *found) text += std::string(parse_json(row)->at("id").as_string()) + " ";
    return text;
  };
  EXPECT_EQ(ids({}), "a a b ");
  EXPECT_EQ(ids({.destination = "busan.example"}), "a b ");
  EXPECT_EQ(ids({.sender = "alice@seoul.example"}), "a a ");
  EXPECT_EQ(ids({.sender = "@seoul.example"}), "a a ");
  EXPECT_EQ(ids({.sender = "@s%.example"}), "");
  EXPECT_EQ(ids({.recipient = "x@daegu.example"}), "a ");
  EXPECT_EQ(ids({.arrived_before = store.clock.now() - 30min}), "a a ");
  EXPECT_EQ(ids({.held = true}), "");
  EXPECT_EQ(ids({.at_most = 1}), "a ");
  EXPECT_EQ(store->queue_rows_of("b")->size(), 1);
  auto destinations = store->queue_destinations();
  ASSERT_TRUE(destinations) << destinations.error().log;
  ASSERT_EQ(destinations->size(), 2);
  EXPECT_EQ(destinations->front(),
            fmt::format(R"({{"destination":"busan.example","waiting":2,"held":0,"oldest":{},"next_attempt":{}}})",
                        1'800'000'000, 1'800'000'000));
}

// The same delivery id again changes nothing, whatever has become of its rows.
TEST_P(StoreOutgoing, TheSameIdAgain) {
  send(letter("a", {to("bob@busan.example")}));
  settle({.delivery_id = "a", .recipients = {end(claim("busan.example").at(0), AttemptEnd::delivered)}});
  send(letter("a", {to("bob@busan.example")}));
  EXPECT_EQ(rows(), 0);
  if (GetParam() == Engine::sqlite) {
    store.fail_now({.commit = 1, .commit_happened = true});
    send(letter("b", {to("bob@busan.example")}, {TestStore::target(1)}));
    EXPECT_TRUE(store.struck());
    store.fail_now({});
    EXPECT_EQ(rows(), 1);
  }
}

// A million letters lie in the store; what a worker looks at is a few rows of the index.
TEST_P(StoreOutgoing, ManyDestinations) {
  std::vector<RemoteRecipient> many;
  for (int i = 0; i < 250; ++i) many.push_back(to(fmt::format("u@d{:03}.example", i)));
  send(letter("a", many));
  std::optional<DestinationCursor> at;
  std::size_t seen = 0;
  std::size_t steps = 0;
  do {
    auto found = store.run(store->due_destinations(at, 100));
    ASSERT_TRUE(found) << found.error().log;
    seen += found->due.size();
    at = found->go_on;
    ++steps;
  } while (at);
  EXPECT_EQ(seen, 250);
  EXPECT_EQ(steps, 4) << "three in the first shard, one in the second";
  EXPECT_EQ(claim("d007.example").size(), 1);
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreOutgoing, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);

}  // namespace
}  // namespace pabal::store
