// For tests of this folder: a book in a fresh database of either engine, with a clock that is moved by hand.
#pragma once
#include <atomic>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "db/postgres/postgres.hpp"
#include "db/postgres/testing.hpp"
#include "db/sqlite/sqlite.hpp"
#include "reports/book.hpp"

namespace pabal::reports::testing {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().log);
  return *std::move(result);
}
inline void must(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().log);
}

enum class Engine : std::uint8_t { sqlite, postgresql };

struct World {
  explicit World(Engine engine = Engine::sqlite, BookOptions options = {.write_every = std::chrono::seconds(0)}) {
    static std::atomic<int> count = 0;
    folder = std::filesystem::temp_directory_path() / fmt::format("pabal-book-{}-{}", ::getpid(), ++count);
    std::filesystem::create_directories(folder);
    database = engine == Engine::sqlite
                   ? must(db::sqlite::open(files, folder / "reports.db"))
                   : must(db::postgres::open(must(must(db::postgres::TestCluster::shared())->make_database())));
    writer = must(db::Writer::start(*database, {}));
    open(options);
  }
  ~World() {
    book.reset();
    writer.reset();
    database.reset();
    std::filesystem::remove_all(folder);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void open(BookOptions options) {
    book.reset();
    book = must(Book::open(*database, *writer, clock, random, Log(), metrics, options));
  }

  /// One letter of seoul.example, which has a policy.
  [[nodiscard]] JudgedLetter letter(std::string ip = "192.0.2.1", bool passed = true) const {
    JudgedLetter out;
    out.time = clock.now();
    out.source_ip = std::move(ip);
    out.header_from = "seoul.example";
    out.envelope_from = "seoul.example";
    out.policy.domain = "seoul.example";
    out.policy.p = "reject";
    out.policy.rua = "mailto:dmarc@seoul.example";
    out.disposition = passed ? Disposition::none : Disposition::reject;
    out.dkim_aligned = out.spf_aligned = passed;
    out.dkim = {{"seoul.example", "s1", passed ? "pass" : "fail", ""}};
    out.spf = {{"seoul.example", false, passed ? "pass" : "fail"}};
    out.recipients = {"bob@busan.example"};
    return out;
  }
  [[nodiscard]] queue::TlsOutcome session(std::optional<queue::TlsFailure> failure = std::nullopt) const {
    queue::TlsOutcome out;
    out.time = clock.now();
    out.domain = "seoul.example";
    out.policy = queue::TlsPolicyType::sts;
    out.policy_lines = {"version: STSv1", "mode: enforce", "mx: mx.seoul.example"};
    out.policy_hosts = {"mx.seoul.example"};
    out.failure = failure;
    out.receiving_host = "mx.seoul.example";
    out.receiving_ip = "192.0.2.25";
    out.sending_ip = "192.0.2.99";
    out.reason = failure ? "it did not work" : "";
    return out;
  }

  std::filesystem::path folder;
  RealFileSystem files;
  ManualClock clock{SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22)) + std::chrono::hours(10)};
  SeededRandom random{7};
  Metrics metrics;
  Pool pool{2, Log()};
  std::unique_ptr<db::Database> database;
  std::unique_ptr<db::Writer> writer;
  std::unique_ptr<Book> book;
};

}  // namespace pabal::reports::testing
