// What a small write costs: groups of 1, 8 and 64 writes of six statements each, as a delivery has them, on a disk in
// memory (the CPU alone) and on the real one (with its flushes).
#include <benchmark/benchmark.h>

#include "base/memory_file.hpp"
#include "base/random.hpp"
#include "db/sqlite/sqlite.hpp"
#include "db/writer.hpp"

namespace pabal::db::sqlite {
namespace {

constexpr std::string_view schema = R"(
CREATE TABLE account (id INTEGER PRIMARY KEY, change INTEGER NOT NULL, bytes INTEGER NOT NULL, emails INTEGER NOT NULL) STRICT;
CREATE TABLE mailbox (account_id INTEGER NOT NULL, id INTEGER NOT NULL, uid_next INTEGER NOT NULL, change INTEGER NOT NULL,
  PRIMARY KEY (account_id, id)) STRICT, WITHOUT ROWID;
CREATE TABLE email (account_id INTEGER NOT NULL, id INTEGER NOT NULL, blob INTEGER NOT NULL, size INTEGER NOT NULL,
  arrived INTEGER NOT NULL, change INTEGER NOT NULL, prefix BYTES NOT NULL, PRIMARY KEY (account_id, id)) STRICT, WITHOUT ROWID;
CREATE TABLE entry (account_id INTEGER NOT NULL, mailbox_id INTEGER NOT NULL, uid INTEGER NOT NULL, email_id INTEGER NOT NULL,
  change INTEGER NOT NULL, PRIMARY KEY (account_id, mailbox_id, uid)) STRICT, WITHOUT ROWID;
CREATE TABLE blob (id INTEGER PRIMARY KEY, place INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
  reference_count INTEGER NOT NULL) STRICT;
CREATE TABLE trace (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, delivery TEXT NOT NULL, words BYTES NOT NULL) STRICT;
)";
constexpr std::int64_t accounts = 100;

Result<void> write_schema(Connection& connection) {
  if (auto made = connection.script(schema); !made) return made;
  for (std::int64_t id = 1; id <= accounts; ++id) {
    auto account = connection.run("INSERT INTO account VALUES ($1, 0, 0, 0)", {id});
    if (!account) return pass(account);
    auto mailbox = connection.run("INSERT INTO mailbox VALUES ($1, 1, 1, 0)", {id});
    if (!mailbox) return pass(mailbox);
  }
  return {};
}

/// One delivery of a small message: six statements.
Result<void> deliver(Connection& connection, std::int64_t account, std::int64_t number) {
  static const std::string prefix(200, 'p');
  static const std::string trace(300, 't');
  auto change = connection.number(
      "UPDATE account SET change = change + 1, bytes = bytes + $2, emails = emails + 1 WHERE id = $1 RETURNING change",
      {account, std::int64_t{10'000}});
  if (!change) return pass(change);
  auto uid = connection.number(
      "UPDATE mailbox SET uid_next = uid_next + 1, change = $2 WHERE account_id = $1 AND id = 1 RETURNING uid_next",
      {account, **change});
  if (!uid) return pass(uid);
  auto blob =
      connection.run("INSERT INTO blob (place, offset, length, reference_count) VALUES (1, $1, 10000, 1)", {number});
  if (!blob) return pass(blob);
  auto email = connection.run("INSERT INTO email VALUES ($1, $2, $3, 10000, $3, $2, $4)",
                              {account, **change, number, Octets{prefix}});
  if (!email) return pass(email);
  auto entry = connection.run("INSERT INTO entry VALUES ($1, 1, $2, $3, $3)", {account, **uid, **change});
  if (!entry) return pass(entry);
  auto traced = connection.run("INSERT INTO trace (at, delivery, words) VALUES ($1, '0123456789ABCDEF', $2)",
                               {number, Octets{trace}});
  if (!traced) return pass(traced);
  return {};
}

void groups(benchmark::State& state, FileSystem& files, const std::string& path) {
  auto database = open(files, path, {.checkpoint_at = static_cast<std::uint64_t>(state.range(1)) << 20});
  auto writer = Writer::start(**database, {});
  if (auto made = (*writer)->run([](Connection& connection) { return write_schema(connection); }); !made) {
    state.SkipWithError(made.error().log.c_str());
    return;
  }
  const auto group = static_cast<std::size_t>(state.range(0));
  SeededRandom random(1);
  std::int64_t number = 0;
  for (auto _ : state) {
    std::vector<std::pair<Work, Outcome>> writes;
    std::atomic<std::size_t> left = group;
    for (std::size_t i = 0; i < group; ++i) {
      const auto account = static_cast<std::int64_t>(1 + random.below(accounts));
      writes.emplace_back([account, at = ++number](Connection& connection) { return deliver(connection, account, at); },
                          [&left](Result<void> result) {
                            if (!result) std::abort();
                            if (left.fetch_sub(1) == 1) left.notify_one();
                          });
    }
    (*writer)->submit(std::move(writes));
    for (auto now = left.load(); now != 0; now = left.load()) left.wait(now);
  }
  state.counters["statements"] = benchmark::Counter(static_cast<double>(number * 6), benchmark::Counter::kIsRate);
  state.counters["writes"] = benchmark::Counter(static_cast<double>(number), benchmark::Counter::kIsRate);
  state.counters["µs/statement"] = benchmark::Counter(static_cast<double>(number * 6) / 1e6,
                                                      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void in_memory(benchmark::State& state) {
  MemoryFileSystem files;
  groups(state, files, "a.db");
}
// Writes in a group; MiB of log at which it is moved into the database.
BENCHMARK(in_memory)->ArgsProduct({{1, 8, 64}, {16}})->UseRealTime()->Unit(benchmark::kMicrosecond);

void on_disk(benchmark::State& state) {
  RealFileSystem files;
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("pabal-bench-{}", state.range(0));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  groups(state, files, folder / "a.db");
  std::filesystem::remove_all(folder);
}
BENCHMARK(on_disk)->ArgsProduct({{1, 8, 64}, {1, 4, 16, 64}})->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace pabal::db::sqlite
