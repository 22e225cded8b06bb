// What an account's mailboxes may grow to, and what must not grow with what is done to them.
#include "store/leaving.hpp"
#include "store/mailbox_rows.hpp"
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
  EXPECT_EQ(heard, 4) << "the mailbox, two pieces, and the rest";
  EXPECT_EQ(gone->value, before.value + 1);
  EXPECT_EQ(store.run(store->mailboxes(place))->change.value, before.value + 4);
  EXPECT_EQ(kind(store.run(store->find_mailbox(place, "Big"))), "not_found");
  const auto quota = store.run(store->quota(place));
  ASSERT_TRUE(quota);
  EXPECT_EQ(quota->emails, 0U);
  // What can't be deleted isn't emptied.
  fill("INBOX", kEmptyAtOnce + 1);
  EXPECT_EQ(kind(store.run(store->delete_mailbox(place, "INBOX"))), "policy");
  EXPECT_EQ(info("INBOX").emails, static_cast<std::uint64_t>(kEmptyAtOnce) + 1);
}

// A crash, a client that makes one below it or takes its name: a mailbox that is being deleted is gone for everybody.
TEST_P(MailboxLimits, ADeletionThatWasCutOff) {
  ASSERT_EQ(create("Big", "own"), "");
  ASSERT_TRUE(store.run(store->subscribe(place, "Big", true)));
  fill("Big", kEmptyAtOnce + 10);
  const auto big = id("Big");
  const auto validity = info("Big").uid_validity;
  ASSERT_TRUE(store.run(store->set_access(place, big, {.entry = {"anyone", "lr"}})));
  ASSERT_TRUE(store.run(store->set_annotations(place, big, AccountId{1}, {{"/shared/comment", "x"}})));
  const auto before = store.run(store->mailboxes(place))->change;
  {
    auto connection = store.database().connect();
    ASSERT_TRUE(connection);
    const auto begun = store::delete_mailbox(**connection, place.account, "Big", std::nullopt, store.clock.now());
    ASSERT_TRUE(begun) << begun.error().log;
    ASSERT_TRUE(begun->leaving);
  }
  reopen();
  EXPECT_EQ(store.check(), "");
  EXPECT_EQ(kind(store.run(store->find_mailbox(place, "Big"))), "not_found");
  EXPECT_EQ(kind(store.run(store->snapshot(place, big))), "not_found");
  EXPECT_EQ(kind(store.run(store->copy(place, big, {{}}, place, "INBOX"))), "not_found");
  const auto all = store.run(store->mailboxes(place));
  ASSERT_TRUE(all);
  EXPECT_TRUE(std::ranges::all_of(all->mailboxes, [&](const auto& one) { return one.id != big; }));
  EXPECT_EQ(all->subscribed_names, std::vector<std::string>{"Big"});
  const auto since = store.run(store->mailboxes_since(place, before, place.account));
  ASSERT_TRUE(since);
  EXPECT_EQ(since->removed, std::vector<MailboxId>{big});
  EXPECT_TRUE(since->mailboxes.empty());
  EXPECT_EQ(create("Big/below", "own"), "");
  EXPECT_GT(info("Big").uid_validity, validity);
  EXPECT_TRUE(info("Big").subscribed);
  const auto quota = store.run(store->quota(place));
  EXPECT_EQ(quota->emails, static_cast<std::uint64_t>(kEmptyAtOnce) + 10);
  EXPECT_EQ(quota->mailboxes, all->mailboxes.size() + 2);
  maintain();
  EXPECT_EQ(store.run(store->quota(place))->emails, 0U);
  EXPECT_EQ(info("Big").emails, 0U);
  auto connection = store.database().connect();
  EXPECT_EQ((*connection)->number("SELECT COUNT(*) FROM mailbox WHERE path < ' '")->value_or(-1), 0);
}

TEST_P(MailboxLimits, AnAccountGoesWithWhatIsBeingDeleted) {
  ASSERT_EQ(create("Big"), "");
  fill("Big", kEmptyAtOnce + 1);
  {
    auto connection = store.database().connect();
    ASSERT_TRUE(connection);
    ASSERT_TRUE(store::delete_mailbox(**connection, place.account, "Big", std::nullopt, store.clock.now()));
  }
  ASSERT_TRUE(store->remove_account(place));
  reopen();
  maintain();
  auto connection = store.database().connect();
  EXPECT_EQ((*connection)->number("SELECT COUNT(*) FROM mailbox WHERE account_id = 1")->value_or(-1), 0);
  EXPECT_EQ((*connection)->number("SELECT COUNT(*) FROM membership WHERE account_id = 1")->value_or(-1), 0);
}

TEST_P(MailboxLimits, NamesThatWereGivenUpAreForgotten) {
  ASSERT_EQ(create("Old"), "");
  ASSERT_EQ(create("Older than nobody"), "");
  ASSERT_EQ(create("Young"), "");
  const auto young = info("Young").uid_validity;
  ASSERT_TRUE(store.run(store->delete_mailbox(place, "Young")));
  const auto before = store.run(store->mailboxes(place))->change;
  ASSERT_EQ(create("Last"), "");
  const auto insert = [&](int from) {
    return script("INSERT INTO removed_mailbox (account_id, change, mailbox_id, path, uid_validity) " +
                  std::string(kThousands) + fmt::format("SELECT 1, {0} + i, {0} + i, 'gone ' || i, 1 FROM n", from));
  };
  ASSERT_TRUE(insert(100'000));
  ASSERT_TRUE(insert(200'000));
  ASSERT_EQ(remove("Last"), "");
  auto connection = store.database().connect();
  EXPECT_EQ((*connection)->number("SELECT COUNT(*) FROM removed_mailbox")->value_or(0), kMostGivenUpNames + 1);
  // Of a name that isn't known any more all is possible.
  ASSERT_EQ(rename("Old", "Young"), "");
  EXPECT_GT(info("Young").uid_validity, young);
  ASSERT_EQ(rename("Older than nobody", "New"), "");
  EXPECT_GT(info("New").uid_validity, young);
  const auto since = store.run(store->mailboxes_since(place, before, place.account));
  ASSERT_TRUE(since);
  EXPECT_TRUE(since->whole && since->removed.empty());
  const auto all = store.run(store->mailboxes(place));
  EXPECT_EQ(since->mailboxes.size(), all->mailboxes.size());
  EXPECT_FALSE(store.run(store->mailboxes_since(place, all->change, place.account))->whole);
}

TEST_P(MailboxLimits, AsTheSettingsSay) {
  store.options.max_mailboxes = 8;
  reopen();
  EXPECT_EQ(create("seventh/eighth"), "");
  EXPECT_EQ(create("ninth"), "limit");
  EXPECT_EQ(rename("seventh", "x/y"), "limit");
  EXPECT_EQ(rename("INBOX", "z"), "limit");
  EXPECT_EQ(store.run(store->quota(place))->mailboxes_limit, 8U);
  auto target = TestStore::target(1);
  target.mailbox = "made by a letter";
  EXPECT_EQ(first_error(store.deliver("d1", "text", {target})), "");
}

TEST_P(MailboxLimits, AnnotationsOfAnAccount) {
  const std::string big(kMostAnnotationOctets, 'x');
  const auto set = [&](MailboxId mailbox, std::int64_t reader, const std::string& name) {
    return kind(store.run(store->set_annotations(place, mailbox, AccountId{reader}, {{name, big}})));
  };
  const auto most = kMostAnnotationsOfAccount / kMostAnnotationOctets - 1;
  for (std::size_t i = 0; i < most; ++i) {
    ASSERT_EQ(set(id(i % 2 == 0 ? "INBOX" : "Archive"), 1, fmt::format("/private/{}", i)), "");
  }
  EXPECT_EQ(set(id("Sent"), 1, "/private/x"), "quota");
  EXPECT_EQ(set({}, 1, "/private/x"), "quota");
  EXPECT_EQ(set(id("Sent"), 1, "/shared/x"), "");
  EXPECT_EQ(set(id("Sent"), 2, "/private/x"), "") << "nobody takes another's room";
  EXPECT_EQ(kind(store.run(store->set_annotations(place, id("INBOX"), AccountId{1}, {{"/private/0", std::nullopt}}))),
            "");
  EXPECT_EQ(set(id("Sent"), 1, "/private/x"), "");
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
