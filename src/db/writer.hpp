// Writer: the one thread that writes to a database, with group commit. A write is a function that is run in a
// transaction under its own SAVEPOINT; whoever arrives while a commit is under way goes into the next. A write that
// fails is undone alone; if the commit fails, all writes of the group fail. Completions are called after COMMIT, never
// before.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/guarded.hpp"
#include "db/database.hpp"

namespace pabal::db {

/// The work: reads what it depends on and writes, in the transaction. Must not keep the connection.
using Work = std::move_only_function<Result<void>(Connection&)>;
/// Told the outcome once, on the writer's thread, after the commit; must be quick.
using Outcome = std::move_only_function<void(Result<void>)>;

struct WriterOptions {
  std::size_t max_group = 256;        ///< writes in one transaction
  std::size_t max_waiting = 100'000;  ///< beyond: `busy`
};

struct WriterStatistics {
  std::uint64_t writes = 0;
  std::uint64_t commits = 0;
  std::uint64_t failed_commits = 0;
};

class Writer {
 public:
  /// Opens its own connection. After a failed commit whose outcome is unknown (a flush that failed) the writer takes no
  /// more writes: all fail with `io` and healthy() is false.
  [[nodiscard]] static Result<std::unique_ptr<Writer>> start(Database& database, WriterOptions options);
  /// Finishes what was submitted.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Any thread. The outcome comes also when the work could not even begin.
  void submit(Work work, Outcome outcome);
  /// Several at once, woken once.
  void submit(std::vector<std::pair<Work, Outcome>> writes);
  /// Runs one write and waits for it (command line, tests; never from a coroutine).
  [[nodiscard]] Result<void> run(Work work);

  /// Inside of an Outcome that failed, where the work itself had run and succeeded: whether what it wrote may be
  /// committed all the same (a flush failed, the connection to PostgreSQL broke in COMMIT).
  [[nodiscard]] bool in_doubt() const noexcept;
  [[nodiscard]] bool healthy() const noexcept;
  [[nodiscard]] WriterStatistics statistics() const;

 private:
  struct State;
  explicit Writer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Connections for reading, handed out to one thread at a time; as many as ever were needed at once.
class Readers {
 public:
  explicit Readers(Database& database) : database_(&database) {}

  /// Runs `work(connection)` in one read snapshot and gives its Result back. Blocking: call from a Pool.
  template <class WorkFunction>
  [[nodiscard]] auto read(WorkFunction work) -> decltype(work(std::declval<Connection&>())) {
    auto connection = take();
    if (!connection) return pass(connection);
    if (auto begun = (*connection)->begin(false); !begun) return pass(begun);
    auto result = work(**connection);
    (*connection)->rollback();
    give_back(std::move(*connection));
    return result;
  }

 private:
  [[nodiscard]] Result<std::unique_ptr<Connection>> take();
  void give_back(std::unique_ptr<Connection> connection);

  Database* database_;
  Guarded<std::vector<std::unique_ptr<Connection>>> idle_;
};

}  // namespace pabal::db
