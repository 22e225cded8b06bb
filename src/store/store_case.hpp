// The store's contract as test cases for each engine.
#pragma once
#include <functional>

#include <gtest/gtest.h>

#include "db/postgres/postgres.hpp"
#include "db/postgres/testing.hpp"
#include "store/store_fixture.hpp"

namespace pabal::store {

/// PostgreSQL shards have no folder: blobs are in the database.
class PostgresTestEngine final : public TestEngine {
 public:
  Result<std::unique_ptr<db::Database>> open(FileSystem& /*files*/, int shard) override {
    auto& where = where_[shard];
    if (where.empty()) {
      auto cluster = db::postgres::TestCluster::shared();
      if (!cluster) return pass(cluster);
      auto made = (*cluster)->make_database();
      if (!made) return pass(made);
      where = *made;
    }
    return db::postgres::open(where);
  }
  std::string folder(int /*shard*/) const override { return {}; }
  std::string arrivals(int shard) const override { return "/arrivals/" + std::to_string(shard); }

 private:
  std::map<int, std::string> where_;
};

enum class Engine : std::uint8_t { sqlite, postgresql };

/// A store in memory with three accounts in each shard, which must be found in order at the end.
class StoreFixture : public testing::Test {
 protected:
  explicit StoreFixture(int shards = 1) : store(files, shards), shards_(shards) {}

  void SetUp() override { open(); }
  void TearDown() override {
    if (store.is_open()) EXPECT_EQ(store.check(), "");
  }
  void open() {
    reopen();
    for (int shard = 1; shard <= shards_; ++shard) {
      for (int account = 1; account <= 3; ++account) {
        auto made = store->create_account(TestStore::place(account, shard), std::nullopt);
        ASSERT_TRUE(made) << made.error().log;
      }
    }
  }
  void reopen() {
    auto opened = store.open();
    ASSERT_TRUE(opened) << opened.error().log;
  }
  void maintain() {
    auto done = store->maintain();
    EXPECT_TRUE(done) << done.error().log;
  }
  std::size_t files_in(const std::string& folder, int shard = 1) {
    auto names = files.list(fmt::format("/data/shard{}/{}", shard, folder));
    return names ? names->size() : 0;
  }
  void expunge(
      std::int64_t account, const std::function<bool(std::int64_t)>& which = [](std::int64_t) { return true; },
      int shard = 1) {
    auto listing = store.run(store->list_mailbox(TestStore::place(account, shard), "INBOX"));
    ASSERT_TRUE(listing) << listing.error().log;
    std::vector<std::int64_t> uids;
    for (const auto& entry : listing->entries) {
      if (which(entry.uid)) uids.push_back(entry.uid);
    }
    ASSERT_TRUE(store.run(store->expunge(TestStore::place(account, shard), listing->mailbox, uids)));
  }

  MemoryFileSystem files;
  TestStore store;

 private:
  int shards_;
};

/// The contract, for each engine.
class StoreTest : public StoreFixture, public testing::WithParamInterface<Engine> {
 protected:
  void SetUp() override {
    if (engine() == Engine::postgresql) {
      if (auto cluster = db::postgres::TestCluster::shared(); !cluster) GTEST_SKIP() << cluster.error().log;
      store.use(postgres);
    }
    open();
  }
  [[nodiscard]] virtual Engine engine() const { return GetParam(); }
  // "1:subject 2:subject" of a mailbox; the prefix and the text are looked at as a whole.
  std::string dump(std::int64_t account, const std::string& mailbox = "INBOX") {
    auto letters = store.read(account, mailbox);
    if (!letters) return letters.error().log;
    std::string text;
    for (const auto& [uid, letter] : *letters)
      text += fmt::format("{}{}:{}", text.empty() ? "" : " ", uid, letter.size());
    return text;
  }
  // Only where blobs are in files.
  void expect_files(std::size_t count, const std::string& folder = "files") {
    if (engine() == Engine::sqlite) EXPECT_EQ(files_in(folder), count);
  }

  PostgresTestEngine postgres;
};

inline std::string engine_name(const testing::TestParamInfo<Engine>& info) {
  return info.param == Engine::sqlite ? "SQLite" : "PostgreSQL";
}
/// What the first target that failed was told; empty: none did.
inline std::string first_error(const TestStore::Outcomes& outcomes) {
  if (!outcomes) return "all: " + std::string(name_of(outcomes.error().kind));
  for (const auto& outcome : *outcomes) {
    if (!outcome.result) return std::string(name_of(outcome.result.error().kind)) + (outcome.queued ? " queued" : "");
  }
  return "";
}

}  // namespace pabal::store
