// The local MDA over a real store of two shards.
#include "delivery/local_mda.hpp"

#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "db/sqlite/sqlite.hpp"

namespace pabal::delivery {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().log);
  return *std::move(result);
}

class World {
 public:
  World() {
    static int count = 0;
    folder_ = std::filesystem::temp_directory_path() / fmt::format("pabal-delivery-{}-{}", ::getpid(), ++count);
    std::vector<store::ShardPlace> places;
    for (std::int64_t number = 1; number <= 2; ++number) {
      const auto path = folder_ / std::to_string(number);
      std::filesystem::create_directories(path);
      databases_.push_back(must(db::sqlite::open(files_, path / "shard.db")));
      places.push_back({.id = ShardId{number}, .database = databases_.back().get(), .folder = path.string()});
    }
    store::StoreOptions options;
    options.segment_bytes = 1 << 20;
    options.upkeep_every = std::chrono::milliseconds(0);
    options.spill_at = 64 << 10;
    options.file_at_least = 128 << 10;
    store = must(store::Store::open(std::move(places), files_, pool_, clock, random_, Log(), metrics, options));
    mda.emplace(*store, clock, Log::to_lines(lines), metrics);
  }
  ~World() {
    mda.reset();
    store.reset();
    databases_.clear();
    std::filesystem::remove_all(folder_);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  account::LocalTarget person(std::int64_t id, std::int64_t shard, std::optional<std::uint64_t> quota = {}) {
    const store::Place place{.account = AccountId{id}, .shard = ShardId{shard}};
    if (auto made = store->create_account(place, quota); !made) throw std::runtime_error(made.error().log);
    return {.account = place.account,
            .shard = place.shard,
            .delivered_to = must(EmailAddress::parse(address_of(id))),
            .detail = {}};
  }
  static std::string address_of(std::int64_t id) { return fmt::format("user{}@seoul.example", id); }

  Letter letter(std::string id, std::vector<std::vector<account::LocalTarget>> recipients,
                std::string_view body = "hello\r\n") {
    Letter out;
    out.id = std::move(id);
    out.sender = must(EmailAddress::parse("alice@busan.example"));
    out.content = store->receive(0);
    out.content.append("Received: by us\r\nMessage-ID: <" + out.id + "@busan.example>\r\n\r\n");
    out.content.append(body);
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      out.recipients.push_back({.address = must(EmailAddress::parse(fmt::format("to{}@seoul.example", i))),
                                .local = std::make_shared<const account::LocalRecipient>(
                                    account::LocalRecipient{.targets = std::move(recipients[i]), .remote_targets = {}}),
                                .notify = {},
                                .orcpt = {}});
    }
    return out;
  }

  std::string deliver(Letter letter) {
    const auto answer = run_blocking(mda->deliver(std::move(letter)));
    std::string out;
    for (const auto& result : answer.results) {
      if (!out.empty()) out += " ";
      out += result ? "ok" : std::string(name_of(result.error().kind));
    }
    return out;
  }

  std::vector<std::string> inbox(const account::LocalTarget& person) {
    const store::Place place{.account = person.account, .shard = person.shard};
    std::vector<std::string> out;
    for (const auto& entry : must(run_blocking(store->list_mailbox(place, "INBOX"))).entries) {
      auto octets = must(run_blocking(store->open_email(place, entry.email)));
      out.push_back(must(run_blocking(octets->read(0, static_cast<std::size_t>(octets->size())))));
      EXPECT_EQ(out.back().size(), entry.size);
    }
    return out;
  }

  std::string checked() {
    std::string out;
    for (const auto& finding : must(store->check())) out += finding.where + ": " + finding.what + "\n";
    return out;
  }

  ManualClock clock{SystemTime(std::chrono::seconds(1'800'000'000))};
  Metrics metrics;
  std::shared_ptr<std::vector<std::string>> lines = std::make_shared<std::vector<std::string>>();
  std::unique_ptr<store::Store> store;
  std::optional<LocalMda> mda;

 private:
  std::filesystem::path folder_;
  RealFileSystem files_;
  Pool pool_{2, Log()};
  SeededRandom random_{5};
  std::vector<std::unique_ptr<db::Database>> databases_;
};

TEST(LocalMda, EverybodyGetsTheLetterOnce) {
  World world;
  const auto bob = world.person(1, 1);
  const auto carol = world.person(2, 1);
  const auto dave = world.person(3, 2);
  EXPECT_EQ(world.deliver(world.letter("a1", {{bob}, {bob, carol}, {dave, bob}})), "ok");
  const std::string content = "Received: by us\r\nMessage-ID: <a1@busan.example>\r\n\r\nhello\r\n";
  for (const auto& person : {bob, carol, dave}) {
    EXPECT_EQ(world.inbox(person), std::vector<std::string>{"Return-Path: <alice@busan.example>\r\nDelivered-To: " +
                                                            person.delivered_to.text() + "\r\n" + content});
  }
  const auto traces = must(world.store->traces("<a1@busan.example>"));
  ASSERT_FALSE(traces.empty());
  EXPECT_NE(traces.front().find("to2@seoul.example"), std::string::npos);
  EXPECT_EQ(world.checked(), "");
  EXPECT_NE(world.metrics.text().find("pabal_delivery_targets_total{result=\"stored\"} 3"), std::string::npos);
}

TEST(LocalMda, TheSameLetterAgainChangesNothing) {
  World world;
  const auto bob = world.person(1, 1);
  EXPECT_EQ(world.deliver(world.letter("a1", {{bob}})), "ok");
  EXPECT_EQ(world.deliver(world.letter("a1", {{bob}})), "ok");
  EXPECT_EQ(world.inbox(bob).size(), 1U);
}

TEST(LocalMda, AFullMailboxAloneIsToldToTheSender) {
  World world;
  const auto bob = world.person(1, 1, 10);
  EXPECT_EQ(world.deliver(world.letter("a1", {{bob}})), "quota");
  EXPECT_TRUE(must(world.store->queue_rows()).empty());
  EXPECT_EQ(world.checked(), "");
}

TEST(LocalMda, AFullMailboxAmongOthersWaitsInTheQueue) {
  World world;
  const auto bob = world.person(1, 1, 10);
  const auto carol = world.person(2, 1);
  EXPECT_EQ(world.deliver(world.letter("a1", {{bob}, {carol}})), "ok");
  EXPECT_EQ(world.inbox(carol).size(), 1U);
  EXPECT_EQ(world.inbox(bob).size(), 0U);
  EXPECT_EQ(must(world.store->queue_rows()).size(), 1U);
  // There is room now.
  EXPECT_TRUE(world.store->set_quota({.account = bob.account, .shard = bob.shard}, std::nullopt));
  world.clock.advance(std::chrono::hours(1));
  auto due = must(run_blocking(world.store->due_local(10, std::chrono::seconds(60))));
  ASSERT_EQ(due.size(), 1U);
  EXPECT_TRUE(run_blocking(world.mda->retry(due.front())));
  EXPECT_EQ(world.inbox(bob).size(), 1U);
  EXPECT_EQ(world.inbox(carol).size(), 1U);
  EXPECT_TRUE(must(world.store->queue_rows()).empty());
  EXPECT_EQ(world.checked(), "");
}

TEST(LocalMda, LmtpIsToldOfEachRecipient) {
  World world;
  const auto bob = world.person(1, 1, 10);
  const auto carol = world.person(2, 1);
  auto letter = world.letter("a1", {{bob}, {carol}, {carol, bob}});
  letter.answer_each = true;
  EXPECT_EQ(world.deliver(std::move(letter)), "quota ok quota");
  EXPECT_EQ(world.inbox(carol).size(), 1U);
  EXPECT_TRUE(must(world.store->queue_rows()).empty());
}

TEST(LocalMda, AnAccountThatIsGoneMeanwhile) {
  World world;
  auto ghost = world.person(1, 1);
  ghost.account = AccountId{99};
  const auto carol = world.person(2, 1);
  EXPECT_NE(world.deliver(world.letter("a1", {{ghost}})), "ok");
  // Among others it is not lost: the row waits for the operator.
  EXPECT_EQ(world.deliver(world.letter("a2", {{ghost}, {carol}})), "ok");
  EXPECT_EQ(world.inbox(carol).size(), 1U);
  EXPECT_EQ(must(world.store->queue_rows()).size(), 1U);
}

TEST(LocalMda, BigLettersArriveWholeAndAreTraced) {
  World world;
  const auto bob = world.person(1, 1);
  const auto carol = world.person(2, 2);
  auto letter = world.letter("big", {{bob}, {carol}});
  std::string body;
  for (int i = 0; i < 10'000; ++i) body += fmt::format("line {} of a big letter\r\n", i);
  for (std::string_view rest = body; !rest.empty(); rest.remove_prefix(std::min<std::size_t>(rest.size(), 10'000))) {
    letter.content.append(rest.substr(0, 10'000));
    if (letter.content.wants_spill()) ASSERT_TRUE(run_blocking(letter.content.spill()));
  }
  EXPECT_TRUE(letter.content.has_file());
  EXPECT_EQ(world.deliver(std::move(letter)), "ok");
  for (const auto& person : {bob, carol}) {
    const auto letters = world.inbox(person);
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_TRUE(letters.front().ends_with(body));
  }
  EXPECT_FALSE(must(world.store->traces("<big@busan.example>")).empty());
  EXPECT_EQ(world.checked(), "");
}

TEST(LocalMda, MessageTextNeverReachesTheLog) {
  World world;
  const auto bob = world.person(1, 1, 10);
  world.deliver(world.letter("a1", {{bob}}, "confidential words\r\n"));
  ASSERT_FALSE(world.lines->empty());
  for (const auto& line : *world.lines) EXPECT_EQ(line.find("confidential"), std::string::npos);
}

}  // namespace
}  // namespace pabal::delivery
