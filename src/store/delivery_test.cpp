// Deliveries under odd circumstances: a commit in doubt, an id that comes again, several mailboxes in another shard,
// text that no database takes; and reading what was damaged.
#include <gtest/gtest.h>

#include "store/store_case.hpp"

namespace pabal::store {
namespace {

class StoreDelivery : public StoreFixture {
 protected:
  StoreDelivery() : StoreFixture(2) {}
  static std::string whole(int account, const std::string& text) {
    return fmt::format("Delivered-To: user{}@example.org\r\n{}", account, text);
  }
};

// The commit has happened, and nobody was told: the delivery is tried again under its id and changes nothing.
TEST_F(StoreDelivery, ACommitInDoubtIsLookedAt) {
  std::int64_t uid = 0;
  for (const std::size_t size : {200U, 40'000U}) {
    const auto text = letter_text(size, size);
    store.fail_now({.commit = 1, .commit_happened = true});
    auto outcomes = store.deliver(fmt::format("d{}", size), text, {TestStore::target(1), TestStore::target(2)});
    EXPECT_TRUE(store.struck());
    store.fail_now({});
    ASSERT_EQ(first_error(outcomes), "");
    ++uid;
    EXPECT_EQ(outcomes->front().result->uid, uid);
    for (int round = 0; round < 2; ++round) {
      for (int account = 1; account <= 2; ++account) {
        auto letters = store.read(account);
        ASSERT_TRUE(letters) << letters.error().log;
        EXPECT_EQ(letters->size(), static_cast<std::size_t>(uid));
        EXPECT_EQ(letters->rbegin()->second, whole(account, text));
      }
      maintain();
      reopen();
    }
  }
  EXPECT_EQ(files_in("files"), 1) << "the big one's, which lives";
  expunge(1);
  expunge(2);
  maintain();
  EXPECT_EQ(files_in("files"), 0);
}

// A client that is told of a failure would append once more.
TEST_F(StoreDelivery, AnAppendInDoubtIsLookedAt) {
  const auto append = [this](std::size_t size) {
    std::vector<AppendedLetter> letters(2);
    for (auto& letter : letters) {
      letter.content = store->receive(0);
      letter.content.append(letter_text(size, size));
    }
    return store.run(store->append(TestStore::place(1), {"INBOX"}, std::move(letters)));
  };
  std::size_t there = 0;
  for (const bool happened : {true, false}) {
    for (const std::size_t size : {200U, 40'000U}) {
      // To begin a segment has a commit of its own.
      ASSERT_TRUE(append(size));
      there += 2;
      store.fail_now({.commit = 1, .commit_happened = happened});
      const auto appended = append(size);
      EXPECT_TRUE(store.struck());
      store.fail_now({});
      ASSERT_EQ(appended.has_value(), happened);
      there += happened ? 2 : 0;
      if (happened) EXPECT_EQ(appended->uids.back(), there);
      maintain();
      EXPECT_EQ(store.read(1)->size(), there);
      reopen();
    }
  }
}

TEST_F(StoreDelivery, AGroupInDoubt) {
  ASSERT_TRUE(store->set_quota(TestStore::place(3), 100));
  std::vector<Async<TestStore::Outcomes>> works;
  for (std::uint64_t i = 0; i < 12; ++i) {
    works.push_back(store->deliver(
        store.letter(fmt::format("d{}", i), letter_text(i, 3000), {TestStore::target(1), TestStore::target(3)})));
  }
  // A segment is there already: to begin one has a commit of its own.
  std::vector<Async<TestStore::Outcomes>> first;
  for (std::uint64_t i = 20; i < 23; ++i) {
    first.push_back(store->deliver(store.letter(fmt::format("d{}", i), letter_text(i, 3000), {TestStore::target(2)})));
  }
  for (const auto& outcomes : store.run_all(std::move(first))) EXPECT_EQ(first_error(outcomes), "");
  store.fail_now({.commit = 1, .commit_happened = true});
  for (const auto& outcomes : store.run_all(std::move(works))) {
    ASSERT_TRUE(outcomes) << outcomes.error().log;
    EXPECT_TRUE(outcomes->front().result);
    EXPECT_TRUE(outcomes->back().queued);
  }
  EXPECT_TRUE(store.struck());
  EXPECT_EQ(store.read(1)->size(), 12);
  EXPECT_EQ(store->queue_rows()->size(), 12);
}

TEST_F(StoreDelivery, ACommitInDoubtWithSeveralShards) {
  const auto text = letter_text(1, 40'000);
  store.fail_now({.commit = 1, .commit_happened = true});
  auto outcomes = store.deliver("d1", text, {TestStore::target(1), TestStore::target(2, "INBOX", 2)});
  ASSERT_EQ(first_error(outcomes), "");
  EXPECT_EQ(store.read(1)->at(1), whole(1, text));
  EXPECT_EQ(store.read(2, "INBOX", 2)->at(1), whole(2, text));
  EXPECT_EQ(store->queue_rows()->size(), 0);
  EXPECT_EQ(files_in("files"), 1);
  EXPECT_EQ(files_in("files", 2), 1);
}

// Certainly undone: nothing is left, and the sender keeps its copy.
TEST_F(StoreDelivery, AFailedCommitLeavesNoFile) {
  store.fail_now({.commit = 1});
  EXPECT_EQ(first_error(store.deliver("d1", letter_text(1, 40'000), {TestStore::target(1)})), "all: io");
  EXPECT_EQ(files_in("files"), 0);
  EXPECT_EQ(store.read(1)->size(), 0);
}

// An account may be full because of this very letter.
TEST_F(StoreDelivery, TheSameIdAgainIntoAFullAccount) {
  ASSERT_TRUE(store->set_quota(TestStore::place(1), 2000));
  const auto text = letter_text(1, 1500);
  auto first = store.deliver("d1", text, {TestStore::target(1)});
  ASSERT_EQ(first_error(first), "");
  auto again = store.deliver("d1", text, {TestStore::target(1)});
  ASSERT_EQ(first_error(again), "");
  EXPECT_EQ(again->front().result->uid, first->front().result->uid);
  EXPECT_EQ(store.read(1)->size(), 1);
  EXPECT_EQ(first_error(store.deliver("d2", text, {TestStore::target(1)})), "all: quota");
}

// A message is stored once a shard, however many of its mailboxes it goes to, and whenever.
TEST_F(StoreDelivery, OnceAShard) {
  const auto text = letter_text(1, 40'000);
  ASSERT_TRUE(store->set_quota(TestStore::place(3, 2), 100));
  auto outcomes = store.deliver(
      "d1", text,
      {TestStore::target(1, "INBOX", 1), TestStore::target(1, "INBOX", 2), TestStore::target(2, "INBOX", 1),
       TestStore::target(2, "INBOX", 2), TestStore::target(2, "Other", 2), TestStore::target(3, "INBOX", 2)});
  EXPECT_EQ(first_error(outcomes), "quota queued");
  EXPECT_EQ(std::ranges::count_if(*outcomes, [](const auto& outcome) { return outcome.result.has_value(); }), 5);
  EXPECT_EQ(files_in("files"), 1);
  EXPECT_EQ(files_in("files", 2), 1);
  EXPECT_EQ(store->queue_rows()->size(), 1);
  ASSERT_TRUE(store->set_quota(TestStore::place(3, 2), std::nullopt));
  store.clock.advance(std::chrono::hours(1));
  auto due = store.run(store->due_local(10, std::chrono::seconds(60)));
  ASSERT_TRUE(due && due->size() == 1);
  auto retried = store.run(store->retry_local(due->front()));
  ASSERT_TRUE(retried) << retried.error().log;
  EXPECT_EQ(store.read(3, "INBOX", 2)->at(1), whole(3, text));
  EXPECT_EQ(files_in("files", 2), 1);
  EXPECT_EQ(store->queue_rows()->size(), 0);
  EXPECT_EQ(store.check(), "");
  for (int account = 1; account <= 3; ++account) expunge(account, [](std::int64_t) { return true; }, 2);
  auto other = store.run(store->list_mailbox(TestStore::place(2, 2), "Other"));
  ASSERT_TRUE(store.run(store->expunge(TestStore::place(2, 2), other->mailbox, {1})));
  maintain();
  EXPECT_EQ(files_in("files", 2), 0);
}

// More than one statement's list, with gaps, and blobs that others refer to as well.
TEST_F(StoreDelivery, ManyAreExpungedAtOnce) {
  std::vector<Async<TestStore::Outcomes>> works;
  for (std::uint64_t i = 0; i < 300; ++i) {
    std::vector targets = {TestStore::target(1)};
    if (i % 2 == 0) targets.push_back(TestStore::target(2));
    if (i % 5 == 0) targets.push_back(TestStore::target(1, "Other"));
    works.push_back(store->deliver(store.letter(fmt::format("d{}", i), letter_text(i, 300), std::move(targets))));
  }
  for (const auto& outcomes : store.run_all(std::move(works))) ASSERT_EQ(first_error(outcomes), "");
  auto listing = store.run(store->list_mailbox(TestStore::place(1), "INBOX"));
  ASSERT_TRUE(listing);
  std::vector<std::int64_t> uids;
  for (std::int64_t uid = 301; uid >= 1; --uid) {
    if (uid % 4 != 0) uids.push_back(uid);
  }
  ASSERT_TRUE(store.run(store->expunge(TestStore::place(1), listing->mailbox, uids)));
  EXPECT_EQ(store.check(), "");
  EXPECT_EQ(store.read(1)->size(), 75);
  EXPECT_EQ(store.read(1, "Other")->size(), 60);
  expunge(2);
  maintain();
  EXPECT_EQ(store.check(), "");
  expunge(1);
  EXPECT_EQ(store.read(1, "Other")->size(), 60);
  ASSERT_TRUE(store->remove_account(TestStore::place(1)));
  maintain();
  EXPECT_EQ(store.check(), "");
}

// Many rows are claimed, with and without others between them.
TEST_F(StoreDelivery, WhenTheNextIsDue) {
  ASSERT_TRUE(store->set_quota(TestStore::place(1), 0));
  const auto start = store.clock.now();
  const auto minutes = [&](int count) { return start + std::chrono::minutes(count); };
  const auto next = [&] { return *store.run(store->next_due()); };
  EXPECT_EQ(next(), std::nullopt);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(first_error(store.deliver(fmt::format("d{}", i), "text", {TestStore::target(1), TestStore::target(2)})),
              "quota queued");
  }
  EXPECT_EQ(next(), minutes(1));
  store.clock.advance(std::chrono::minutes(5));
  EXPECT_EQ(store.run(store->due_local(150, std::chrono::minutes(10)))->size(), 150);
  EXPECT_EQ(next(), minutes(1)) << "those that nobody has claimed";
  auto last = store.run(store->due_local(100, std::chrono::minutes(20)));
  ASSERT_EQ(last->size(), 50);
  EXPECT_EQ(next(), minutes(15)) << "the first claim's end";
  EXPECT_TRUE(store.run(store->postpone_local(last->back(), minutes(12), "later")));
  EXPECT_EQ(next(), minutes(12));
  EXPECT_TRUE(store.run(store->due_local(100, std::chrono::minutes(20)))->empty());
}

// RFC 3461's ORCPT and ENVID may hold any octets once they are decoded: no reason to refuse the letter.
TEST_F(StoreDelivery, TextsThatNoDatabaseTakes) {
  const std::string bad("a\0b\xff\xc3(", 6);
  ASSERT_TRUE(store->set_quota(TestStore::place(1), 10));
  auto delivery = store.letter("d1", letter_text(1, 1000), {TestStore::target(1), TestStore::target(2)});
  delivery.sender = delivery.envelope_id = delivery.ret = delivery.trace = bad;
  auto& target = delivery.targets.front();
  target.recipient = target.notify = target.original_recipient = bad;
  target.keywords = {bad};
  EXPECT_EQ(first_error(store.deliver(std::move(delivery))), "quota queued");
  EXPECT_EQ(store.read(2)->size(), 1);
  ASSERT_EQ(store->queue_rows()->size(), 1);
  EXPECT_NE(store->queue_rows()->front().find("a\\\\x00b"), std::string::npos) << store->queue_rows()->front();
  auto elsewhere = store.letter("d2", letter_text(1, 1000), {TestStore::target(2), TestStore::target(1, "INBOX", 2)});
  elsewhere.targets.back().original_recipient = bad;
  EXPECT_EQ(first_error(store.deliver(std::move(elsewhere))), "");
}

// The setting says where new blobs go; those of before stay where they are.
TEST_F(StoreDelivery, BlobsInTheDatabaseFromNowOn) {
  std::vector<std::string> sent;
  const auto send = [&](std::size_t size) {
    const auto number = sent.size() + 1;
    sent.push_back(letter_text(number, size));
    EXPECT_EQ(first_error(store.deliver(fmt::format("d{}", number), sent.back(), {TestStore::target(1)})), "");
  };
  const auto all_there = [&] {
    auto letters = store.read(1);
    ASSERT_TRUE(letters) << letters.error().log;
    ASSERT_EQ(letters->size(), sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) {
      EXPECT_EQ(letters->at(static_cast<std::int64_t>(i) + 1), whole(1, sent[i])) << i;
    }
    EXPECT_EQ(store.check(), "");
  };
  for (const std::size_t size : {500U, 10'000U, 40'000U}) send(size);
  maintain();
  send(600);
  EXPECT_EQ(files_in("files"), 1);
  store.blobs_in_database = true;
  reopen();
  all_there();
  for (const std::size_t size : {500U, 10'000U, 40'000U}) send(size);
  maintain();
  all_there();
  EXPECT_EQ(files_in("files"), 1);
  store.blobs_in_database = false;
  reopen();
  maintain();
  send(40'000);
  all_there();
  EXPECT_EQ(files_in("files"), 2);
}

// A file that was arriving goes at the next start, also where its name begins as a blob's number would.
TEST_F(StoreDelivery, WhatWasArrivingGoes) {
  for (int i = 1; i <= 10; ++i) {  // blob 10 is file "a"
    ASSERT_EQ(first_error(store.deliver(fmt::format("d{}", i), letter_text(1, 40'000), {TestStore::target(1)})), "");
  }
  ASSERT_TRUE(*files.exists("/data/shard1/files/a"));
  store.close();
  ASSERT_TRUE(files.open("/data/shard1/files/arriving-0123", OpenMode::create));
  reopen();
  EXPECT_EQ(files_in("files"), 10);
}

// A letter that is read in parts is compared at its end; what stands under another record's header isn't shown at all.
TEST_F(StoreDelivery, DamageIsSeenByWhoReadsInParts) {
  const auto text = letter_text(1, 3000);
  const std::string segment = "/data/shard1/segments/00000001.segment";
  const auto read_in_parts = [&](std::size_t part) -> std::string {
    auto opened = store.run(store->open_email(TestStore::place(1), EmailId{7}));
    if (!opened) return opened.error().log;
    std::string all;
    while (all.size() < (*opened)->size()) {
      if ((*opened)->try_read(all.size(), part, all)) continue;
      auto more = store.run((*opened)->read(all.size(), part));
      if (!more) return fmt::format("{} after {}", name_of(more.error().kind), all.size() > 2000 ? "most" : "little");
      all += *more;
    }
    return all == whole(1, text) ? "" : "other octets";
  };
  ASSERT_EQ(first_error(store.deliver("d1", text, {TestStore::target(1)})), "");
  for (const std::size_t part : {100U, 1000U, 5000U}) EXPECT_EQ(read_in_parts(part), "") << "in the row, " << part;
  maintain();
  for (const std::size_t part : {1U, 100U, 1000U, 5000U}) EXPECT_EQ(read_in_parts(part), "") << part;
  auto file = files.open(segment, OpenMode::read_write);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at("X", 200));
  EXPECT_EQ(read_in_parts(1000), "damaged after most");
  EXPECT_EQ(read_in_parts(7), "damaged after most");
  EXPECT_EQ(read_in_parts(5000), "damaged after little");
  {
    auto opened = store.run(store->open_email(TestStore::place(1), EmailId{7}));
    ASSERT_TRUE(opened);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(store.run((*opened)->read(1000, 500))) << "from the middle: nobody knows";
  }
  ASSERT_TRUE((*file)->write_at(text.substr(200 - 64, 1), 200));
  EXPECT_EQ(read_in_parts(1000), "");
  std::string header(64, ' ');
  ASSERT_TRUE((*file)->read_at(header, 0));
  ASSERT_TRUE((*file)->write_at("Y", 10));
  EXPECT_EQ(read_in_parts(1000), "damaged after little");
  ASSERT_TRUE((*file)->write_at(header, 0));
}

}  // namespace
}  // namespace pabal::store
