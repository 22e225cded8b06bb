// The store's contract as test cases for each engine.
#pragma once
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

/// The contract, for each engine.
class StoreTest : public testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (engine() == Engine::postgresql) {
      if (auto cluster = db::postgres::TestCluster::shared(); !cluster) GTEST_SKIP() << cluster.error().log;
      store.use(postgres);
    }
    open();
  }
  [[nodiscard]] virtual Engine engine() const { return GetParam(); }
  void open() {
    auto opened = store.open();
    ASSERT_TRUE(opened) << opened.error().log;
    for (int account = 1; account <= 3; ++account) {
      auto made = store->create_account(TestStore::place(account), std::nullopt);
      ASSERT_TRUE(made) << made.error().log;
    }
  }
  void reopen() {
    auto opened = store.open();
    ASSERT_TRUE(opened) << opened.error().log;
  }
  void TearDown() override {
    if (store.is_open()) EXPECT_EQ(store.check(), "");
  }
  // "1:subject 2:subject" of a mailbox; the prefix and the text are looked at as a whole.
  std::string dump(std::int64_t account, const std::string& mailbox = "INBOX") {
    auto letters = store.read(account, mailbox);
    if (!letters) return letters.error().log;
    std::string text;
    for (const auto& [uid, letter] : *letters)
      text += fmt::format("{}{}:{}", text.empty() ? "" : " ", uid, letter.size());
    return text;
  }
  void maintain() {
    auto done = store->maintain();
    EXPECT_TRUE(done) << done.error().log;
  }
  std::size_t files_in(const std::string& folder) {
    auto names = files.list("/data/shard1/" + folder);
    return names ? names->size() : 0;
  }
  // Only where blobs are in files.
  void expect_files(std::size_t count, const std::string& folder = "files") {
    if (engine() == Engine::sqlite) EXPECT_EQ(files_in(folder), count);
  }

  PostgresTestEngine postgres;
  MemoryFileSystem files;
  TestStore store{files};
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
