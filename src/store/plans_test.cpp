// Statements that must not look at all rows: SQLite says which index it takes for them.
#include "store/mailbox_rows.hpp"
#include "store/queue_rows.hpp"
#include "store/store_case.hpp"

namespace pabal::store {
namespace {

class Plans : public StoreTest {
 protected:
  std::string plan_of(std::string_view sql, std::initializer_list<db::Parameter> parameters) {
    auto connection = store.database().connect();
    if (!connection) return connection.error().log;
    auto rows = (*connection)->query(fmt::format("EXPLAIN QUERY PLAN {}", sql), parameters);
    if (!rows) return rows.error().log;
    std::string plan;
    while (true) {
      auto any = rows->next();
      if (!any) return any.error().log;
      if (!*any) return plan;
      plan += fmt::format("{}; ", rows->text(3));
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Plans, testing::Values(Engine::sqlite), engine_name);

TEST_P(Plans, TheNextDestinationIsOneRowOfItsIndex) {
  EXPECT_EQ(plan_of(kNextDestination, {std::string_view("a.example"), std::int64_t{0}}),
            "SEARCH queue_recipient USING COVERING INDEX queue_destination (kind=? AND state=? AND "
            "(destination,urgency)>(?,?)); ");
  EXPECT_EQ(plan_of(kNextUrgency, {std::string_view("a.example"), std::int64_t{0}}),
            "SEARCH queue_recipient USING COVERING INDEX queue_destination (kind=? AND state=? AND destination=? AND "
            "urgency>?); ");
}

TEST_P(Plans, ABigDestinationIsListedByKey) {
  for (const auto& walked : {fmt::format("{} AND r.destination || '' = $1", kWalkedRemotely),
                             fmt::format("{} AND r.recipient LIKE $1 ESCAPE '\\'", kWalkedLocally)}) {
    const auto sql = fmt::format(
        "SELECT r.number FROM queue_recipient r CROSS JOIN queue_message m WHERE m.delivery_id = r.delivery_id{} AND "
        "r.state + 0 = 0 AND (r.delivery_id, r.number) > ($2, $3) ORDER BY r.delivery_id, r.number LIMIT 1000",
        walked);
    const auto plan = plan_of(sql, {std::string_view("a.example"), std::string_view("a"), std::int64_t{0}});
    EXPECT_TRUE(plan.starts_with("SEARCH r USING PRIMARY KEY")) << plan;
    EXPECT_EQ(plan.find("TEMP B-TREE"), std::string::npos) << plan;
  }
}

TEST_P(Plans, SharedMessagesAreFoundByTheirIndex) {
  for (const auto sql : {kSharedUids, kFirstSharedUid}) {
    EXPECT_EQ(
        plan_of(sql, {std::int64_t{1}, std::int64_t{1}}),
        "SEARCH membership USING COVERING INDEX membership_shared (account_id=? AND mailbox_id=? AND shared=?); ");
  }
}

}  // namespace
}  // namespace pabal::store
