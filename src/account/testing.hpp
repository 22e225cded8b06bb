// What the tests and benchmarks of this folder start from: a directory in a fresh database.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <unistd.h>

#include "account/directory.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/file.hpp"
#include "db/postgres/postgres.hpp"
#include "db/postgres/testing.hpp"
#include "db/sqlite/sqlite.hpp"
#include "db/writer.hpp"

namespace pabal::account::testing {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().log);
  return *std::move(result);
}
inline void must(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().log);
}

inline Domain domain(std::string_view text) { return must(Domain::parse(text)); }
inline EmailAddress address(std::string_view text) { return must(EmailAddress::parse(text)); }

enum class Engine : std::uint8_t { sqlite, postgresql };

struct World {
  explicit World(DirectoryOptions options = {}) : World(Engine::sqlite, options) {}
  explicit World(Engine engine, DirectoryOptions options = {}) {
    static std::atomic<int> count = 0;
    folder = std::filesystem::temp_directory_path() / fmt::format("pabal-account-{}-{}", ::getpid(), ++count);
    std::filesystem::create_directories(folder);
    database = engine == Engine::sqlite
                   ? must(db::sqlite::open(files, folder / "directory.db"))
                   : must(db::postgres::open(must(must(db::postgres::TestCluster::shared())->make_database())));
    writer = must(db::Writer::start(*database, {}));
    directory = must(Directory::open(*database, *writer, pool, clock, options));
  }
  ~World() {
    directory.reset();
    writer.reset();
    database.reset();
    std::filesystem::remove_all(folder);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Account add(std::string_view text) { return must(directory->add_account(address(text), ShardId{1}, std::nullopt)); }

  std::filesystem::path folder;
  RealFileSystem files;
  ManualClock clock{std::chrono::sys_days(std::chrono::year(2026) / 11 / 22)};
  Pool pool{2, Log()};
  std::unique_ptr<db::Database> database;
  std::unique_ptr<db::Writer> writer;
  std::unique_ptr<Directory> directory;
};

}  // namespace pabal::account::testing
