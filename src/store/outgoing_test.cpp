// Letters on their way out, on both engines: rows that commit with the delivery, claims, outcomes with their notices,
// traces.
#include "store/outgoing_case.hpp"

namespace pabal::store {
namespace {

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
  EXPECT_EQ(*store.run(opened->octets->read(0, 1000)), "Subject: x\r\n\r\nhello\r\n");
  opened->octets.reset();

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

// Word that a letter is delivered goes in with the delivery, where it is all in this shard, and with a later try.
TEST_P(StoreOutgoing, ReceiptsGoInWithTheDelivery) {
  ASSERT_TRUE(store->set_quota(TestStore::place(2), 0));
  int number = 0;
  const auto receipt = [&](std::optional<RemoteRecipient> remote = std::nullopt) {
    Notice notice;
    notice.id = fmt::format("receipt{}", ++number);
    notice.content = fmt::format("Subject: delivered {}\r\n\r\nit is there\r\n", number);
    notice.trace = R"({"event":"notice"})";
    if (remote) {
      notice.remote = std::move(remote);
    } else {
      notice.local = TestStore::target(1);
      notice.local->prefix.clear();
    }
    return notice;
  };
  auto both = letter("a", {}, {TestStore::target(3)});
  both.receipts = {receipt(), receipt(to("author@gwangju.example"))};
  send(std::move(both));
  EXPECT_EQ(store.read(3)->size(), 1);
  ASSERT_EQ(store.read(1)->size(), 1);
  EXPECT_EQ(store.read(1)->begin()->second, "Subject: delivered 1\r\n\r\nit is there\r\n");
  EXPECT_EQ(due(), "gwangju.example/1 ");
  // The same again changes nothing.
  auto again = letter("a", {}, {TestStore::target(3)});
  again.receipts = {receipt()};
  send(std::move(again));
  EXPECT_EQ(store.read(1)->size(), 1);
  // One of its mailboxes is full: nobody is told of the whole.
  auto half = letter("b", {}, {TestStore::target(2), TestStore::target(3)});
  half.receipts = {receipt()};
  send(std::move(half));
  EXPECT_EQ(store.read(1)->size(), 1);
  ASSERT_TRUE(store->set_quota(TestStore::place(2), std::nullopt));
  store.clock.advance(2min);
  auto waiting = store.run(store->due_local(10, 1min));
  ASSERT_EQ(waiting->size(), 1);
  std::vector<Notice> receipts;
  receipts.push_back(receipt());
  ASSERT_TRUE(store.run(store->retry_local(waiting->front(), std::move(receipts))));
  EXPECT_EQ(store.read(2)->size(), 1);
  ASSERT_EQ(store.read(1)->size(), 2);
  EXPECT_EQ(store.read(1)->rbegin()->second, fmt::format("Subject: delivered {}\r\n\r\nit is there\r\n", number));
  EXPECT_EQ(rows(), 1) << "the one for elsewhere";
  reopen();
  EXPECT_EQ(store.read(1)->size(), 2);
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
  ASSERT_TRUE(store.run(store->forget_claims()));
  EXPECT_EQ(due(), "busan.example/1 taken.example/1 +6600");
  store.clock.advance(2h);
  const auto claimed = claim("later.example");
  ASSERT_EQ(claimed.size(), 1);
  EXPECT_EQ(claimed.front().begins - claimed.front().arrived, 2h);
}

// RFC 6710: what is claimed first where more is due than is taken, also at later attempts; and a quarter goes by time.
TEST_P(StoreOutgoing, UrgentLettersAreClaimedFirst) {
  const auto send_some = [&](const std::string& name, int count, int priority) {
    for (int i = 0; i < count; ++i) {
      auto made = letter(fmt::format("{}{}", name, i), {to("bob@busan.example")});
      made.terms.priority = priority;
      send(std::move(made));
      store.clock.advance(1s);
    }
  };
  const auto ids = [](const std::vector<OutgoingLetter>& letters) {
    std::string text;
    for (const auto& one : letters) text += (text.empty() ? "" : " ") + one.id;
    return text;
  };
  send_some("slow", 2, -3);
  send_some("plain", 8, 0);
  send_some("urgent", 8, 4);
  send(letter("other", {to("bob@daegu.example")}));
  EXPECT_EQ(due(), "busan.example/1 daegu.example/1 ") << "a destination is told once";
  EXPECT_EQ(due(1), "busan.example/1 daegu.example/1 ");
  const auto first = claim("busan.example", 8);
  EXPECT_EQ(ids(first), "urgent0 urgent1 urgent2 urgent3 urgent4 urgent5 slow0 slow1");
  for (const auto& one : first) {
    AttemptOutcome outcome{.delivery_id = one.id, .recipients = {end(one, AttemptEnd::postponed)}};
    outcome.recipients.front().next = store.clock.now() + 30min;
    settle(std::move(outcome));
  }
  store.clock.advance(30min);
  EXPECT_EQ(ids(claim("busan.example", 8)), "urgent6 urgent7 urgent0 urgent1 urgent2 urgent3 plain0 plain1");
  EXPECT_EQ(ids(claim("busan.example", 1)), "urgent4");
  EXPECT_EQ(ids(claim("busan.example")), "urgent5 plain2 plain3 plain4 plain5 plain6 plain7 slow0 slow1");
  EXPECT_EQ(ids(claim("busan.example")), "");
}

// As the fourteenth version of the schema kept them.
TEST_P(StoreOutgoing, UrgentLettersOfAnOlderSchema) {
  send(letter("plain", {to("bob@busan.example")}));
  auto urgent = letter("urgent", {to("bob@busan.example")}, {TestStore::target(1)});
  urgent.terms.priority = 4;
  send(std::move(urgent));
  {
    auto connection = store.database().connect();
    ASSERT_TRUE(connection);
    auto old = (*connection)
                   ->script(
                       "DROP INDEX queue_destination; ALTER TABLE queue_recipient DROP COLUMN urgency; CREATE INDEX "
                       "queue_destination ON queue_recipient (kind, state, destination, next_attempt) WHERE kind = 2 "
                       "AND state = 0; UPDATE schema_version SET version = 14 WHERE name = 'store'");
    ASSERT_TRUE(old) << old.error().log;
  }
  reopen();
  EXPECT_EQ(text_of(claim("busan.example", 1)), "urgent<sender@example.net> bob@busan.example:0; ");
  EXPECT_EQ(text_of(claim("busan.example")), "plain<sender@example.net> bob@busan.example:0; ");
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

// What is held stays where there was only our own word against it; what a host said counts.
// A letter that is dropped while it is on the wire: what came of it is told all the same, once.
// More than are sorted for each page: the same pages, by another way.
// A clock that was a day ahead, and is set right: nothing waits for the day.
TEST_P(StoreOutgoing, TheClockIsSetBack) {
  store.clock.advance(24h);
  send(letter("waits", {to("bob@busan.example")}));
  auto held_for = letter("wanted", {to("bob@daegu.example")});
  held_for.terms.not_before = store.clock.now() + 1h;
  send(std::move(held_for));
  send(letter("claimed", {to("bob@jeju.example")}));
  AttemptOutcome outcome{.delivery_id = "waits",
                         .recipients = {end(claim("busan.example").at(0), AttemptEnd::postponed)}};
  outcome.recipients.front().next = store.clock.now() + 30min;
  settle(std::move(outcome));
  EXPECT_EQ(claim("jeju.example").size(), 1);
  store.clock.advance(-24h);
  EXPECT_EQ(due(), fmt::format("+{}", 24 * 3600 + 600));
  ASSERT_TRUE(store.run(store->bring_forward(store.clock.now() + 5h, [] { return true; })));
  const auto next = store.run(store->due_destinations(std::nullopt, 100))->next;
  ASSERT_TRUE(next);
  EXPECT_TRUE(*next > store.clock.now() && *next <= store.clock.now() + 5h) << due();
  store.clock.advance(5h);
  EXPECT_EQ(due(), fmt::format("busan.example/1 +{}", 19 * 3600 + 600))
      << "but what is claimed, and what its sender wants held";
  ASSERT_TRUE(store.run(store->forget_claims()));
  EXPECT_EQ(due(), fmt::format("busan.example/1 jeju.example/1 +{}", 20 * 3600));
}

// And not all of it is due at once.
TEST_P(StoreOutgoing, WhatComesForwardIsSpread) {
  store.clock.advance(24h);
  for (int i = 0; i < 60; ++i) send(letter(fmt::format("a{}", i), {to("bob@busan.example"), to("eve@busan.example")}));
  for (const auto& one : claim("busan.example", 200)) {
    AttemptOutcome outcome{.delivery_id = one.id,
                           .recipients = {end(one, AttemptEnd::postponed), end(one, AttemptEnd::postponed, 1)}};
    for (auto& row : outcome.recipients) row.next = store.clock.now() + 30min;
    settle(std::move(outcome));
  }
  store.clock.advance(-24h);
  ASSERT_TRUE(store.run(store->bring_forward(store.clock.now() + 4h, [] { return true; })));
  std::size_t came = 0;
  for (int quarter = 1; quarter <= 4; ++quarter) {
    store.clock.advance(1h);
    const auto claimed = claim("busan.example", 200);
    EXPECT_TRUE(!claimed.empty() && claimed.size() < 40) << quarter << ": " << claimed.size();
    for (const auto& one : claimed) EXPECT_EQ(one.recipients.size(), 2) << "together";
    came += claimed.size();
    // Else they are due again when their claims end.
    for (const auto& one : claimed) {
      settle(
          {.delivery_id = one.id, .recipients = {end(one, AttemptEnd::delivered), end(one, AttemptEnd::delivered, 1)}});
    }
  }
  EXPECT_EQ(came, 60);
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
