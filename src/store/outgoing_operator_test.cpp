// What an operator sees of letters on their way out, and does with them, on both engines.
#include "store/outgoing_case.hpp"

namespace pabal::store {
namespace {

class StoreQueueVerbs : public StoreOutgoing {};

TEST_P(StoreQueueVerbs, WhatIsHeldIsNotForATry) {
  send(letter("a", {to("bob@busan.example"), to("carl@daegu.example")}));
  const auto claimed = claim("busan.example");
  ASSERT_EQ(claimed.size(), 1);
  const auto waiting = [&] {
    const auto opened = store.run(store->open_outgoing(ShardId{1}, "a"));
    return opened ? opened->waiting.size() : 99;
  };
  EXPECT_EQ(waiting(), 2U);
  ASSERT_EQ(store->change_queue({.destination = "busan.example"}, Store::QueueAction::hold)->changed, 1);
  EXPECT_EQ(waiting(), 1U);
  ASSERT_TRUE(store->change_queue("a", Store::QueueAction::hold));
  EXPECT_EQ(waiting(), 0U) << "its octets are there";
  // Whoever had it in hand gives it back: let go, it is due at once.
  settle({.delivery_id = "a", .recipients = {end(claimed.front(), AttemptEnd::released)}});
  ASSERT_TRUE(store->change_queue("a", Store::QueueAction::release));
  EXPECT_EQ(waiting(), 2U);
  EXPECT_EQ(claim("busan.example").size(), 1);
}

TEST_P(StoreQueueVerbs, WhatTheOperatorDoes) {
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

TEST_P(StoreQueueVerbs, WhatIsHeldMeanwhileEndsByAHostsWordAlone) {
  send(letter("a", {to("bob@busan.example")}));
  send(letter("b", {to("bob@busan.example")}));
  const auto claimed = claim("busan.example");
  ASSERT_EQ(claimed.size(), 2);
  for (const auto& one : claimed) {
    EXPECT_EQ(*store->change_queue(one.id, Store::QueueAction::hold), 1);
    AttemptOutcome outcome{.delivery_id = one.id, .recipients = {end(one, AttemptEnd::failed)}};
    outcome.recipients.front().why = "so it is";
    outcome.recipients.front().said_by_host = one.id == "b";
    settle(std::move(outcome));
  }
  ASSERT_EQ(rows(), 1);
  const auto row = store->queue_rows()->front();
  EXPECT_TRUE(row.contains(R"("id":"a")") && row.contains(R"("state":"held")") && row.contains("so it is")) << row;
}

TEST_P(StoreQueueVerbs, AnAttemptIsToldAlsoOfWhatWasDropped) {
  send(letter("a", {to("bob@busan.example")}));
  const auto claimed = claim("busan.example");
  EXPECT_EQ(*store->change_queue("a", Store::QueueAction::drop), 1);
  const auto made = store.clock.now();
  for (int i = 0; i < 2; ++i) {
    AttemptOutcome outcome{.delivery_id = "a", .recipients = {end(claimed.front(), AttemptEnd::delivered)}};
    outcome.trace = R"({"ended":"taken"})";
    outcome.made = made;
    settle(std::move(outcome));
    store.clock.advance(1s);
  }
  const auto trace = store->traces("a")->front();
  EXPECT_EQ(trace.find("taken"), trace.rfind("taken")) << trace;
  EXPECT_TRUE(trace.contains("taken") && trace.contains(R"("verb":"drop")")) << trace;
}

TEST_P(StoreQueueVerbs, Lists) {
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
  // Page by page: behind the last row of the page before.
  EXPECT_EQ(ids({.after_id = "a", .after_number = 2'000'000, .at_most = 1}), "a ");
  EXPECT_EQ(ids({.after_id = "a", .after_number = 2'000'001, .at_most = 1}), "b ");
  EXPECT_EQ(ids({.destination = "busan.example", .after_id = "a", .after_number = 2'000'000}), "b ");
  EXPECT_EQ(ids({.after_id = "b", .after_number = 2'000'000}), "");
  EXPECT_EQ(store->queue_rows_of("b")->size(), 1);
  auto destinations = store->queue_destinations();
  ASSERT_TRUE(destinations) << destinations.error().log;
  ASSERT_EQ(destinations->size(), 2);
  EXPECT_EQ(destinations->front(),
            fmt::format(R"({{"destination":"busan.example","waiting":2,"held":0,"oldest":{},"next_attempt":{}}})",
                        1'800'000'000, 1'800'000'000));
  EXPECT_EQ(*store->change_queue("a", Store::QueueAction::hold), 2);
  EXPECT_EQ(ids({.destination = "busan.example"}), "a b ");
  EXPECT_EQ(ids({.destination = "busan.example", .held = true}), "a ");
  EXPECT_EQ(ids({.held = false}), "b ");
  destinations = store->queue_destinations();
  ASSERT_TRUE(destinations) << destinations.error().log;
  ASSERT_EQ(destinations->size(), 2);
  EXPECT_TRUE(
      destinations->front().contains(R"({"destination":"busan.example","waiting":1,"held":1,"oldest":1800000000,)"))
      << destinations->front();
  EXPECT_TRUE(destinations->back().contains(R"({"destination":"daegu.example","waiting":0,"held":1,)"));
}

TEST_P(StoreQueueVerbs, ADomainMeansItsLocalRecipientsToo) {
  ASSERT_TRUE(store->set_quota(TestStore::place(2), 10));  // what comes for it waits
  const auto local = [](const std::string& address) {
    auto target = TestStore::target(2);
    target.recipient = address;
    return target;
  };
  send(letter("a", {to("x@busan.example")},
              {TestStore::target(1), local("bob@busan.example"), local("eve@sub.busan.example")}));
  send(letter("b", {to("x@daegu.example")}, {TestStore::target(1), local("bob@busan.example")}));
  QueueFilter filter{.destination = "busan.example"};
  const auto recipients = [&] {
    std::string text;
    const auto found = store->queue_rows(filter);
    if (!found) return found.error().log;
    for (const auto& row : *found) text += std::string(parse_json(row)->at("recipient").as_string()) + " ";
    return text;
  };
  EXPECT_EQ(recipients(), "bob@busan.example x@busan.example bob@busan.example ");
  filter.at_most = 2;
  EXPECT_EQ(recipients(), "bob@busan.example x@busan.example ");
  EXPECT_EQ(store->change_queue(filter, Store::QueueAction::hold)->changed, 2);
  filter.held = true;
  EXPECT_EQ(recipients(), "bob@busan.example x@busan.example ");
  filter.held = false;
  EXPECT_EQ(recipients(), "bob@busan.example ");
  // So many that they come by their keys.
  std::vector<DeliveryTarget> many{TestStore::target(1)};
  for (int i = 0; i < 5001; ++i) many.push_back(local(fmt::format("u{}@daegu.example", i)));
  send(letter("c", {}, std::move(many)));
  EXPECT_EQ(recipients(), "bob@busan.example ");
  filter.destination = "daegu.example";
  EXPECT_EQ(recipients(), "x@daegu.example u0@daegu.example ");
}

TEST_P(StoreQueueVerbs, ListsOfABigDestination) {
  const auto pages = [&] {
    std::string text;
    QueueFilter filter{.destination = "busan.example", .at_most = 2000};
    while (true) {
      const auto page = store->queue_rows(filter);
      if (!page) return page.error().log;
      text += fmt::format("{} ", page->size());
      if (page->size() < filter.at_most) return text;
      const auto last = json::parse(page->back()).as_object();
      filter.after_id = last.at("id").as_string();
      filter.after_number = last.at("number").as_int64();
    }
  };
  std::vector<RemoteRecipient> many;
  for (int i = 0; i < 4000; ++i) many.push_back(to(fmt::format("u{}@busan.example", i)));
  send(letter("a", many));
  send(letter("b", {to("bob@daegu.example")}));
  EXPECT_EQ(pages(), "2000 2000 0 ");
  many.resize(1100);
  send(letter("c", many));
  EXPECT_EQ(pages(), "2000 2000 1100 ");
  ASSERT_EQ(*store->change_queue("c", Store::QueueAction::hold), 1100);
  EXPECT_EQ(pages(), "2000 2000 1100 ");
}

TEST_P(StoreQueueVerbs, WhatIsHeldWaitsForAnOperator) {
  send(letter("a", {to("bob@busan.example")}));
  AttemptOutcome outcome{.delivery_id = "a", .recipients = {end(claim("busan.example").at(0), AttemptEnd::held)}};
  outcome.recipients.front().why = "nobody can be told";
  settle(std::move(outcome));
  EXPECT_EQ(due(), "");
  const auto row = store->queue_rows_of("a")->front();
  EXPECT_TRUE(row.contains(R"("state":"held")") && row.contains(R"("attempts":1)") &&
              row.contains("nobody can be told"))
      << row;
  EXPECT_EQ(*store->change_queue("a", Store::QueueAction::release), 1);
  EXPECT_EQ(claim("busan.example").size(), 1);
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreQueueVerbs, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);

}  // namespace
}  // namespace pabal::store
