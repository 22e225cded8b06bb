// What the store's tests share: a store over any file system, opened and closed at will, and its calls without
// coroutines.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/memory_file.hpp"
#include "db/failing_database.hpp"
#include "db/sqlite/sqlite.hpp"
#include "store/store.hpp"

namespace pabal::store {

/// Makes the databases of a test's store.
class TestEngine {
 public:
  virtual ~TestEngine() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<db::Database>> open(FileSystem& files, int shard) = 0;
  /// The shard's folder for blobs; empty: they stay in the database.
  [[nodiscard]] virtual std::string folder(int shard) const = 0;
  /// Where big messages arrive in a shard without a folder.
  [[nodiscard]] virtual std::string arrivals(int /*shard*/) const { return {}; }
};

class SqliteTestEngine final : public TestEngine {
 public:
  Result<std::unique_ptr<db::Database>> open(FileSystem& files, int shard) override {
    if (auto made = files.make_folder(folder(shard)); !made) return pass(made);
    db::sqlite::Options options;
    options.checkpoint_at = checkpoint_at;
    return db::sqlite::open(files, folder(shard) + "/store.db", options);
  }
  std::string folder(int shard) const override { return "/data/shard" + std::to_string(shard); }
  std::uint64_t checkpoint_at = 64 << 10;
};

class TestStore {
 public:
  using Outcomes = Result<std::vector<TargetOutcome>>;

  explicit TestStore(FileSystem& files, int shards = 1) : files_(&files), shards_(shards), engine_(&sqlite_) {
    options.upkeep_every = std::chrono::milliseconds(0);
    options.segment_bytes = 64 << 10;
    options.inline_at_most = 4 << 10;
    options.file_at_least = 32 << 10;
    options.spill_at = 24 << 10;
    options.spare_segments = 1;
  }
  ~TestStore() { close(); }
  TestStore(const TestStore&) = delete;
  TestStore& operator=(const TestStore&) = delete;

  void use(TestEngine& engine) { engine_ = &engine; }

  [[nodiscard]] Result<void> open() {
    close();
    std::vector<ShardPlace> places;
    for (int shard = 1; shard <= shards_; ++shard) {
      auto database = engine_->open(*files_, shard);
      if (!database) return pass(database);
      databases_.push_back(std::move(*database));
      auto& failing = failing_.emplace_back(std::make_unique<db::FailingDatabase>(*databases_.back()));
      failing->fail_at(failure);
      places.push_back(
          {ShardId{shard}, failing.get(), engine_->folder(shard), engine_->arrivals(shard), blobs_in_database});
    }
    auto store = Store::open(std::move(places), *files_, pool_, clock, random_, Log::to_lines(log), metrics_, options);
    if (!store) return pass(store);
    store_ = std::move(*store);
    return {};
  }
  void close() {
    store_.reset();
    failing_.clear();
    databases_.clear();
  }
  [[nodiscard]] db::Database& database(std::size_t shard = 0) { return *databases_.at(shard); }
  [[nodiscard]] bool is_open() const noexcept { return store_ != nullptr; }
  Store& operator*() { return *store_; }
  Store* operator->() { return store_.get(); }

  /// Runs a coroutine to its end.
  template <class T>
  T run(Async<T> work) {
    asio::io_context io;
    std::optional<T> result;
    asio::co_spawn(io.get_executor(), keep(std::move(work), &result), rethrow);
    io.run();
    return std::move(*result);
  }
  /// Several side by side on one thread, as sessions run.
  template <class T>
  std::vector<T> run_all(std::vector<Async<T>> works) {
    asio::io_context io;
    std::vector<std::optional<T>> results(works.size());
    for (std::size_t i = 0; i < works.size(); ++i)
      asio::co_spawn(io.get_executor(), keep(std::move(works[i]), &results[i]), rethrow);
    io.run();
    std::vector<T> all;
    all.reserve(results.size());
    for (auto& result : results) all.push_back(std::move(*result));
    return all;
  }

  [[nodiscard]] static Place place(std::int64_t account, int shard = 1) { return {AccountId{account}, ShardId{shard}}; }
  [[nodiscard]] static DeliveryTarget target(std::int64_t account, std::string mailbox = "INBOX", int shard = 1) {
    DeliveryTarget made;
    made.place = place(account, shard);
    made.recipient = fmt::format("user{}@example.org", account);
    made.mailbox = std::move(mailbox);
    made.prefix = fmt::format("Delivered-To: user{}@example.org\r\n", account);
    return made;
  }
  [[nodiscard]] Delivery letter(std::string id, std::string_view text, std::vector<DeliveryTarget> targets) {
    Delivery delivery;
    delivery.id = std::move(id);
    delivery.sender = "sender@example.net";
    delivery.content = store_->receive(text.size());
    delivery.content.append(text);
    delivery.targets = std::move(targets);
    delivery.trace = fmt::format(R"({{"id":"{}"}})", delivery.id);
    return delivery;
  }
  Outcomes deliver(Delivery delivery) { return run(store_->deliver(std::move(delivery))); }
  Outcomes deliver(std::string id, std::string_view text, std::vector<DeliveryTarget> targets) {
    return deliver(letter(std::move(id), text, std::move(targets)));
  }

  /// The mailbox's letters by UID.
  Result<std::map<std::int64_t, std::string>> read(std::int64_t account, std::string mailbox = "INBOX", int shard = 1) {
    return run(read_all(place(account, shard), std::move(mailbox)));
  }
  /// What is wrong, in words; empty: all is well.
  std::string check() {
    auto findings = store_->check();
    if (!findings) return "check failed: " + findings.error().log;
    std::string text;
    for (const auto& finding : *findings) text += fmt::format("{}: {}\n", finding.where, finding.what);
    return text;
  }
  Async<Result<std::map<std::int64_t, std::string>>> read_all(Place where, std::string mailbox) {
    auto listing = co_await store_->list_mailbox(where, std::move(mailbox));
    if (!listing) co_return pass(listing);
    std::vector<EmailId> ids;
    for (const auto& entry : listing->entries) ids.push_back(entry.email);
    auto opened = co_await store_->open_emails(where, ids);
    if (!opened) co_return pass(opened);
    std::map<std::int64_t, std::string> letters;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      auto& email = (*opened)[i];
      if (!email) co_return fail(ErrorKind::not_found, "an email is gone");
      if (email->size() != listing->entries[i].size) co_return fail(ErrorKind::state, "two sizes");
      auto& letter = letters[listing->entries[i].uid];
      if (!email->try_read(0, email->size(), letter)) {
        auto octets = co_await email->read(0, email->size());
        if (!octets) co_return pass(octets);
        letter = std::move(*octets);
      }
    }
    co_return letters;
  }

  StoreOptions options;
  bool blobs_in_database = false;
  ManualClock clock{from_database(1'800'000'000'000'000)};
  std::shared_ptr<std::vector<std::string>> log = std::make_shared<std::vector<std::string>>();
  db::DatabaseFailure failure;  ///< of each shard's database, from the next open() on
  /// From now on, of each.
  void fail_now(db::DatabaseFailure now) {
    for (auto& database : failing_) database->fail_at(now);
  }
  [[nodiscard]] bool struck() {
    return std::ranges::any_of(failing_, [](const auto& database) { return database->struck(); });
  }

 private:
  template <class T>
  static Async<> keep(Async<T> work, std::optional<T>* result) {
    result->emplace(co_await std::move(work));
  }
  static void rethrow(const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  }

  FileSystem* files_;
  int shards_;
  SqliteTestEngine sqlite_;
  TestEngine* engine_;
  Pool pool_{2, Log()};
  SeededRandom random_{7};
  Metrics metrics_;
  std::vector<std::unique_ptr<db::Database>> databases_;
  std::vector<std::unique_ptr<db::FailingDatabase>> failing_;
  std::unique_ptr<Store> store_;
};

/// A letter that is told from every other, of this size.
[[nodiscard]] inline std::string letter_text(std::uint64_t number, std::size_t size) {
  std::string text = fmt::format("Subject: letter {}\r\n\r\n", number);
  std::uint64_t state = number * 0x9e3779b97f4a7c15ULL + 1;
  while (text.size() < size) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    text += fmt::format("{:016x}", state);
    if (text.size() % 64 < 16) text += "\r\n";
  }
  text.resize(size);
  return text;
}

}  // namespace pabal::store
