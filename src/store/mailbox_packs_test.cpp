// What stands beside the rows so that mailboxes open quickly, the packed snapshots and the logs of changes: whatever
// becomes of them, what is shown is what the rows say.
#include "store/change_log.hpp"
#include "store/mailbox_rows.hpp"
#include "store/mailboxes_case.hpp"
#include "store/snapshot_pack.hpp"

namespace pabal::store {
namespace {

class MailboxPacks : public MailboxesTest {
 protected:
  void SetUp() override {
    store.options.pack_from = 100;
    MailboxesTest::SetUp();
  }
  // As after a restart: nobody holds a snapshot; and what is written in the background is written then.
  std::string anew(const std::string& path = "INBOX") {
    reopen();
    auto text = show(path);
    reopen();
    return text;
  }
  Result<void> write(const std::function<Result<void>(db::Connection&)>& work) {
    auto connection = store.database().connect();
    if (!connection) return pass(connection);
    if (auto begun = (*connection)->begin(true); !begun) return begun;
    if (auto done = work(**connection); !done) {
      (*connection)->rollback();
      return done;
    }
    return (*connection)->commit();
  }
  std::string pack_of(const std::string& path) {
    std::string octets;
    auto read = write([&, mailbox = id(path)](db::Connection& connection) -> Result<void> {
      auto rows = connection.query("SELECT octets FROM mailbox_pack WHERE account_id = $1 AND mailbox_id = $2",
                                   {place.account.value, mailbox.value});
      if (!rows) return pass(rows);
      auto any = rows->next();
      if (!any) return pass(any);
      if (*any) octets = rows->octets(0);
      return {};
    });
    EXPECT_TRUE(read) << read.error().log;
    return octets;
  }
  void put_pack(const std::string& path, const std::string& octets) {
    auto written = write([&, mailbox = id(path)](db::Connection& connection) {
      return write_pack(connection, place.account, mailbox, octets);
    });
    ASSERT_TRUE(written) << written.error().log;
  }
  ChangeNumber packed_change(const std::string& path) {
    auto made = unpack_snapshot(pack_of(path));
    EXPECT_TRUE(made);
    return made ? (*made)->head().change : ChangeNumber{};
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, MailboxPacks, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);

TEST_P(MailboxPacks, AreWrittenForBigMailboxes) {
  fill("INBOX", 99);
  EXPECT_NE(anew(), "");
  EXPECT_EQ(pack_of("INBOX"), "");
  fill("INBOX", 1);
  const auto text = show("INBOX");
  EXPECT_EQ(anew(), text);
  EXPECT_NE(pack_of("INBOX"), "");
  EXPECT_EQ(anew(), text) << "from the packed form";
}

TEST_P(MailboxPacks, AreBroughtUpToDate) {
  fill("INBOX", 300);
  ASSERT_TRUE(flags("INBOX", {.uids = {{5, 5}}, .flags = {flag::seen, {"early"}}}));
  anew();
  const auto first = packed_change("INBOX");
  ASSERT_TRUE(flags("INBOX", {.uids = {{3, 9}, {200, 280}}, .flags = {flag::flagged, {"late"}}}));
  ASSERT_TRUE(store.run(store->expunge(place, id("INBOX"), {1, 2, 204})));
  fill("INBOX", 20);
  const auto text = show("INBOX");
  EXPECT_EQ(anew(), text);
  EXPECT_EQ(packed_change("INBOX"), first) << "so little isn't worth writing";
  fill("INBOX", 1100);
  const auto more = show("INBOX");
  EXPECT_EQ(anew(), more);
  EXPECT_EQ(anew(), more);
  EXPECT_EQ(packed_change("INBOX"), info("INBOX").change);
}

// Nobody has to open a mailbox for it.
TEST_P(MailboxPacks, FollowInTheBackground) {
  fill("INBOX", 99);
  ASSERT_TRUE(store->maintain());
  EXPECT_EQ(pack_of("INBOX"), "");
  fill("INBOX", 51);
  ASSERT_TRUE(store->maintain());
  EXPECT_EQ(packed_change("INBOX"), info("INBOX").change);
  fill("INBOX", 1);
  ASSERT_TRUE(store->maintain());
  EXPECT_EQ(packed_change("INBOX"), info("INBOX").change);
  ASSERT_TRUE(flags("INBOX", {.uids = {{3, 9}}, .flags = {flag::flagged, {"late"}}}));
  const auto text = show("INBOX");
  const auto first = packed_change("INBOX");
  ASSERT_TRUE(store->maintain());
  EXPECT_EQ(packed_change("INBOX"), first) << "so few flags aren't worth writing";
  EXPECT_EQ(anew(), text);
  // One that is damaged is mended with the next letters.
  put_pack("INBOX", "x");
  reopen();
  fill("INBOX", 1);
  ASSERT_TRUE(store->maintain());
  EXPECT_EQ(packed_change("INBOX"), info("INBOX").change);
}

TEST_P(MailboxPacks, AreWrittenAtAnOrderlyEnd) {
  fill("INBOX", 1000);
  const auto text = show("INBOX");
  reopen();
  EXPECT_EQ(packed_change("INBOX"), info("INBOX").change);
  EXPECT_EQ(show("INBOX"), text);
  fill("INBOX", 200);
  reopen();
  EXPECT_NE(packed_change("INBOX"), info("INBOX").change) << "so few aren't worth writing";
}

// Nobody could write it at an end that was none.
TEST_P(MailboxPacks, FollowWhoOpensOneThatIsFarBehind) {
  fill("INBOX", 300);
  ASSERT_TRUE(store->maintain());
  const auto octets = pack_of("INBOX");
  fill("INBOX", 600);
  ASSERT_TRUE(store->maintain());
  put_pack("INBOX", octets);
  reopen();
  ASSERT_TRUE(store->maintain());
  EXPECT_EQ(pack_of("INBOX"), octets);
  show("INBOX");
  ASSERT_TRUE(store->maintain());
  EXPECT_EQ(packed_change("INBOX"), info("INBOX").change);
}

// After many flags have changed at once the rows are not read again: what is shown is what they say all the same.
TEST_P(MailboxPacks, FlagsOfManyAreTakenAsTheyWereWritten) {
  fill("INBOX", 150);
  auto held = snapshot("INBOX");
  for (const auto& word : {"one", "two", "one"}) {
    auto done = flags("INBOX", {.uids = {{5, 120}}, .flags = {flag::flagged, {word}}});
    ASSERT_TRUE(done);
    auto few =
        flags("INBOX", {.uids = {{7, 9}, {130, 130}}, .how = FlagsHow::remove, .flags = {flag::flagged, {"two"}}});
    ASSERT_TRUE(few);
    held = snapshot("INBOX");
    EXPECT_EQ(held->head().change, info("INBOX").change);
  }
  auto done = flags("INBOX", {.uids = {{1, 150}}, .how = FlagsHow::replace, .flags = {flag::seen, {"two", "three"}}});
  ASSERT_TRUE(done);
  const auto text = show("INBOX");
  EXPECT_EQ(anew(), text);
}

TEST_P(MailboxPacks, DamagedOnesAreMadeAnew) {
  fill("INBOX", 150);
  anew();
  const auto right = pack_of("INBOX");
  const auto text = show("INBOX");
  auto flipped = right;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  for (const auto& wrong : {std::string(), right.substr(0, right.size() / 2), flipped, "x" + right}) {
    put_pack("INBOX", wrong);
    EXPECT_EQ(anew(), text);
    EXPECT_EQ(pack_of("INBOX"), right);
  }
  // One of another mailbox, and one from the future, as a restored file might have it.
  ASSERT_EQ(create("Other"), "");
  fill("Other", 120);
  EXPECT_NE(anew("Other"), "");
  put_pack("INBOX", pack_of("Other"));
  EXPECT_EQ(anew(), text);
  const auto present = snapshot("INBOX");
  auto head = present->head();
  head.change.value += 1000;
  put_pack("INBOX", pack_snapshot(*MailboxSnapshot::of_blocks(head, present->blocks(), present->keyword_sets())));
  EXPECT_EQ(anew(), text);
}

TEST_P(MailboxPacks, GoWithTheirMailbox) {
  ASSERT_EQ(create("Big"), "");
  fill("Big", 120);
  EXPECT_NE(anew("Big"), "");
  const auto mailbox = id("Big");
  ASSERT_TRUE(store.run(store->delete_mailbox(place, "Big")));
  auto count = write([&](db::Connection& connection) -> Result<void> {
    auto rows = connection.number("SELECT COUNT(*) FROM mailbox_pack WHERE account_id = $1 AND mailbox_id = $2",
                                  {place.account.value, mailbox.value});
    EXPECT_EQ(**rows, 0);
    // What was on its way to the writer comes to nothing.
    return write_pack(connection, place.account, mailbox, "late");
  });
  ASSERT_TRUE(count) << count.error().log;
}

// Of a log the newest rows are kept, and up to when the others went; what is older is found by looking at all rows.
TEST_P(MailboxPacks, LogsAreForgottenFromTheirOldEnd) {
  fill("INBOX", 40);
  const auto start = info("INBOX").change;
  const auto held = snapshot("INBOX");
  std::vector<ChangeNumber> moments;
  for (std::uint32_t uid = 1; uid <= 20; ++uid) {
    ASSERT_TRUE(flags("INBOX", {.uids = {{uid, uid}}, .flags = {flag::flagged, {}}}));
    if (uid % 2 == 0) ASSERT_TRUE(store.run(store->expunge(place, id("INBOX"), {uid})));
    moments.push_back(info("INBOX").change);
  }
  auto shortened = write([&, mailbox = id("INBOX")](db::Connection& connection) -> Result<void> {
    for (std::int64_t i = 1; i <= kLogRows - 5; ++i) {
      const std::int64_t uid = 30;
      auto logged = log_change(connection, ChangeLog::changed, place.account, mailbox,
                               ChangeNumber{moments[19].value + i}, {&uid, 1});
      if (!logged) return logged;
    }
    return shorten_log(connection, ChangeLog::changed, place.account, mailbox);
  });
  ASSERT_TRUE(shortened) << shortened.error().log;
  const auto since = [&](ChangeNumber change) {
    auto changes = store.run(store->changes_since(place, id("INBOX"), change));
    EXPECT_TRUE(changes);
    if (changes->forgotten) EXPECT_TRUE(changes->rows.empty() && changes->removed.empty());
    return changes->forgotten;
  };
  EXPECT_TRUE(since(start));
  EXPECT_TRUE(since(moments[13]));
  EXPECT_FALSE(since(moments[18]));
  // The one that is held is too old to be brought up to date.
  const auto text = show("INBOX");
  EXPECT_EQ(text.substr(0, 11), "1:$flagged ");
  EXPECT_EQ(text_of(*held).substr(0, 5), "1 2 3") << "the old one is as it was";
  EXPECT_EQ(anew(), text);
  auto again = write([&, mailbox = id("INBOX")](db::Connection& connection) {
    return shorten_log(connection, ChangeLog::changed, place.account, mailbox);
  });
  EXPECT_TRUE(again) << "there is nothing more to forget";
  EXPECT_FALSE(since(moments[18]));
}

// After each test check() has nothing to say.
TEST_P(MailboxPacks, ForgottenRemovalsAreNothingWrong) {
  fill("INBOX", 4);
  ASSERT_TRUE(store.run(store->expunge(place, id("INBOX"), {2})));
  auto shortened = write([&, mailbox = id("INBOX")](db::Connection& connection) -> Result<void> {
    for (std::int64_t i = 0; i < kLogRows; ++i) {
      const std::int64_t uid = 1;
      auto logged =
          log_change(connection, ChangeLog::removed, place.account, mailbox, ChangeNumber{100 + i}, {&uid, 1});
      if (!logged) return logged;
    }
    for (const std::string_view table : {"account", "mailbox"}) {
      auto changed = connection.run(fmt::format("UPDATE {} SET change = 3000 WHERE account_id = $1", table),
                                    {place.account.value});
      if (!changed) return pass(changed);
    }
    if (auto done = shorten_log(connection, ChangeLog::removed, place.account, mailbox); !done) return done;
    auto marks = connection.number("SELECT COUNT(*) FROM removed_membership WHERE LENGTH(uids) = 0");
    if (!marks) return pass(marks);
    EXPECT_EQ(**marks, 1);
    return {};
  });
  ASSERT_TRUE(shortened) << shortened.error().log;
}

}  // namespace
}  // namespace pabal::store
