// Copies and moves of as many messages as the statements for many rows are cut at.
#include "store/insert_rows.hpp"
#include "store/mailboxes_case.hpp"

namespace pabal::store {
namespace {

class CopyRows : public MailboxesTest {};
INSTANTIATE_TEST_SUITE_P(Engines, CopyRows, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);

TEST_P(CopyRows, AsManyAsStatementsAreCutAt) {
  constexpr auto together = static_cast<int>(kRowsTogether);
  fill("INBOX", 150);
  // Gaps, so that ids come as ranges and as lists.
  ASSERT_TRUE(store.run(store->expunge(place, id("INBOX"), {5, 40, 41, 120})));
  ASSERT_TRUE(flags("INBOX", {.uids = {{7, 9}}, .flags = {flag::seen, {"own"}}}));
  const auto source = snapshot("INBOX");
  std::uint32_t uid_next = 1;
  for (const int count : {1, together - 1, together, together + 1, 2 * together + 1, 65, 146}) {
    SCOPED_TRACE(count);
    const auto last = (*source)[static_cast<std::size_t>(count) - 1].uid;
    auto copied = store.run(store->copy(place, id("INBOX"), {{1, last}}, place, "Archive"));
    ASSERT_TRUE(copied) << copied.error().log;
    ASSERT_EQ(copied->uids.size(), static_cast<std::size_t>(count));
    const auto there = snapshot("Archive");
    for (std::size_t i = 0; i < copied->uids.size(); ++i) {
      EXPECT_EQ(copied->uids[i].from, (*source)[i].uid);
      EXPECT_EQ(copied->uids[i].to, uid_next + i);
      const auto at = there->lower_bound(copied->uids[i].to);
      EXPECT_EQ((*there)[at].flags(), (*source)[i].flags());
      EXPECT_EQ((*there)[at].size(), (*source)[i].size());
    }
    uid_next += static_cast<std::uint32_t>(count);
    ASSERT_EQ(store.check(), "");
  }
  EXPECT_EQ(store.read(1, "Archive")->at(uid_next - 1), store.read(1)->at(150));
  for (const int count : {together + 1, 65}) {
    const auto last = (*snapshot("INBOX"))[static_cast<std::size_t>(count) - 1].uid;
    auto moved = store.run(store->move(place, id("INBOX"), {{1, last}}, place, "Sent"));
    ASSERT_TRUE(moved) << moved.error().log;
    ASSERT_EQ(moved->uids.size(), static_cast<std::size_t>(count));
    ASSERT_EQ(store.check(), "");
  }
  // To another account: its threads and keywords.
  auto given = store.run(store->copy(place, id("Archive"), {{1, 40}}, other, "INBOX"));
  ASSERT_TRUE(given) << given.error().log;
  EXPECT_EQ(given->uids.size(), 40U);
  ASSERT_EQ(store.check(), "");
}

}  // namespace
}  // namespace pabal::store
