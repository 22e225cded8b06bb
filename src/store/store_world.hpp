// A real store in a fresh folder, with one account's mailboxes, for tests and benchmarks of sessions over it.
#pragma once
#include <filesystem>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>

#include <unistd.h>

#include "db/sqlite/sqlite.hpp"
#include "store/store.hpp"

namespace pabal::store {

class StoreWorld {
 public:
  explicit StoreWorld(const StoreOptions& options = {}) : options_(options) {
    static std::atomic<int> count = 0;
    folder_ = std::filesystem::temp_directory_path() / fmt::format("pabal-store-world-{}-{}", ::getpid(), ++count);
    std::filesystem::create_directories(folder_);
    open();
    check(store->create_account(alice(), std::nullopt));
  }
  ~StoreWorld() {
    close();
    std::filesystem::remove_all(folder_);
  }
  StoreWorld(const StoreWorld&) = delete;
  StoreWorld& operator=(const StoreWorld&) = delete;

  /// As after a restart.
  void reopen() {
    close();
    open();
  }

  [[nodiscard]] static Place alice() { return {.account = AccountId{7}, .shard = ShardId{1}}; }
  [[nodiscard]] static Place bob() { return {.account = AccountId{8}, .shard = ShardId{1}}; }
  void add_bob() { check(store->create_account(bob(), std::nullopt)); }

  /// Delivers a letter to Alice; what she reads is "X: y" and then the content.
  void deliver(std::string_view content) {
    Delivery delivery;
    delivery.id = std::to_string(++delivered_);
    delivery.content = store->receive(content.size());
    delivery.content.append(content);
    DeliveryTarget target;
    target.place = alice();
    target.recipient = "alice@seoul.example";
    target.prefix = kPrefix;
    delivery.targets.push_back(std::move(target));
    check(run_blocking(store->deliver(std::move(delivery))));
  }
  static constexpr std::string_view kPrefix = "X: y\r\n";

  [[nodiscard]] std::size_t letters() {
    auto listing = run_blocking(store->list_mailbox(alice(), "INBOX"));
    check(listing);
    return listing->entries.size();
  }

  /// The only number that a query on the database gives.
  [[nodiscard]] std::int64_t number(std::string_view sql) {
    auto connection = database_->connect();
    check(connection);
    auto found = (*connection)->number(sql);
    check(found);
    return found->value_or(0);
  }
  /// Changes the database behind the store's back.
  void change(std::string_view sql) {
    auto connection = database_->connect();
    check(connection);
    check((*connection)->run(sql));
  }

  /// Until its rollback() the store's writes wait, ten seconds at most.
  [[nodiscard]] std::unique_ptr<db::Connection> hold_writes() {
    auto connection = database_->connect();
    check(connection);
    check((*connection)->begin(true));
    return std::move(*connection);
  }

  /// As long as it lives, what the store does on its pool (reading and what takes long) waits.
  [[nodiscard]] std::unique_ptr<std::promise<void>> hold_pool() {
    auto held = std::make_unique<std::promise<void>>();
    const auto over = held->get_future().share();
    for (std::size_t i = 0; i < kThreads; ++i) {
      pool_.post([over] { over.wait(); });
    }
    return held;
  }

  RealClock clock;
  SystemRandom random;
  Metrics metrics;
  std::unique_ptr<Store> store;

 private:
  template <class T>
  static void check(const Result<T>& result) {
    if (!result) throw std::runtime_error(result.error().log);
  }
  void open() {
    auto database = db::sqlite::open(files_, folder_ / "shard.db");
    check(database);
    database_ = std::move(*database);
    auto opened = Store::open({{.id = ShardId{1}, .database = database_.get(), .folder = folder_.string()}}, files_,
                              pool_, clock, random, Log(), metrics, options_);
    check(opened);
    store = std::move(*opened);
  }
  void close() {
    store.reset();
    database_.reset();
  }

  StoreOptions options_;
  std::filesystem::path folder_;
  RealFileSystem files_;
  static constexpr std::size_t kThreads = 2;
  Pool pool_{kThreads, Log()};
  std::unique_ptr<db::Database> database_;
  int delivered_ = 0;
};

}  // namespace pabal::store
