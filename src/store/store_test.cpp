#include "store/store.hpp"

#include "store/store_case.hpp"

namespace pabal::store {
namespace {

/// What only a shard with a folder has.
class StoreOnDisk : public StoreTest {
 protected:
  [[nodiscard]] Engine engine() const override { return Engine::sqlite; }
};

INSTANTIATE_TEST_SUITE_P(Engines, StoreTest, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);
INSTANTIATE_TEST_SUITE_P(Engines, StoreOnDisk, testing::Values(Engine::sqlite), engine_name);

TEST_P(StoreTest, OneLetterToOneMailbox) {
  const auto text = letter_text(1, 1000);
  auto outcomes = store.deliver("d1", text, {TestStore::target(1)});
  ASSERT_EQ(first_error(outcomes), "");
  EXPECT_EQ(outcomes->front().result->uid, 1);
  auto letters = store.read(1);
  ASSERT_TRUE(letters) << letters.error().log;
  EXPECT_EQ(letters->at(1), "Delivered-To: user1@example.org\r\n" + text);
  auto usage = store.run(store->usage(TestStore::place(1)));
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->emails, 1);
  EXPECT_EQ(usage->bytes, letters->at(1).size());
}

TEST_P(StoreTest, ManyRecipientsOneBlob) {
  const auto text = letter_text(1, 40'000);  // a file: easy to count
  auto outcomes =
      store.deliver("d1", text, {TestStore::target(3), TestStore::target(1), TestStore::target(2, "Lists/Ships")});
  ASSERT_EQ(first_error(outcomes), "");
  expect_files(1);
  EXPECT_EQ(store.read(1)->at(1), "Delivered-To: user1@example.org\r\n" + text);
  EXPECT_EQ(store.read(2, "Lists/Ships")->at(1), "Delivered-To: user2@example.org\r\n" + text);
  EXPECT_EQ(store.read(3)->at(1), "Delivered-To: user3@example.org\r\n" + text);
  EXPECT_TRUE(store.read(2, "Lists")) << "the mailbox above is made too";
  // The file goes with the last of them.
  for (const auto& [account, mailbox] : {std::pair{1, "INBOX"}, {2, "Lists/Ships"}, {3, "INBOX"}}) {
    maintain();
    expect_files(1);
    auto listing = store.run(store->list_mailbox(TestStore::place(account), mailbox));
    ASSERT_TRUE(listing);
    ASSERT_TRUE(store.run(store->expunge(TestStore::place(account), listing->mailbox, {1})));
  }
  maintain();
  expect_files(0);
}

TEST_P(StoreTest, TheSameDeliveryAgainChangesNothing) {
  const auto text = letter_text(1, 500);
  auto first = store.deliver("d1", text, {TestStore::target(1), TestStore::target(2)});
  auto second = store.deliver("d1", text, {TestStore::target(1), TestStore::target(2), TestStore::target(3)});
  ASSERT_EQ(first_error(first), "");
  ASSERT_EQ(first_error(second), "");
  EXPECT_EQ(first->at(0).result->uid, second->at(0).result->uid);
  EXPECT_EQ(first->at(1).result->email, second->at(1).result->email);
  EXPECT_EQ(dump(1), "1:533");
  EXPECT_EQ(dump(2), "1:533");
  EXPECT_EQ(dump(3), "1:533") << "a target that is new under the same id is reached";
  // Two mailboxes of one account are two targets.
  ASSERT_EQ(first_error(store.deliver("d2", text, {TestStore::target(1), TestStore::target(1, "Archive")})), "");
  ASSERT_EQ(first_error(store.deliver("d2", text, {TestStore::target(1), TestStore::target(1, "Archive")})), "");
  EXPECT_EQ(dump(1), "1:533 2:533");
  EXPECT_EQ(dump(1, "Archive"), "1:533");
}

TEST_P(StoreTest, QuotaStopsOneTargetAlone) {
  ASSERT_TRUE(store->set_quota(TestStore::place(1), 2000));
  const auto text = letter_text(1, 1500);
  EXPECT_EQ(first_error(store.deliver("d1", text, {TestStore::target(1)})), "");
  EXPECT_EQ(first_error(store.deliver("d2", text, {TestStore::target(1)})), "all: quota");
  auto direct = store.letter("d3", text, {TestStore::target(1), TestStore::target(2)});
  direct.retry_locally = false;
  EXPECT_EQ(first_error(store.deliver(std::move(direct))), "quota");
  EXPECT_EQ(first_error(store.deliver("d4", text, {TestStore::target(1), TestStore::target(2)})), "quota queued");
  EXPECT_EQ(dump(2), "1:1533 2:1533");
  EXPECT_EQ(store.check(), "");
  // When there is room again, the queue's letter comes.
  ASSERT_TRUE(store->set_quota(TestStore::place(1), std::nullopt));
  store.clock.advance(std::chrono::minutes(2));
  auto due = store.run(store->due_local(10, std::chrono::seconds(60)));
  ASSERT_TRUE(due);
  ASSERT_EQ(due->size(), 1);
  EXPECT_TRUE(store.run(store->due_local(10, std::chrono::seconds(60)))->empty()) << "it is claimed";
  auto retried = store.run(store->retry_local(due->front()));
  ASSERT_TRUE(retried) << retried.error().log;
  EXPECT_EQ(dump(1), "1:1533 2:1533");
  EXPECT_EQ(store->queue_rows()->size(), 0);
  EXPECT_FALSE(store.run(store->retry_local(due->front()))) << "the row is gone";
  EXPECT_EQ(dump(1), "1:1533 2:1533");
}

TEST_P(StoreTest, AnOperatorHoldsRetriesAndDrops) {
  ASSERT_TRUE(store->set_quota(TestStore::place(1), 0));
  ASSERT_TRUE(store->set_quota(TestStore::place(2), 0));
  const std::vector targets = {TestStore::target(1), TestStore::target(2), TestStore::target(3)};
  EXPECT_EQ(first_error(store.deliver("d1", "text", targets)), "quota queued");
  EXPECT_EQ(first_error(store.deliver("d2", "text", targets)), "quota queued");
  const auto due = [&] { return store.run(store->due_local(10, std::chrono::seconds(0)))->size(); };
  EXPECT_EQ(due(), 0);
  EXPECT_EQ(store->change_queue("d1", Store::QueueAction::retry), 2);
  EXPECT_EQ(due(), 2);
  EXPECT_EQ(store->change_queue("d1", Store::QueueAction::hold), 2);
  store.clock.advance(std::chrono::hours(1));
  EXPECT_EQ(due(), 2) << "the other delivery's";
  EXPECT_EQ(store->change_queue("d1", Store::QueueAction::release), 2);
  EXPECT_EQ(store->change_queue("d1", Store::QueueAction::release), 0);
  EXPECT_EQ(store->change_queue("d1", Store::QueueAction::drop), 2);
  EXPECT_EQ(store->change_queue("d1", Store::QueueAction::drop), 0);
  EXPECT_EQ(store->queue_rows()->size(), 2);
  EXPECT_EQ(dump(3), "1:37 2:37");
}

TEST_P(StoreTest, WhatCantBeATarget) {
  EXPECT_EQ(first_error(store.deliver("d1", "x", {TestStore::target(99)})), "all: not_found");
  EXPECT_EQ(first_error(store.deliver("d2", "x", {TestStore::target(1, "a//b")})), "all: policy");
  EXPECT_EQ(first_error(store.deliver("d3", "x", {TestStore::target(1, "a\nb")})), "all: policy");
  EXPECT_EQ(first_error(store.deliver("d4", "x", {TestStore::target(1, "", 1)})), "all: policy");
  EXPECT_EQ(first_error(store.deliver("d5", "x", {TestStore::target(1, "INBOX", 9)})), "all: not_found");
  EXPECT_EQ(first_error(store.deliver("d6", "x", {})), "all: state");
  EXPECT_EQ(first_error(store.deliver("d7", "", {TestStore::target(1, "iNbOx")})), "");
  EXPECT_EQ(dump(1), "1:33");
}

TEST_P(StoreTest, ChangesCountUp) {
  std::int64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    auto outcomes = store.deliver(fmt::format("d{}", i), "text", {TestStore::target(1, i % 2 ? "INBOX" : "New")});
    ASSERT_EQ(first_error(outcomes), "");
    EXPECT_GT(outcomes->front().result->change.value, last);
    last = outcomes->front().result->change.value;
  }
  auto listing = store.run(store->list_mailbox(TestStore::place(1), "INBOX"));
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->uid_next, 3);
  EXPECT_GT(listing->uid_validity, 0);
  auto change = store.run(store->expunge(TestStore::place(1), listing->mailbox, {2, 7, 2}));
  ASSERT_TRUE(change);
  EXPECT_EQ(change->value, last + 1);
  auto again = store.run(store->expunge(TestStore::place(1), listing->mailbox, {2, 7, 2}));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->value, last + 1) << "nothing was there to remove";
  EXPECT_FALSE(store.run(store->expunge(TestStore::place(1), MailboxId{999}, {1})));
  EXPECT_EQ(dump(1), "1:37");
}

TEST_P(StoreOnDisk, RowsMoveIntoSegments) {
  const auto text = letter_text(1, 1000);
  ASSERT_EQ(first_error(store.deliver("d1", text, {TestStore::target(1)})), "");
  EXPECT_EQ(files_in("segments"), 0);
  auto opened = store.run(store->open_email(TestStore::place(1), EmailId{7}));
  ASSERT_TRUE(opened) << opened.error().log;
  maintain();
  EXPECT_GE(files_in("segments"), 1);
  EXPECT_EQ(store.check(), "");
  EXPECT_EQ(store.read(1)->at(1), "Delivered-To: user1@example.org\r\n" + text);
  std::string read;
  EXPECT_TRUE((*opened)->try_read(0, 10'000, read));
  EXPECT_EQ(read, "Delivered-To: user1@example.org\r\n" + text);
}

TEST_P(StoreTest, EveryRangeOfALetter) {
  const auto text = letter_text(1, 200);
  ASSERT_EQ(first_error(store.deliver("d1", text, {TestStore::target(1)})), "");
  const auto whole = "Delivered-To: user1@example.org\r\n" + text;
  for (int moved = 0; moved < 2; ++moved) {
    auto opened = store.run(store->open_email(TestStore::place(1), EmailId{7}));
    ASSERT_TRUE(opened);
    for (std::size_t from = 0; from <= whole.size() + 1; from += 3) {
      for (std::size_t count = 0; count <= whole.size() + 1; count += 7) {
        std::string part = "before ";
        ASSERT_TRUE((*opened)->try_read(from, count, part));
        ASSERT_EQ(part, "before " + (from < whole.size() ? whole.substr(from, count) : ""));
      }
    }
    maintain();
  }
  EXPECT_FALSE(store.run(store->open_email(TestStore::place(1), EmailId{999})));
}

TEST_P(StoreOnDisk, SpilledLettersBecomeFiles) {
  const auto text = letter_text(5, 100'000);
  auto delivery = store.letter("d1", "", {TestStore::target(1), TestStore::target(2)});
  delivery.content = store->receive(text.size());
  for (std::size_t at = 0; at < text.size(); at += 5000) {
    delivery.content.append(std::string_view(text).substr(at, 5000));
    if (delivery.content.wants_spill()) ASSERT_TRUE(store.run(delivery.content.spill()));
  }
  EXPECT_TRUE(delivery.content.has_file());
  EXPECT_EQ(delivery.content.size(), text.size());
  EXPECT_EQ(files_in("files"), 1);
  ASSERT_EQ(first_error(store.deliver(std::move(delivery))), "");
  EXPECT_EQ(files_in("files"), 1);
  EXPECT_EQ(store.read(2)->at(1), "Delivered-To: user2@example.org\r\n" + text);
  // A file whose rows are not written goes.
  auto refused = store.letter("d2", text, {TestStore::target(77)});
  EXPECT_EQ(first_error(store.deliver(std::move(refused))), "all: not_found");
  EXPECT_EQ(files_in("files"), 1);
  {
    Incoming dropped = store->receive(0);
    dropped.append(text);
    ASSERT_TRUE(store.run(dropped.spill()));
    EXPECT_EQ(files_in("files"), 2);
  }
  EXPECT_EQ(files_in("files"), 1);
}

// What is known of a letter only once it has arrived stands before it, wherever it has come to lie.
TEST_P(StoreTest, FieldsArePutBeforeWhatHasArrived) {
  for (const std::size_t size : {0U, 100U, 20'000U, 30'000U, 100'000U, (3U << 20) + 5}) {
    SCOPED_TRACE(size);
    const auto text = letter_text(size, size);
    auto delivery = store.letter(fmt::format("d{}", size), "", {TestStore::target(1), TestStore::target(2)});
    delivery.content = store->receive(0);
    for (std::size_t at = 0; at < text.size(); at += 5000) {
      delivery.content.append(std::string_view(text).substr(at, 5000));
      if (delivery.content.wants_spill()) ASSERT_TRUE(store.run(delivery.content.spill()));
    }
    const std::string second = "Second: " + std::string(3000, 's') + "\r\n";
    ASSERT_TRUE(store.run(delivery.content.put_before(second)));
    ASSERT_TRUE(store.run(delivery.content.put_before("")));
    ASSERT_TRUE(store.run(delivery.content.put_before("First: 1\r\n")));
    const auto whole = "First: 1\r\n" + second + text;
    EXPECT_EQ(delivery.content.size(), whole.size());
    EXPECT_EQ(delivery.content.head().substr(0, 16 << 10), whole.substr(0, 16 << 10));
    std::string read;
    std::string buffer;
    while (read.size() < whole.size()) {
      auto part = delivery.content.part(read.size(), 7777, buffer);
      ASSERT_TRUE(part && !part->empty());
      read.append(*part);
    }
    EXPECT_TRUE(read == whole);
    ASSERT_EQ(first_error(store.deliver(std::move(delivery))), "");
    const auto letters = store.read(2);
    ASSERT_TRUE(letters);
    EXPECT_TRUE(letters->rbegin()->second == "Delivered-To: user2@example.org\r\n" + whole);
  }
  EXPECT_EQ(store.check(), "");
  reopen();
  EXPECT_EQ(store.check(), "");
  maintain();
  EXPECT_EQ(store.read(1)->size(), 6);
}

TEST_P(StoreTest, TheRoomBeforeAFileHasAnEnd) {
  const auto text = letter_text(1, 100'000);
  auto delivery = store.letter("d1", "", {TestStore::target(1)});
  delivery.content = store->receive(0);
  delivery.content.append(text);
  ASSERT_TRUE(store.run(delivery.content.spill()));
  std::string whole = text;
  for (int i = 0; i < 4; ++i) {
    const std::string field = fmt::format("F{}: {}\r\n", i, std::string((Incoming::head_room / 4) - 6, 'x'));
    ASSERT_TRUE(store.run(delivery.content.put_before(field)));
    whole.insert(0, field);
  }
  EXPECT_EQ(store.run(delivery.content.put_before("x")).error().kind, ErrorKind::limit);
  ASSERT_EQ(first_error(store.deliver(std::move(delivery))), "");
  EXPECT_TRUE(store.read(1)->at(1) == "Delivered-To: user1@example.org\r\n" + whole);
}

TEST_P(StoreTest, JunkGoesWhereTheAccountHasItsJunk) {
  const auto deliver = [&](std::string id) {
    auto target = TestStore::target(1, "Junk");
    target.keywords = {"$junk"};
    ASSERT_EQ(first_error(store.deliver(store.letter(std::move(id), "Subject: x\r\n\r\n", {target}))), "");
  };
  const auto place = TestStore::place(1);
  deliver("d1");
  EXPECT_EQ(dump(1, "Junk"), "1:47");
  ASSERT_TRUE(store.run(store->rename_mailbox(place, "Junk", "스팸")));
  deliver("d2");
  EXPECT_EQ(dump(1, "스팸"), "1:47 2:47");
  ASSERT_TRUE(store.run(store->delete_mailbox(place, "스팸")));
  deliver("d3");
  EXPECT_EQ(dump(1, "Junk"), "1:47");
  const auto made = store.run(store->find_mailbox(place, "Junk"));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->role, "junk");
  // One of that name that isn't it by its role is what was named all the same.
  ASSERT_TRUE(store.run(store->rename_mailbox(place, "Junk", "스팸")));
  ASSERT_TRUE(store.run(store->create_mailbox(place, "Junk", {})));
  deliver("d4");
  EXPECT_EQ(dump(1, "Junk"), "1:47");
}

// Where octets are kept in the database, a big letter waits in a file until it has arrived, and goes in piece by piece.
TEST_P(StoreTest, ABigLetterArrivesThroughAFile) {
  const auto text = letter_text(5, (3 << 20) + 77);
  const auto deliver = [&](std::string id, std::int64_t account) {
    auto delivery = store.letter(std::move(id), "", {TestStore::target(account)});
    delivery.content = store->receive(text.size());
    for (std::size_t at = 0; at < text.size(); at += 50'000) {
      delivery.content.append(std::string_view(text).substr(at, 50'000));
      if (delivery.content.wants_spill()) EXPECT_TRUE(store.run(delivery.content.spill()));
    }
    EXPECT_TRUE(delivery.content.has_file());
    EXPECT_LT(delivery.content.memory().size(), 100'000);
    return first_error(store.deliver(std::move(delivery)));
  };
  const auto arriving = [&] {
    auto names = files.list("/arrivals/1");
    return names ? names->size() - 1 : 0;  // without the lock
  };
  EXPECT_EQ(deliver("d1", 1), "");
  EXPECT_EQ(deliver("d2", 77), "all: not_found");
  EXPECT_EQ(arriving(), 0);
  const auto whole = "Delivered-To: user1@example.org\r\n" + text;
  EXPECT_TRUE(store.read(1)->at(1) == whole);
  auto email = store.run(store->open_email(TestStore::place(1), EmailId{7}));
  ASSERT_TRUE(email) << email.error().log;
  for (const std::size_t border : {0U, 1U << 20, 2U << 20, 3U << 20}) {
    for (const std::size_t count : {1U, 70U, 5000U, 1'100'000U}) {
      const std::size_t from = border < 30 ? 0 : border - 30;
      auto part = store.run((*email)->read(from, count));
      ASSERT_TRUE(part) << part.error().log;
      EXPECT_TRUE(*part == whole.substr(from, count)) << from << " " << count;
    }
  }
  email->reset();
  if (engine() == Engine::postgresql) {
    store.close();
    ASSERT_TRUE(files.open("/arrivals/1/arriving-0123", OpenMode::create));
    reopen();
    EXPECT_EQ(arriving(), 0);
  }
}

TEST_P(StoreOnDisk, LeftOversOfACrashGo) {
  ASSERT_EQ(first_error(store.deliver("d1", letter_text(1, 40'000), {TestStore::target(1)})), "");
  store.close();
  for (const auto* path :
       {"/data/shard1/files/arriving-0123", "/data/shard1/files/ffff", "/data/shard1/segments/000000ff.segment"}) {
    ASSERT_TRUE(files.open(path, OpenMode::create));
  }
  reopen();
  EXPECT_EQ(files_in("files"), 1);
  EXPECT_EQ(files_in("segments"), 0);
  EXPECT_EQ(dump(1), "1:40033");
}

// Many at once: they share groups, segments fill up and follow one another.
TEST_P(StoreTest, ConcurrentDeliveries) {
  constexpr int kLetters = 200;
  std::vector<Async<TestStore::Outcomes>> works;
  for (int i = 0; i < kLetters; ++i) {
    works.push_back(store->deliver(store.letter(fmt::format("d{}", i), letter_text(static_cast<std::uint64_t>(i), 3000),
                                                {TestStore::target(1 + (i % 3))})));
  }
  for (const auto& outcomes : store.run_all(std::move(works))) EXPECT_EQ(first_error(outcomes), "");
  if (engine() == Engine::sqlite) EXPECT_GE(files_in("segments"), 9);
  std::multiset<std::string> expected;
  std::multiset<std::string> found;
  for (int i = 0; i < kLetters; ++i) {
    expected.insert(fmt::format("Delivered-To: user{}@example.org\r\n{}", 1 + (i % 3),
                                letter_text(static_cast<std::uint64_t>(i), 3000)));
  }
  reopen();
  for (int account = 1; account <= 3; ++account) {
    auto letters = store.read(account);
    ASSERT_TRUE(letters) << letters.error().log;
    for (auto& [uid, text] : *letters) found.insert(text);
  }
  EXPECT_EQ(found, expected);
}

TEST_P(StoreTest, AGroupWithOneThatWasThereBefore) {
  ASSERT_EQ(first_error(store.deliver("d3", letter_text(3, 100), {TestStore::target(1)})), "");
  std::vector<Async<TestStore::Outcomes>> works;
  for (int i = 0; i < 8; ++i) {
    works.push_back(store->deliver(store.letter(fmt::format("d{}", i), letter_text(3, 100), {TestStore::target(1)})));
  }
  for (const auto& outcomes : store.run_all(std::move(works))) EXPECT_EQ(first_error(outcomes), "");
  auto letters = store.read(1);
  ASSERT_TRUE(letters);
  EXPECT_EQ(letters->size(), 8);
}

TEST_P(StoreOnDisk, HalfDeadSegmentsAreEmptiedAndWrittenAnew) {
  std::int64_t next = 1;
  std::map<std::int64_t, std::string> kept;
  for (int round = 0; round < 6; ++round) {
    std::vector<Async<TestStore::Outcomes>> works;
    for (int i = 0; i < 40; ++i) {
      works.push_back(store->deliver(store.letter(fmt::format("d{}-{}", round, i),
                                                  letter_text(static_cast<std::uint64_t>(1000 * round + i), 3000),
                                                  {TestStore::target(1)})));
    }
    for (const auto& outcomes : store.run_all(std::move(works))) ASSERT_EQ(first_error(outcomes), "");
    auto letters = store.read(1);
    ASSERT_TRUE(letters) << letters.error().log;
    std::vector<std::int64_t> gone;
    for (const auto& [uid, text] : *letters) {
      if (uid < next) {
        EXPECT_EQ(text, kept[uid]);
      } else if (uid % 10 != 0) {
        gone.push_back(uid);
      } else {
        kept[uid] = text;
      }
    }
    next = letters->rbegin()->first + 1;
    auto listing = store.run(store->list_mailbox(TestStore::place(1), "INBOX"));
    ASSERT_TRUE(store.run(store->expunge(TestStore::place(1), listing->mailbox, gone)));
    maintain();
    EXPECT_EQ(store.check(), "") << "round " << round;
    EXPECT_LE(files_in("segments"), 7);
    if (round % 2 == 1) reopen();
  }
  EXPECT_EQ(store.read(1)->size(), kept.size());
}

TEST_P(StoreTest, AReaderKeepsWhatItOpened) {
  std::vector<Async<TestStore::Outcomes>> works;
  for (int i = 0; i < 60; ++i) {
    works.push_back(store->deliver(
        store.letter(fmt::format("d{}", i), letter_text(static_cast<std::uint64_t>(i), 3000), {TestStore::target(1)})));
  }
  for (const auto& outcomes : store.run_all(std::move(works))) ASSERT_EQ(first_error(outcomes), "");
  ASSERT_EQ(first_error(store.deliver("row", letter_text(100, 100), {TestStore::target(1)})), "");
  ASSERT_EQ(first_error(store.deliver("file", letter_text(101, 50'000), {TestStore::target(1)})), "");
  auto before = store.read(1);
  auto listing = store.run(store->list_mailbox(TestStore::place(1), "INBOX"));
  ASSERT_TRUE(listing);
  std::vector<EmailId> ids;
  std::vector<std::int64_t> uids;
  for (const auto& entry : listing->entries) {
    ids.push_back(entry.email);
    uids.push_back(entry.uid);
  }
  auto opened = store.run(store->open_emails(TestStore::place(1), ids));
  ASSERT_TRUE(opened);
  ASSERT_TRUE(store.run(store->expunge(TestStore::place(1), listing->mailbox, uids)));
  for (int i = 0; i < 3; ++i) maintain();
  works.clear();
  for (int i = 0; i < 100; ++i) {
    works.push_back(store->deliver(store.letter(
        fmt::format("e{}", i), letter_text(static_cast<std::uint64_t>(500 + i), 3000), {TestStore::target(2)})));
  }
  for (const auto& outcomes : store.run_all(std::move(works))) ASSERT_EQ(first_error(outcomes), "");
  std::size_t index = 0;
  for (const auto& [uid, text] : *before) {
    auto octets = store.run((*opened)[index]->read(0, 1 << 20));
    ASSERT_TRUE(octets) << octets.error().log;
    EXPECT_EQ(*octets, text) << uid;
    ++index;
  }
  opened->clear();
  for (int i = 0; i < 3; ++i) maintain();
}

TEST_P(StoreOnDisk, DamageIsFound) {
  const auto text = letter_text(1, 3000);
  ASSERT_EQ(first_error(store.deliver("d1", text, {TestStore::target(1)})), "");
  maintain();
  auto file = files.open("/data/shard1/segments/00000001.segment", OpenMode::read_write);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at("X", 100));
  EXPECT_NE(store.check().find("don't match the checksum"), std::string::npos);
  auto opened = store.run(store->open_email(TestStore::place(1), EmailId{7}));
  ASSERT_TRUE(opened);
  auto octets = store.run((*opened)->read(0, 10'000));
  ASSERT_FALSE(octets);
  EXPECT_EQ(octets.error().kind, ErrorKind::damaged);
  std::string out;
  EXPECT_FALSE((*opened)->try_read(0, 10'000, out));
  EXPECT_EQ(out, "");
  ASSERT_TRUE((*file)->write_at(text.substr(100 - 64, 1), 100));
}

TEST_P(StoreTest, AccountsAreRemoved) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(
        first_error(store.deliver(fmt::format("d{}", i), "text", {TestStore::target(1), TestStore::target(2, "New")})),
        "");
  }
  ASSERT_TRUE(store->remove_account(TestStore::place(1)));
  EXPECT_EQ(store.check(), "");
  EXPECT_EQ(first_error(store.deliver("e", "text", {TestStore::target(1)})), "all: not_found");
  EXPECT_EQ(store.read(2, "New")->size(), 10);
  EXPECT_FALSE(store->remove_account(TestStore::place(1)));
}

TEST_P(StoreTest, KeywordsCountAsSeen) {
  auto target = TestStore::target(1);
  target.keywords = {"$Seen", "$Junk", "own"};
  ASSERT_EQ(first_error(store.deliver("d1", "text", {target})), "");
  ASSERT_EQ(first_error(store.deliver("d2", "text", {target, TestStore::target(2)})), "");
  auto listing = store.run(store->list_mailbox(TestStore::place(1), "INBOX"));
  ASSERT_TRUE(store.run(store->expunge(TestStore::place(1), listing->mailbox, {1})));
}

TEST_P(StoreTest, UndeleteKeepsBlobsForAWhile) {
  store.options.undelete_kept = std::chrono::hours(1);
  reopen();
  ASSERT_EQ(first_error(store.deliver("d1", letter_text(1, 40'000), {TestStore::target(1)})), "");
  auto listing = store.run(store->list_mailbox(TestStore::place(1), "INBOX"));
  ASSERT_TRUE(store.run(store->expunge(TestStore::place(1), listing->mailbox, {1})));
  maintain();
  expect_files(1);
  store.clock.advance(std::chrono::hours(2));
  maintain();
  expect_files(0);
}

TEST(StoreShards, OneLetterToSeveralShards) {
  MemoryFileSystem files;
  TestStore store(files, 3);
  ASSERT_TRUE(store.open());
  for (int shard = 1; shard <= 3; ++shard) {
    ASSERT_TRUE(store->create_account(TestStore::place(shard, shard), std::nullopt));
    ASSERT_TRUE(store->create_account(TestStore::place(10 + shard, shard), 100));
  }
  for (const std::size_t size : {200U, 3000U, 60'000U}) {
    const auto text = letter_text(size, size);
    auto outcomes = store.deliver(
        fmt::format("d{}", size), text,
        {TestStore::target(2, "INBOX", 2), TestStore::target(1, "INBOX", 1), TestStore::target(3, "INBOX", 3)});
    ASSERT_EQ(first_error(outcomes), "");
    for (int shard = 1; shard <= 3; ++shard) {
      auto letters = store.read(shard, "INBOX", shard);
      ASSERT_TRUE(letters);
      EXPECT_EQ(letters->rbegin()->second, fmt::format("Delivered-To: user{}@example.org\r\n", shard) + text);
    }
    EXPECT_EQ(store->queue_rows()->size(), 0);
  }
  // One that is full waits in the home shard's queue.
  const auto text = letter_text(4, 500);
  auto outcomes = store.deliver("full", text, {TestStore::target(1, "INBOX", 1), TestStore::target(12, "INBOX", 2)});
  EXPECT_EQ(first_error(outcomes), "quota queued");
  EXPECT_EQ(store->queue_rows()->size(), 1);
  ASSERT_TRUE(store->set_quota(TestStore::place(12, 2), std::nullopt));
  store.clock.advance(std::chrono::hours(1));
  auto due = store.run(store->due_local(10, std::chrono::seconds(60)));
  ASSERT_TRUE(due && due->size() == 1);
  auto retried = store.run(store->retry_local(due->front()));
  ASSERT_TRUE(retried) << retried.error().log;
  EXPECT_EQ(store.read(12, "INBOX", 2)->size(), 1);
  EXPECT_EQ(store->queue_rows()->size(), 0);
  // Full everywhere: nothing is kept.
  outcomes = store.deliver("full2", text, {TestStore::target(11, "INBOX", 1), TestStore::target(13, "INBOX", 3)});
  EXPECT_EQ(first_error(outcomes), "all: quota");
  EXPECT_EQ(store->queue_rows()->size(), 0);
  EXPECT_EQ(store.check(), "");
}

TEST(StoreOpen, OneOwner) {
  MemoryFileSystem files;
  TestStore one(files);
  TestStore two(files);
  ASSERT_TRUE(one.open());
  auto opened = two.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::busy);
}

}  // namespace
}  // namespace pabal::store
