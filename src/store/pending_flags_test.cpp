// Flags of many messages that are written as one row first (pending_flags.hpp): all that looks at messages sees them at
// once, whether they are in the messages' rows already, in some of them or in none.
#include "store/pending_flags.hpp"

#include "store/compact.hpp"
#include "store/mailbox_rows.hpp"
#include "store/mailboxes_case.hpp"

namespace pabal::store {
namespace {

class Pending : public MailboxesTest {
 protected:
  void SetUp() override {
    store.options.many_flags = 3;
    store.options.leave_from = 3;
    MailboxesTest::SetUp();
    fill("INBOX", 6);
    held_ = snapshot("INBOX");
  }
  // What a client does that has the mailbox open.
  Result<FlagsChanged> mark(FlagsHow how, Flags bits, std::vector<std::string> names = {}, UidRanges uids = {{}}) {
    auto changed = flags("INBOX", {.uids = std::move(uids), .how = how, .flags = {bits, std::move(names)}});
    held_ = snapshot("INBOX");
    return changed;
  }
  // How many changes are pending.
  std::size_t pending() {
    std::size_t count = 0;
    auto read = in_database([&](db::Connection& connection) -> Result<void> {
      auto found = PendingFlags::read(connection, place.account, id("INBOX"));
      if (!found) return pass(found);
      count = found->size();
      return {};
    });
    EXPECT_TRUE(read) << read.error().log;
    return count;
  }
  Result<void> in_database(const std::function<Result<void>(db::Connection&)>& work) {
    auto connection = store.database().connect();
    if (!connection) return pass(connection);
    if (auto begun = (*connection)->begin(true); !begun) return begun;
    if (auto done = work(**connection); !done) {
      (*connection)->rollback();
      return done;
    }
    return (*connection)->commit();
  }
  bool fold(std::uint32_t at_once) {
    bool more = false;
    auto folded = in_database([&, mailbox = id("INBOX")](db::Connection& connection) -> Result<void> {
      auto some = fold_some(connection, place.account, mailbox, at_once);
      if (!some) return pass(some);
      more = *some;
      return {};
    });
    EXPECT_TRUE(folded) << folded.error().log;
    return more;
  }
  // The mailbox as rows alone show it.
  std::string anew() {
    held_.reset();
    reopen();
    auto text = show("INBOX");
    held_ = snapshot("INBOX");
    return text;
  }
  std::string listed() {
    auto listing = store.run(store->list_mailbox(place, "INBOX"));
    if (!listing) return listing.error().log;
    std::string text;
    for (const auto& one : listing->entries) text += fmt::format("{} ", one.uid);
    return text;
  }

  std::shared_ptr<const MailboxSnapshot> held_;
};
INSTANTIATE_TEST_SUITE_P(Engines, Pending, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);

TEST_P(Pending, AreShownAtOnceAndAfterARestart) {
  auto changed = mark(FlagsHow::add, flag::seen, {"own"});
  ASSERT_TRUE(changed) << changed.error().log;
  EXPECT_EQ(changed->changed.size(), 6U);
  EXPECT_EQ(pending(), 1U);
  ASSERT_TRUE(mark(FlagsHow::remove, flag::seen, {}, {{2, 4}}));
  ASSERT_TRUE(mark(FlagsHow::replace, flag::flagged, {}, {{4, 6}}));
  EXPECT_EQ(pending(), 3U);
  const auto expected = "1:$seen,own 2:own 3:own 4:$flagged 5:$flagged 6:$flagged";
  EXPECT_EQ(text_of(*held_), expected);
  EXPECT_EQ(anew(), expected);
  EXPECT_EQ(pending(), 3U);
  EXPECT_EQ(store.check(), "");
  EXPECT_EQ(info("INBOX").unseen, 5U);
  maintain();
  EXPECT_EQ(pending(), 0U);
  EXPECT_EQ(anew(), expected);
}

TEST_P(Pending, ComeIntoTheRowsInPieces) {
  ASSERT_TRUE(mark(FlagsHow::add, flag::seen, {}, {{1, 2}, {4, 6}}));
  ASSERT_TRUE(mark(FlagsHow::add, flag::answered));
  const auto last = held_->head().change;
  const auto expected = text_of(*held_);
  for (int left = 3; left > 0; --left) {
    EXPECT_EQ(fold(2), left > 1);
    EXPECT_EQ(store.check(), "") << left;
    EXPECT_EQ(anew(), expected) << left;
  }
  EXPECT_FALSE(fold(2));
  for (std::size_t i = 0; i < held_->size(); ++i) EXPECT_EQ((*held_)[i].change, last);
}

TEST_P(Pending, LaterChangesOfSingleMessagesCountMore) {
  ASSERT_TRUE(mark(FlagsHow::add, flag::seen));
  ASSERT_TRUE(mark(FlagsHow::remove, flag::seen, {}, {{3, 3}}));
  EXPECT_EQ(pending(), 1U);
  EXPECT_EQ(anew(), "1:$seen 2:$seen 3 4:$seen 5:$seen 6:$seen");
  maintain();
  EXPECT_EQ(anew(), "1:$seen 2:$seen 3 4:$seen 5:$seen 6:$seen");
}

TEST_P(Pending, ChangesSinceAnyMomentHaveThem) {
  const auto before = held_->head().change;
  auto first = mark(FlagsHow::add, flag::seen, {}, {{1, 3}});
  ASSERT_TRUE(first);
  fill("INBOX", 1);
  held_ = snapshot("INBOX");
  ASSERT_TRUE(mark(FlagsHow::add, flag::flagged, {}, {{3, 7}}));
  EXPECT_EQ(pending(), 2U);
  const auto changes = [&](ChangeNumber since) {
    auto found = store.run(store->changes_since(place, id("INBOX"), since));
    EXPECT_TRUE(found);
    std::string text;
    for (const auto& row : found->rows) text += fmt::format("{}:{} ", row.uid, flag_text(row.flags(), {}));
    return text;
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(changes(before), "1:$seen 2:$seen 3:$seen,$flagged 4:$flagged 5:$flagged 6:$flagged 7:$flagged ");
    EXPECT_EQ(changes(first->change), "3:$seen,$flagged 4:$flagged 5:$flagged 6:$flagged 7:$flagged ");
    maintain();
  }
}

TEST_P(Pending, WhatIsConditionalLooksAtThem) {
  const auto before = held_->head().change;
  ASSERT_TRUE(mark(FlagsHow::add, flag::seen, {}, {{1, 3}}));
  auto changed = flags("INBOX", {.uids = {{}}, .flags = {flag::draft, {}}, .unchanged_since = before});
  ASSERT_TRUE(changed);
  EXPECT_EQ(numbers(changed->modified), "1 2 3");
  EXPECT_EQ(anew(), "1:$seen 2:$seen 3:$seen 4:$draft 5:$draft 6:$draft");
}

TEST_P(Pending, WhatIsDeletedIsExpungedAndNotListed) {
  ASSERT_TRUE(mark(FlagsHow::add, flag::deleted | flag::seen, {}, {{2, 5}}));
  ASSERT_TRUE(mark(FlagsHow::remove, flag::deleted, {}, {{3, 3}}));
  EXPECT_EQ(listed(), "1 3 6 ");
  EXPECT_EQ(info("INBOX").deleted, 3U);
  auto gone = store.run(store->expunge_deleted(place, id("INBOX"), {{}}));
  ASSERT_TRUE(gone) << gone.error().log;
  EXPECT_EQ(numbers(gone->uids), "2 4 5");
  EXPECT_EQ(store.check(), "");
  EXPECT_EQ(anew(), "1 3:$seen 6");
  EXPECT_EQ(info("INBOX").deleted, 0U);
  maintain();
  EXPECT_EQ(anew(), "1 3:$seen 6");
}

TEST_P(Pending, TheSameWhereNobodyHoldsASnapshot) {
  ASSERT_TRUE(mark(FlagsHow::add, flag::deleted, {}, {{2, 5}}));
  held_.reset();
  reopen();
  auto gone = store.run(store->expunge_deleted(place, id("INBOX"), {{1, 3}, {5, 9}}));
  ASSERT_TRUE(gone) << gone.error().log;
  EXPECT_EQ(numbers(gone->uids), "2 3 5");
  EXPECT_EQ(show("INBOX"), "1 4:deleted 6");
  EXPECT_EQ(store.check(), "");
}

TEST_P(Pending, AMessageThatIsCopiedOrMovedTakesThemAlong) {
  ASSERT_EQ(create("There"), "");
  ASSERT_TRUE(mark(FlagsHow::add, flag::seen, {"own"}));
  EXPECT_EQ(pairs(store.run(store->copy(place, id("INBOX"), {{1, 2}}, place, "There"))), "1>1 2>2");
  EXPECT_EQ(pairs(store.run(store->move(place, id("INBOX"), {{2, 3}}, place, "There"))), "2>3 3>4");
  EXPECT_EQ(show("There"), "1:$seen,own 2:$seen,own 3:$seen,own 4:$seen,own");
  EXPECT_EQ(info("There").unseen, 0U);
  maintain();
  EXPECT_EQ(anew(), "1:$seen,own 4:$seen,own 5:$seen,own 6:$seen,own");
}

TEST_P(Pending, AReadersMarkKeepsThem) {
  ASSERT_TRUE(mark(FlagsHow::add, flag::flagged));
  const Place reader{place.account, place.shard, other.account};
  ASSERT_TRUE(store.run(store->change_flags(reader, id("INBOX"), {.uids = {{2, 4}}, .flags = {flag::seen, {}}})));
  EXPECT_EQ(show("INBOX", reader),
            "1:$flagged 2:$seen,$flagged 3:$seen,$flagged 4:$seen,$flagged 5:$flagged 6:$flagged");
  EXPECT_EQ(anew(), "1:$flagged 2:$flagged 3:$flagged 4:$flagged 5:$flagged 6:$flagged");
  maintain();
  EXPECT_EQ(anew(), "1:$flagged 2:$flagged 3:$flagged 4:$flagged 5:$flagged 6:$flagged");
}

TEST_P(Pending, AreBounded) {
  for (std::size_t i = 0; i < kMostPending + 2; ++i) {
    ASSERT_TRUE(mark(i % 2 == 0 ? FlagsHow::add : FlagsHow::remove, flag::seen));
  }
  EXPECT_EQ(pending(), kMostPending);
  const auto expected = text_of(*held_);
  EXPECT_EQ(anew(), expected);
  maintain();
  EXPECT_EQ(pending(), 0U);
  EXPECT_EQ(anew(), expected);
}

TEST_P(Pending, GoWithTheirMailbox) {
  ASSERT_TRUE(mark(FlagsHow::add, flag::seen));
  held_.reset();
  ASSERT_EQ(rename("INBOX", "Old"), "");
  EXPECT_EQ(show("Old"), "1:$seen 2:$seen 3:$seen 4:$seen 5:$seen 6:$seen");
  held_ = snapshot("Old");
  ASSERT_TRUE(flags("Old", {.uids = {{}}, .flags = {flag::draft, {}}}));
  held_.reset();
  ASSERT_EQ(remove("Old"), "");
  EXPECT_EQ(store.check(), "");
  auto gone = store->remove_account(place);
  EXPECT_TRUE(gone) << gone.error().log;
  EXPECT_EQ(store.check(), "");
}

TEST_P(Pending, WhatCannotBeReadIsTold) {
  ASSERT_TRUE(mark(FlagsHow::add, flag::seen));
  auto broken = in_database([](db::Connection& connection) -> Result<void> {
    auto done = connection.run("UPDATE pending_flags SET effect = $1", {db::Octets{std::string_view("\x01\x07", 2)}});
    if (!done) return pass(done);
    return {};
  });
  ASSERT_TRUE(broken);
  EXPECT_NE(store.check().find("pending"), std::string::npos);
  auto mended = in_database([](db::Connection& connection) -> Result<void> {
    const auto effect = encode_effect({.how = FlagsHow::add, .scope = {}, .by = {.flags = flag::seen, .own = {}}});
    auto done = connection.run("UPDATE pending_flags SET effect = $1", {db::Octets{effect}});
    if (!done) return pass(done);
    return {};
  });
  ASSERT_TRUE(mended);
}

TEST(FlagEffects, AreReadAsTheyWereWritten) {
  const FlagEffect effect{.how = FlagsHow::replace,
                          .scope = {.flags = flag::seen | flag::deleted, .keywords = false},
                          .by = {.flags = flag::seen, .own = {16, 17, 300}},
                          .deleted = true};
  const auto octets = encode_effect(effect);
  auto read = decode_effect(octets);
  ASSERT_TRUE(read);
  EXPECT_EQ(encode_effect(*read), octets);
  EXPECT_EQ(read->by.own, effect.by.own);
  for (std::size_t most = 0; most < 6; ++most) EXPECT_FALSE(decode_effect(octets.substr(0, most))) << most;
  const auto list = [](std::vector<std::uint64_t> numbers) { return encode_list(numbers); };
  for (const auto& bad : {list({3, 0, 0, 0, 0}), list({0, 1ULL << 40, 0, 0, 0}), list({0, 0, 2, 0, 0}),
                          list({0, 0, 0, 0, 2}), list({0, 0, 0, 0, 0, 20, 20})}) {
    EXPECT_FALSE(decode_effect(bad));
  }
}

}  // namespace
}  // namespace pabal::store
