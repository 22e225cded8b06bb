// What an account's mailboxes may grow to, and what must not grow with what is done to them.
#include "store/empty_mailbox.hpp"
#include "store/mailboxes_case.hpp"

namespace pabal::store {
namespace {

class MailboxLimits : public MailboxesTest {
 protected:
  Result<void> script(std::string_view sql) {
    auto connection = store.database().connect();
    if (!connection) return pass(connection);
    return (*connection)->script(sql);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, MailboxLimits, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);

constexpr std::string_view kThousands =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) ";

TEST_P(MailboxLimits, Mailboxes) {
  auto made =
      script(std::string("INSERT INTO mailbox (account_id, mailbox_id, path, role, uid_validity, uid_next, "
                         "first_recent_uid, change, emails, unseen, bytes, subscribed) ") +
             std::string(kThousands) + "SELECT 1, 1000000 + i, 'many ' || i, '', 1, 1, 1, 1, 0, 0, 0, 0 FROM n");
  ASSERT_TRUE(made) << made.error().log;
  EXPECT_EQ(create("One more"), "limit");
  EXPECT_EQ(kind(store.run(store->rename_mailbox(place, "many 1", "new/many 1"))), "limit");
  EXPECT_EQ(kind(store.run(store->rename_mailbox(place, "many 1", "renamed"))), "");
  ASSERT_TRUE(script("DELETE FROM mailbox WHERE mailbox_id > 1000000"));
  EXPECT_EQ(create("One more"), "");
}

TEST_P(MailboxLimits, NamesThatStaySubscribed) {
  ASSERT_EQ(create("Kept"), "");
  ASSERT_EQ(create("Lost"), "");
  ASSERT_TRUE(store.run(store->subscribe(place, "Kept", true)));
  ASSERT_TRUE(store.run(store->subscribe(place, "Lost", true)));
  auto made = script("INSERT INTO subscription (account_id, path) " + std::string(kThousands) +
                     "SELECT 1, 'many ' || i FROM n WHERE i < 10000");
  ASSERT_TRUE(made) << made.error().log;
  ASSERT_TRUE(store.run(store->delete_mailbox(place, "Kept")));
  ASSERT_TRUE(store.run(store->delete_mailbox(place, "Lost")));
  const auto all = store.run(store->mailboxes(place));
  ASSERT_TRUE(all);
  EXPECT_EQ(all->subscribed_names.size(), 10'000U);
  EXPECT_EQ(std::ranges::count(all->subscribed_names, "Kept"), 1);
  EXPECT_EQ(std::ranges::count(all->subscribed_names, "Lost"), 0);
}

TEST_P(MailboxLimits, BigOnesGoInPieces) {
  ASSERT_EQ(create("Big"), "");
  fill("Big", 2 * kEmptyAtOnce + 10);
  const auto before = info("Big").change;
  int heard = 0;
  const auto watch = store->watch(place.account, [&](AccountId, ChangeNumber) { ++heard; });
  const auto gone = store.run(store->delete_mailbox(place, "Big"));
  ASSERT_TRUE(gone) << gone.error().log;
  EXPECT_EQ(heard, 3) << "two pieces, and the mailbox with the rest";
  EXPECT_EQ(gone->value, before.value + 4);
  EXPECT_EQ(kind(store.run(store->find_mailbox(place, "Big"))), "not_found");
  const auto quota = store.run(store->quota(place));
  ASSERT_TRUE(quota);
  EXPECT_EQ(quota->emails, 0U);
  // What can't be deleted isn't emptied.
  fill("INBOX", kEmptyAtOnce + 1);
  EXPECT_EQ(kind(store.run(store->delete_mailbox(place, "INBOX"))), "policy");
  EXPECT_EQ(info("INBOX").emails, static_cast<std::uint64_t>(kEmptyAtOnce) + 1);
}

TEST_P(MailboxLimits, AnEarlierNameComesBackWithAHigherUidValidity) {
  ASSERT_EQ(create("Old"), "");
  ASSERT_EQ(create("Young"), "");
  ASSERT_EQ(create("Third"), "");
  const auto old = info("Old").uid_validity;
  const auto young = info("Young").uid_validity;
  ASSERT_GT(young, old);
  ASSERT_TRUE(store.run(store->rename_mailbox(place, "Third", "Fourth")));
  ASSERT_TRUE(store.run(store->rename_mailbox(place, "Old", "Elsewhere")));
  EXPECT_EQ(info("Elsewhere").uid_validity, old) << "a name that nobody had";
  ASSERT_TRUE(store.run(store->delete_mailbox(place, "Young")));
  ASSERT_TRUE(store.run(store->rename_mailbox(place, "Elsewhere", "Young")));
  EXPECT_GT(info("Young").uid_validity, young);
  const auto again = info("Young").uid_validity;
  ASSERT_TRUE(store.run(store->rename_mailbox(place, "Young", "Third")));
  EXPECT_EQ(info("Third").uid_validity, again) << "higher already than that of the one that left the name";
}

TEST_P(MailboxLimits, KeywordSetsThatNobodyHasAnyMore) {
  fill("INBOX", 1);
  std::shared_ptr<const MailboxSnapshot> held;
  std::size_t most = 0;
  for (unsigned i = 1; i <= 600; ++i) {
    FlagSet set;
    for (unsigned bit = 0; bit < 10; ++bit) {
      if ((i >> bit & 1U) != 0) set.keywords.push_back(fmt::format("k{}", bit));
    }
    ASSERT_TRUE(flags("INBOX", {.uids = {{}}, .how = FlagsHow::replace, .flags = std::move(set)}));
    held = snapshot("INBOX");
    most = std::max(most, held->keyword_sets().size());
  }
  EXPECT_LE(most, 512U);
  EXPECT_LT(held->keyword_sets().size(), 200U);
  EXPECT_EQ(text_of(*held), "1:k3,k4,k6,k9");
}

}  // namespace
}  // namespace pabal::store
