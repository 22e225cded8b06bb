#include "db/writer.hpp"

#include <atomic>
#include <future>

namespace pabal::db {

namespace {
struct Write {
  Work work;
  Outcome outcome;
  Result<void> result;
};
}  // namespace

struct Writer::State {
  struct Queue {
    std::vector<Write> waiting;
    bool idle = false;  ///< the thread sleeps and must be woken
    bool stopping = false;
    WriterStatistics statistics;
  };

  std::unique_ptr<Connection> connection;
  WriterOptions options;
  Guarded<Queue> queue;
  std::condition_variable wake;
  std::atomic<bool> healthy{true};
  bool in_doubt = false;  ///< the writer's thread's own
  std::thread thread;

  void loop();
  void run_group(std::span<Write> group);
  [[nodiscard]] std::size_t run_works(std::span<Write> group);
  [[nodiscard]] Result<void> run_work(Write& write, bool alone);
};

namespace {

Error broken_error() {
  return fail(ErrorKind::io, "local error", "the database takes no more writes: a flush failed earlier").error();
}

}  // namespace

Result<void> Writer::State::run_work(Write& write, bool alone) {
  // The only write of a transaction is undone with it, so it needs no savepoint.
  const auto depth = connection->depth() + 1;
  if (!alone) {
    if (auto set = connection->savepoint(); !set) return set;
  }
  // A write that throws (no memory, a bug) fails alone, as any other.
  auto result = run_caught("a write", [&] { return write.work(*connection); });
  if (alone) return result;
  if (result && connection->depth() == depth) return connection->release_savepoint();
  // With steps of its own that it left open (it threw, or could not end them).
  if (result) result = fail(ErrorKind::state, "local error", "a write has left a step of its own open");
  if (auto undone = connection->rollback_to_savepoint(depth); !undone) {
    // The engine has ended the transaction by itself (a full or failing disk): whoever shared it fails for the same
    // reason.
    result.error().log += "; then: " + undone.error().log;
    if (!result.error().temporary()) result.error().kind = ErrorKind::io;
    return result;
  }
  write.result = std::move(result);
  return {};
}

// Runs as many of the writes as one transaction bears and commits them; returns how many were dealt with.
std::size_t Writer::State::run_works(std::span<Write> group) {
  const auto fail_all = [](std::span<Write> writes, const Error& error) {
    for (auto& write : writes) {
      if (write.result) write.result = std::unexpected(error);
    }
  };
  in_doubt = false;
  if (!healthy.load(std::memory_order_relaxed)) {
    fail_all(group, broken_error());
    return group.size();
  }
  if (auto begun = connection->begin(true); !begun) {
    if (connection->broken()) healthy = false;
    fail_all(group, begun.error());
    return group.size();
  }
  const bool alone = group.size() == 1;
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (auto ran = run_work(group[i], alone); !ran) {
      connection->rollback();
      if (connection->broken()) healthy = false;
      fail_all(group.first(i + 1), ran.error());
      return i + 1;
    }
  }
  auto committed = connection->commit();
  if (!committed) {
    in_doubt = connection->in_doubt();
    connection->rollback();
    if (connection->broken()) healthy = false;
    fail_all(group, committed.error());
  }
  auto lock = queue.lock();
  (committed ? lock->statistics.commits : lock->statistics.failed_commits) += 1;
  return group.size();
}

void Writer::State::run_group(std::span<Write> group) {
  while (!group.empty()) {
    const auto part = group.first(run_works(group));
    for (auto& write : part) {
      write.outcome(std::move(write.result));
      write.work = nullptr;
      write.outcome = nullptr;
    }
    group = group.subspan(part.size());
  }
}

void Writer::State::loop() {
  std::vector<Write> batch;
  for (;;) {
    {
      auto lock = queue.lock();
      while (lock->waiting.empty() && !lock->stopping) {
        lock->idle = true;
        wake.wait(lock.unique_lock());
      }
      lock->idle = false;
      if (lock->waiting.empty()) return;
      batch.swap(lock->waiting);
      lock->statistics.writes += batch.size();
    }
    for (std::size_t at = 0; at < batch.size(); at += options.max_group) {
      const auto count = std::min(options.max_group, batch.size() - at);
      run_group(std::span(batch).subspan(at, count));
    }
    batch.clear();
  }
}

Writer::Writer(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([state = state_.get()] { state->loop(); });
}

Result<std::unique_ptr<Writer>> Writer::start(Database& database, WriterOptions options) {
  auto connection = database.connect();
  if (!connection) return pass(connection);
  auto state = std::make_unique<State>();
  state->connection = std::move(*connection);
  state->options = options;
  return std::unique_ptr<Writer>(new Writer(std::move(state)));
}

Writer::~Writer() {
  {
    auto lock = state_->queue.lock();
    lock->stopping = true;
  }
  state_->wake.notify_one();
  state_->thread.join();
}

void Writer::submit(Work work, Outcome outcome) {
  bool wake = false;
  {
    auto lock = state_->queue.lock();
    if (lock->waiting.size() < state_->options.max_waiting) {
      lock->waiting.push_back({std::move(work), std::move(outcome), {}});
      wake = std::exchange(lock->idle, false);
      outcome = nullptr;
    }
  }
  if (wake) state_->wake.notify_one();
  if (outcome) outcome(fail(ErrorKind::busy, "too busy", "too many writes wait"));
}

void Writer::submit(std::vector<std::pair<Work, Outcome>> writes) {
  bool wake = false;
  std::size_t taken = 0;
  {
    auto lock = state_->queue.lock();
    for (auto& [work, outcome] : writes) {
      if (lock->waiting.size() >= state_->options.max_waiting) break;
      lock->waiting.push_back({std::move(work), std::move(outcome), {}});
      ++taken;
    }
    if (taken != 0) wake = std::exchange(lock->idle, false);
  }
  if (wake) state_->wake.notify_one();
  for (auto& [work, outcome] : std::span(writes).subspan(taken)) {
    outcome(fail(ErrorKind::busy, "too busy", "too many writes wait"));
  }
}

Result<void> Writer::run(Work work) {
  std::promise<Result<void>> promise;
  auto future = promise.get_future();
  submit(std::move(work), [&promise](Result<void> result) { promise.set_value(std::move(result)); });
  return future.get();
}

bool Writer::in_doubt() const noexcept { return state_->in_doubt; }

bool Writer::healthy() const noexcept { return state_->healthy.load(std::memory_order_relaxed); }

WriterStatistics Writer::statistics() const { return state_->queue.lock()->statistics; }

Result<std::unique_ptr<Connection>> Readers::take() {
  {
    auto idle = idle_.lock();
    if (!idle->empty()) {
      auto connection = std::move(idle->back());
      idle->pop_back();
      return connection;
    }
  }
  return database_->connect();
}

void Readers::give_back(std::unique_ptr<Connection> connection) { idle_.lock()->push_back(std::move(connection)); }

}  // namespace pabal::db
