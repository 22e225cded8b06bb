#include "store/facts.hpp"

#include "base/failing_file.hpp"
#include "message/derived.hpp"
#include "store/store_case.hpp"

namespace pabal::store {
namespace {

class Facts : public StoreTest {
 protected:
  struct Row {
    std::int64_t thread = 0;
    std::int64_t version = 0;
    std::string parsed;
  };
  Row row(std::int64_t account, EmailId email) {
    auto connection = store.database().connect();
    if (!connection) return {};
    Row row;
    std::int64_t blob = 0;
    {
      auto rows =
          (*connection)
              ->query("SELECT thread_id, parsed_version, pieces FROM email WHERE account_id = $1 AND email_id = $2",
                      {account, email.value});
      if (!rows) return {};
      auto any = rows->next();
      if (!any || !*any) return {};
      row = {rows->integer(0), rows->integer(1), {}};
      const auto pieces = decode_pieces(rows->octets(2));
      if (!pieces || !blob_of_facts(*pieces)) return row;
      blob = blob_of_facts(*pieces)->value;
    }
    auto rows = (*connection)->query("SELECT octets FROM blob_facts WHERE blob_id = $1", {blob});
    if (!rows) return row;
    auto any = rows->next();
    if (any && *any) row.parsed = rows->octets(0);
    return row;
  }
  std::int64_t count(const std::string& table) {
    auto connection = store.database().connect();
    if (!connection) return -1;
    auto number = (*connection)->number("SELECT COUNT(*) FROM " + table, {});
    return number ? number->value_or(-1) : -1;
  }
  void run(const std::string& statement) {
    auto connection = store.database().connect();
    ASSERT_TRUE(connection);
    auto done = (*connection)->run(statement, {});
    ASSERT_TRUE(done) << done.error().log;
  }
  // A letter with these identifiers, "own<parent,first"; the email it became.
  EmailId deliver(std::string_view subject, std::string_view id, std::string_view references = {},
                  std::int64_t account = 1) {
    std::string text = fmt::format("Subject: {}\r\nMessage-ID: <{}>\r\n", subject, id);
    if (!references.empty()) text += fmt::format("References: {}\r\n", references);
    text += "\r\nHello\r\n";
    auto outcomes = store.deliver(fmt::format("d{}", ++deliveries_), text, {TestStore::target(account)});
    EXPECT_TRUE(outcomes);
    return outcomes ? outcomes->front().result->email : EmailId{};
  }
  std::int64_t thread(EmailId email, std::int64_t account = 1) { return row(account, email).thread; }

 private:
  int deliveries_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Engines, Facts, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);

TEST_P(Facts, StandBesideTheRow) {
  const auto email = deliver("Hello", "1@x");
  const auto found = row(1, email);
  EXPECT_EQ(found.version, message::kDerivedVersion);
  const auto derived = message::decode_derived(found.parsed);
  ASSERT_TRUE(derived) << derived.error().log;
  EXPECT_EQ(derived->preview, "Hello");
  EXPECT_EQ(derived->envelope->subject, "Hello");
}

TEST_P(Facts, Threads) {
  const auto first = deliver("Hello", "1@x");
  const auto other = deliver("Hello", "2@x");
  const auto reply = deliver("Re: hello", "3@x", "<1@x>");
  const auto late = deliver("RE: [list] Hello", "4@x", "<1@x> <lost@x>");
  const auto changed = deliver("Another subject", "5@x", "<1@x>");
  const auto elsewhere = deliver("Re: Hello", "6@x", "<1@x>", 2);
  EXPECT_EQ(thread(first), first.value);
  EXPECT_EQ(thread(other), other.value);
  EXPECT_EQ(thread(reply), first.value);
  EXPECT_EQ(thread(late), first.value);
  EXPECT_EQ(thread(changed), changed.value);
  EXPECT_EQ(thread(elsewhere, 2), elsewhere.value);
  // One that joins two threads joins the older; nobody else moves.
  const auto joins = deliver("Re: Hello", "7@x", "<2@x> <1@x>");
  EXPECT_EQ(thread(joins), first.value);
  EXPECT_EQ(thread(other), other.value);
  // The answer came before its question.
  const auto answer = deliver("Re: Early", "9@x", "<8@x>");
  const auto question = deliver("Early", "8@x");
  EXPECT_EQ(thread(question), answer.value);
}

TEST_P(Facts, LettersWithoutIdentifiersStandAlone) {
  auto one = store.deliver("a", "Subject: x\r\n\r\n", {TestStore::target(1)});
  auto two = store.deliver("b", "Subject: x\r\n\r\n", {TestStore::target(1)});
  ASSERT_TRUE(one && two);
  EXPECT_EQ(thread(one->front().result->email), one->front().result->email.value);
  EXPECT_EQ(thread(two->front().result->email), two->front().result->email.value);
  EXPECT_EQ(count("thread_key"), 0);
}

TEST_P(Facts, KeysGoSomeTimeAfterTheLastOfAThread) {
  deliver("Hello", "1@x");
  deliver("Re: Hello", "2@x", "<1@x>");
  for (int i = 10; i < 500; ++i) deliver("Other", fmt::format("{}@x", i), {}, 2);
  const auto keys = count("thread_key");
  EXPECT_EQ(keys, 492);
  const auto look_through = [&] {
    store.clock.advance(std::chrono::hours(25));
    for (int i = 0; i < 4; ++i) maintain();
  };
  auto listing = store.run(store->list_mailbox(TestStore::place(1), "INBOX"));
  ASSERT_TRUE(listing);
  ASSERT_TRUE(store.run(store->expunge(TestStore::place(1), listing->mailbox, {1})));
  look_through();
  EXPECT_EQ(count("thread_key"), keys);
  ASSERT_TRUE(store.run(store->expunge(TestStore::place(1), listing->mailbox, {2})));
  look_through();
  EXPECT_EQ(count("thread_key"), keys - 2);
  ASSERT_TRUE(store->remove_account(TestStore::place(2)));
  EXPECT_EQ(count("thread_key"), 0);
}

TEST_P(Facts, UpkeepDerivesWhatWasTooBig) {
  std::string text = "Subject: big\r\nMessage-ID: <big@x>\r\n\r\nHello\r\n";
  while (text.size() < 60'000) text += "more words\r\n";
  auto letter = store.letter("big", "", {TestStore::target(1)});
  letter.content.append(text);
  ASSERT_TRUE(store.run(letter.content.spill()));
  auto outcomes = store.deliver(std::move(letter));
  ASSERT_TRUE(outcomes);
  const auto email = outcomes->front().result->email;
  EXPECT_EQ(row(1, email).version, 0);
  const auto reply = deliver("Re: big", "r@x", "<big@x>");
  EXPECT_EQ(thread(reply), email.value);
  maintain();
  const auto found = row(1, email);
  EXPECT_EQ(found.version, message::kDerivedVersion);
  const auto derived = message::decode_derived(found.parsed);
  ASSERT_TRUE(derived);
  EXPECT_EQ(derived->size, text.size());
  EXPECT_TRUE(derived->preview.starts_with("Hello more words"));
}

TEST_P(Facts, AnOlderVersionIsDerivedAnew) {
  const auto email = deliver("Hello", "1@x");
  const auto octets = row(1, email).parsed;
  store.close();
  ASSERT_TRUE(store.open());
  run("UPDATE email SET parsed_version = 1000");
  run("DELETE FROM counter WHERE name = 'facts_version'");
  reopen();
  maintain();
  maintain();
  EXPECT_EQ(row(1, email).version, message::kDerivedVersion);
  EXPECT_EQ(row(1, email).parsed, octets);
  EXPECT_EQ(count("counter WHERE name = 'facts_version'"), 1);
}

TEST_P(Facts, StandOnceForAllRecipientsAndGoWithTheLast) {
  auto outcomes = store.deliver("both", "Subject: x\r\n\r\nHello\r\n", {TestStore::target(1), TestStore::target(2)});
  ASSERT_EQ(first_error(outcomes), "");
  EXPECT_EQ(count("blob_facts"), 1);
  const auto octets = row(1, outcomes->front().result->email).parsed;
  EXPECT_FALSE(octets.empty());
  EXPECT_EQ(row(2, outcomes->back().result->email).parsed, octets);
  for (const std::int64_t account : {1, 2}) {
    auto listing = store.run(store->list_mailbox(TestStore::place(account), "INBOX"));
    ASSERT_TRUE(listing);
    ASSERT_TRUE(store.run(store->expunge(TestStore::place(account), listing->mailbox, {1})));
    maintain();
    EXPECT_EQ(count("blob_facts"), account == 1 ? 1 : 0);
  }
}

TEST_P(Facts, MissingOnesAndThoseOfNoBlobAreTold) {
  deliver("Hello", "1@x");
  run("UPDATE blob_facts SET blob_id = blob_id + 1000");
  EXPECT_NE(store.check().find("should have facts and has none"), std::string::npos) << store.check();
  EXPECT_NE(store.check().find("has facts and is missing"), std::string::npos) << store.check();
  run("UPDATE blob_facts SET blob_id = blob_id - 1000");
}

// As the third version of the schema kept them, in the emails' rows.
TEST_P(Facts, ThoseOfAnOlderSchemaAreDerivedAnew) {
  const auto email = deliver("Hello", "1@x");
  const auto octets = row(1, email).parsed;
  {
    auto connection = store.database().connect();
    ASSERT_TRUE(connection);
    auto old =
        (*connection)
            ->script(
                "DROP INDEX removed_mailbox_path; DROP INDEX mailbox_leaving; DROP TABLE pending_flags; DROP TABLE "
                "leaving_email; ALTER TABLE "
                "email DROP COLUMN zone; "
                "ALTER TABLE account DROP COLUMN quota_emails; DROP INDEX "
                "membership_shared; "
                "DROP TABLE search_state; DROP TABLE search_segment; DROP TABLE search_data; "
                "DROP TABLE subscription; DROP TABLE annotation; DROP TABLE access; DROP TABLE reader_seen; "
                "DROP TABLE changed_membership; DROP TABLE mailbox_pack; ALTER TABLE membership DROP COLUMN saved; "
                "ALTER TABLE membership DROP COLUMN shared; ALTER TABLE mailbox DROP COLUMN deleted; "
                "ALTER TABLE mailbox DROP COLUMN deleted_bytes; ALTER TABLE keyword DROP COLUMN shown; "
                "ALTER TABLE email ADD COLUMN keywords BYTES; "
                "DROP TABLE blob_facts; ALTER TABLE email ADD COLUMN parsed BYTES; "
                "DROP INDEX queue_destination; DROP TABLE attempt; "
                "ALTER TABLE queue_message DROP COLUMN account_id; ALTER TABLE queue_message DROP COLUMN form; "
                "ALTER TABLE queue_message DROP COLUMN priority; ALTER TABLE queue_message DROP COLUMN not_before; "
                "ALTER TABLE queue_message DROP COLUMN deliver_by; ALTER TABLE queue_message DROP COLUMN by_mode; "
                "ALTER TABLE queue_recipient DROP COLUMN destination; "
                "ALTER TABLE queue_recipient DROP COLUMN reverse_path; "
                "ALTER TABLE queue_recipient DROP COLUMN notified; "
                "ALTER TABLE queue_recipient DROP COLUMN urgency; "
                "UPDATE schema_version SET version = 3 WHERE name = 'store'");
    ASSERT_TRUE(old) << old.error().log;
  }
  reopen();
  EXPECT_EQ(row(1, email).version, 0);
  maintain();
  EXPECT_EQ(row(1, email).version, message::kDerivedVersion);
  EXPECT_EQ(row(1, email).parsed, octets);
}

// What keeps an email's octets from being read: a disk that fails for a while says nothing about the letter, damage
// does.
class FactsOnABadDisk : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = store.open();
    ASSERT_TRUE(opened) << opened.error().log;
    ASSERT_TRUE(store->create_account(TestStore::place(1), std::nullopt));
  }
  // A letter in a file of its own, whose facts are not there yet.
  EmailId deliver_big(const std::string& id) {
    std::string text = fmt::format("Subject: {}\r\n\r\n", id);
    while (text.size() < 60'000) text += "more words\r\n";
    auto letter = store.letter(id, "", {TestStore::target(1)});
    letter.content.append(text);
    EXPECT_TRUE(store.run(letter.content.spill()));
    auto outcomes = store.deliver(std::move(letter));
    EXPECT_TRUE(outcomes);
    return outcomes ? outcomes->front().result->email : EmailId{};
  }
  std::int64_t number(const std::string& sql) {
    auto connection = store.database().connect();
    if (!connection) return -100;
    auto found = (*connection)->number(sql, {});
    return found ? found->value_or(-100) : -100;
  }
  std::int64_t version(EmailId email) {
    return number(fmt::format("SELECT parsed_version FROM email WHERE account_id = 1 AND email_id = {}", email.value));
  }
  // Writes another octet in the middle; what stood there.
  void spoil(char octet, char& before) {
    auto names = disk.list("/data/shard1/files");
    ASSERT_TRUE(names);
    ASSERT_EQ(names->size(), 1U);
    auto file = disk.open("/data/shard1/files/" + names->front(), OpenMode::read_write);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->read_at(std::span(&before, 1), Incoming::head_room + 30'000));
    ASSERT_TRUE((*file)->write_at(std::string(1, octet), Incoming::head_room + 30'000));
  }

  MemoryFileSystem disk;
  FailingFileSystem files{disk};
  TestStore store{files};
};

TEST_F(FactsOnABadDisk, AnErrorThatPassesIsNotForEver) {
  const auto first = deliver_big("1");
  const auto second = deliver_big("2");
  files.fail_at({.operation = DiskOperation::read, .path_contains = "/files/"});
  EXPECT_FALSE(store->maintain());
  EXPECT_EQ(version(first), 0);
  EXPECT_EQ(version(second), 0) << "the round ends";
  files.fail_at({.operation = DiskOperation::read, .nth = 2, .path_contains = "/files/"});
  EXPECT_TRUE(store->maintain());
  EXPECT_EQ(version(second), message::kDerivedVersion) << "not held up by the first";
  EXPECT_FALSE(store->maintain());
  EXPECT_EQ(version(first), 0);
  EXPECT_TRUE(store->maintain());
  EXPECT_EQ(version(first), message::kDerivedVersion);
}

TEST_F(FactsOnABadDisk, DamageIsUntilTheVersionGrows) {
  const auto email = deliver_big("1");
  char right = 0;
  spoil('x', right);
  EXPECT_TRUE(store->maintain());
  EXPECT_EQ(version(email), kNoFacts);
  files.fail_at({.operation = DiskOperation::open, .for_ever = true, .path_contains = "/files/"});
  EXPECT_TRUE(store->maintain()) << "it is let alone";
  files.heal();
  // As a new version finds it, after somebody has brought the octets back.
  char wrong = 0;
  spoil(right, wrong);
  {
    auto connection = store.database().connect();
    ASSERT_TRUE(connection);
    ASSERT_TRUE((*connection)->run("UPDATE counter SET value = 0 WHERE name = 'facts_version'", {}));
  }
  ASSERT_TRUE(store.open());
  EXPECT_TRUE(store->maintain());
  EXPECT_EQ(version(email), message::kDerivedVersion);
  EXPECT_EQ(store.check(), "");
}

}  // namespace
}  // namespace pabal::store
