// Traces: found by each key, also by Message-ID through the index that the background fills; forgotten when their time
// is over; and those of a database from before that index.
#include "base/json.hpp"
#include "store/delivery_rows.hpp"
#include "store/schema.hpp"
#include "store/store_case.hpp"

namespace pabal::store {
namespace {

class Traces : public StoreTest {
 protected:
  TestStore::Outcomes deliver(const std::string& id, const std::string& message_id,
                              std::vector<DeliveryTarget> targets) {
    auto delivery = store.letter(id, "text", std::move(targets));
    delivery.message_id = message_id;
    delivery.retry_locally = !lmtp;
    return store.deliver(std::move(delivery));
  }
  /// "d1 d2" by their ids.
  std::string found(std::string_view key) {
    auto traces = store->traces(key);
    if (!traces) return traces.error().log;
    std::string ids;
    for (const auto& trace : *traces) {
      auto parsed = parse_json(trace);
      if (!ids.empty()) ids += ' ';
      ids += parsed ? std::string(parsed->as_object()["id"].as_string()) : trace;
    }
    return ids;
  }
  std::string one(std::string_view key) {
    auto traces = store->traces(key);
    if (!traces) return traces.error().log;
    return traces->size() == 1 ? traces->front() : fmt::format("{} traces", traces->size());
  }
  std::int64_t indexed() { return rows("trace_message"); }
  std::int64_t rows(const std::string& table) {
    auto connection = store.database().connect();
    if (!connection) return -1;
    auto count = (*connection)->number("SELECT count(*) FROM " + table);
    return count ? count->value_or(-1) : -1;
  }
  void pass_time(std::chrono::minutes by) {
    store.clock.advance(by);
    maintain();
  }

  bool lmtp = false;
};
INSTANTIATE_TEST_SUITE_P(Engines, Traces, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);

constexpr const char* kOne =
    R"({"id":"d1","mailboxes":[{"account":1,"mailbox":"INBOX","uid":1,"email":7,"state":"there"}]})";

TEST_P(Traces, AreFoundAndForgotten) {
  ASSERT_EQ(first_error(deliver("d1", "<a@b>", {TestStore::target(1)})), "");
  for (const auto* key : {"d1", "<a@b>", "1/INBOX/1", "1/inbox/1"}) EXPECT_EQ(one(key), kOne) << key;
  for (const auto* key : {"d2", "<a@c>", "1/INBOX/2", "x/INBOX/1", "1//1", "", "0"}) EXPECT_EQ(found(key), "") << key;
  maintain();
  pass_time(std::chrono::days(29));
  EXPECT_EQ(found("d1"), "d1");
  pass_time(std::chrono::days(2));
  EXPECT_EQ(found("d1"), "");
  EXPECT_EQ(found("<a@b>"), "");
  EXPECT_EQ(indexed(), 0);
  EXPECT_EQ(dump(1), "1:37");
}

// What was never delivered has a trace like the rest, once for each id.
TEST_P(Traces, OfWhatWasNotDelivered) {
  const auto keep = [&](std::string id, std::string document) {
    const auto kept = store.run(store->keep_trace(std::move(id), "<a@b>", std::move(document)));
    return kept ? std::string("kept") : kept.error().log;
  };
  EXPECT_EQ(keep("r1", R"({"id":"r1","event":"refusal"})"), "kept");
  EXPECT_EQ(keep("r1", R"({"id":"another"})"), "kept");
  ASSERT_EQ(first_error(deliver("d1", "<a@b>", {TestStore::target(1)})), "");
  EXPECT_EQ(found("r1"), "r1");
  EXPECT_EQ(found("<a@b>").size(), 5U);
  pass_time(std::chrono::days(31));
  EXPECT_EQ(found("r1"), "");
  EXPECT_EQ(found("<a@b>"), "");
  EXPECT_EQ(rows("trace"), 0);
}

TEST_P(Traces, ByMessageIdBeforeAndAfterTheyAreIndexed) {
  // Two of one Message-ID at the same moment, one later; one without.
  ASSERT_EQ(first_error(deliver("d1", "<a@b>", {TestStore::target(1)})), "");
  ASSERT_EQ(first_error(deliver("d2", "<a@b>", {TestStore::target(2)})), "");
  ASSERT_EQ(first_error(deliver("d3", "", {TestStore::target(2)})), "");
  store.clock.advance(std::chrono::seconds(1));
  ASSERT_EQ(first_error(deliver("d4", "<a@b>", {TestStore::target(3)})), "");
  const auto all = [&] { return found("<a@b>") == "d4 d1 d2" || found("<a@b>") == "d4 d2 d1"; };
  EXPECT_TRUE(all()) << found("<a@b>");
  EXPECT_EQ(found(""), "");
  EXPECT_EQ(indexed(), 0);
  pass_time(std::chrono::minutes(11));
  EXPECT_EQ(indexed(), 2);
  EXPECT_TRUE(all()) << found("<a@b>");
  EXPECT_EQ(found(""), "");
  ASSERT_EQ(first_error(deliver("d5", "<a@b>", {TestStore::target(3)})), "");
  EXPECT_EQ(found("<a@b>").substr(0, 5), "d5 d4");
  // The clock goes back by a day: nothing is lost between the index and what is looked through.
  pass_time(-std::chrono::days(1));
  ASSERT_EQ(first_error(deliver("d6", "<a@b>", {TestStore::target(3)})), "");
  EXPECT_EQ(found("<a@b>").substr(0, 5), "d5 d4");
  EXPECT_TRUE(found("<a@b>").ends_with(" d6"));
  pass_time(std::chrono::minutes(20));
  EXPECT_TRUE(found("<a@b>").ends_with(" d6"));
  pass_time(std::chrono::days(2));
  EXPECT_TRUE(found("<a@b>").ends_with(" d6")) << found("<a@b>");
  EXPECT_EQ(indexed(), 4);
  reopen();
  EXPECT_TRUE(found("<a@b>").starts_with("d5 d4")) << found("<a@b>");
}

TEST_P(Traces, TellEachMailboxsOutcome) {
  ASSERT_TRUE(store->set_quota(TestStore::place(2), 10));
  ASSERT_EQ(first_error(deliver("d1", "<a@b>", {TestStore::target(1), TestStore::target(2)})), "quota queued");
  const auto told = one("d1");
  EXPECT_NE(told.find(R"("mailboxes":[{"account":1,"mailbox":"INBOX","uid":1,"email":7,"state":"there"}])"),
            std::string::npos)
      << told;
  EXPECT_NE(told.find(R"("queued":[{"recipient":"user2@example.org","state":"waiting","attempts":1,)"),
            std::string::npos)
      << told;
  auto listing = store.run(store->list_mailbox(TestStore::place(1), "INBOX"));
  ASSERT_TRUE(listing);
  ASSERT_TRUE(store.run(store->expunge(TestStore::place(1), listing->mailbox, {1})));
  EXPECT_NE(one("d1").find(R"("uid":1,"email":7,"state":"gone"})"), std::string::npos) << one("d1");
  lmtp = true;
  ASSERT_EQ(first_error(deliver("d2", "", {TestStore::target(1), TestStore::target(2)})), "quota");
  EXPECT_NE(one("d2").find(R"("refused":[{"account":2,"mailbox":"INBOX","why":"account 2: over quota"}])"),
            std::string::npos)
      << one("d2");
}

// A database as the first version made it.
TEST_P(Traces, AnOldDatabaseIsBroughtForward) {
  store.close();
  MemoryFileSystem old_files;
  TestStore old(old_files);
  PostgresTestEngine old_postgres;
  SqliteTestEngine old_sqlite;
  TestEngine& made_by = engine() == Engine::postgresql ? static_cast<TestEngine&>(old_postgres) : old_sqlite;
  old.use(made_by);
  {
    auto database = made_by.open(old_files, 1);
    ASSERT_TRUE(database) << database.error().log;
    auto connection = (*database)->connect();
    ASSERT_TRUE(connection);
    auto migrated = db::migrate(**connection, "store", schema_steps().first(1));
    ASSERT_TRUE(migrated) << migrated.error().log;
    for (int i = 0; i < 3; ++i) {
      const auto id = fmt::format("old{}", i);
      const auto document = fmt::format(R"({{"id":"{}"}})", id);
      auto inserted =
          (*connection)
              ->run("INSERT INTO trace (delivery_id, made, message_key, reached, document) VALUES ($1, $2, $3, $4, $5)",
                    {id, std::int64_t{1'799'999'000'000'000} + i, key_of_message_id("<old@b>"),
                     db::Octets{encode_reached({})}, document});
      ASSERT_TRUE(inserted) << inserted.error().log;
    }
  }
  for (int opened = 0; opened < 2; ++opened) {
    auto again = old.open();
    ASSERT_TRUE(again) << again.error().log;
    auto traces = old->traces("<old@b>");
    ASSERT_TRUE(traces) << traces.error().log;
    EXPECT_EQ(traces->size(), 3U);
    ASSERT_TRUE(old->maintain());
    traces = old->traces("<old@b>");
    ASSERT_TRUE(traces) << traces.error().log;
    EXPECT_EQ(traces->size(), 3U);
    EXPECT_EQ(old.check(), "");
  }
  ASSERT_TRUE(old->create_account(TestStore::place(1), std::nullopt));
  ASSERT_EQ(first_error(old.deliver("new", "text", {TestStore::target(1)})), "");
  auto connection = old.database().connect();
  ASSERT_TRUE(connection);
  EXPECT_EQ(**(*connection)->number("SELECT version FROM schema_version WHERE name = 'store'"),
            schema_steps().back().version);
}

}  // namespace
}  // namespace pabal::store
