// The store alone on the real disk (PABAL_BENCH_FOLDER, default the temporary folder): deliveries of 10 KiB to 100
// accounts by 1, 8 and 64 senders on one thread, with CPU time and flushes a message; reading; and what the disk alone
// does.
#include <sys/resource.h>

#include <benchmark/benchmark.h>

#include "base/failing_file.hpp"
#include "store/store_fixture.hpp"

namespace pabal::store {
namespace {

constexpr std::size_t kSize = 10 << 10;
constexpr int kAccounts = 100;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + (static_cast<double>(time.tv_usec) / 1e6);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string bench_folder() {
  const char* named = std::getenv("PABAL_BENCH_FOLDER");
  const std::filesystem::path above =
      named != nullptr ? std::filesystem::path(named) : std::filesystem::temp_directory_path();
  return (above / fmt::format("pabal-store-bench-{}", ::getpid())).string();
}

class FolderEngine final : public TestEngine {
 public:
  explicit FolderEngine(std::string folder) : folder_(std::move(folder)) {}
  Result<std::unique_ptr<db::Database>> open(FileSystem& files, int /*shard*/) override {
    if (auto made = files.make_folder(folder_); !made) return pass(made);
    return db::sqlite::open(files, folder_ + "/store.db");
  }
  std::string folder(int /*shard*/) const override { return folder_; }

 private:
  std::string folder_;
};

struct Bench {
  Bench() : files(real), engine(bench_folder()), store(files) {
    std::filesystem::remove_all(bench_folder());
    store.use(engine);
    store.options = StoreOptions{};
    if (auto opened = store.open(); !opened) throw std::runtime_error(opened.error().log);
    for (int account = 1; account <= kAccounts; ++account) {
      if (auto made = store->create_account(TestStore::place(account), std::nullopt); !made)
        throw std::runtime_error(made.error().log);
    }
  }
  ~Bench() {
    store.close();
    std::filesystem::remove_all(bench_folder());
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // One sender: delivers until `left` is used up.
  Async<Result<bool>> send(std::int64_t* left, const std::string* text) {
    while (*left > 0) {
      const auto number = (*left)--;
      auto target = TestStore::target(1 + (number * 37 % kAccounts));
      target.prefix = "Return-Path: <somebody@sender.example>\r\nDelivered-To: user@example.org\r\n";
      std::vector<DeliveryTarget> targets;
      targets.push_back(std::move(target));
      auto delivery = store.letter(fmt::format("{:012d}", 1'000'000'000 - number + (++sent * 1'000'000'000)), *text,
                                   std::move(targets));
      delivery.trace.append(400, ' ');
      auto outcomes = co_await store->deliver(std::move(delivery));
      if (!outcomes) co_return pass(outcomes);
      if (!outcomes->front().result) co_return pass(outcomes->front().result);
    }
    co_return true;
  }

  RealFileSystem real;
  FailingFileSystem files;
  FolderEngine engine;
  TestStore store;
  std::int64_t sent = 0;
};

void deliver(benchmark::State& state) {
  Bench bench;
  const auto text = letter_text(1, kSize);
  const auto senders = static_cast<std::size_t>(state.range(0));
  const auto messages = state.range(1);
  double cpu = 0;
  std::uint64_t flushes = 0;
  for (auto unused : state) {
    static_cast<void>(unused);
    std::int64_t left = messages;
    const double cpu_before = cpu_seconds();
    const auto flushes_before = bench.files.count(DiskOperation::sync);
    std::vector<Async<Result<bool>>> works;
    works.reserve(senders);
    for (std::size_t i = 0; i < senders; ++i) works.push_back(bench.send(&left, &text));
    for (auto& result : bench.store.run_all(std::move(works))) {
      if (!result) state.SkipWithError(result.error().log.c_str());
    }
    cpu += cpu_seconds() - cpu_before;
    flushes += bench.files.count(DiskOperation::sync) - flushes_before;
  }
  const auto total = static_cast<double>(messages * static_cast<std::int64_t>(state.iterations()));
  state.counters["messages/s"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
  state.counters["cpu_us"] = cpu * 1e6 / total;
  state.counters["flushes"] = static_cast<double>(flushes) / total;
}
BENCHMARK(deliver)
    ->Args({1, 4000})
    ->Args({8, 20'000})
    ->Args({64, 60'000})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(2);

void read_mailbox(benchmark::State& state) {
  Bench bench;
  const auto text = letter_text(1, kSize);
  std::int64_t left = 20'000;
  std::vector<Async<Result<bool>>> works;
  works.reserve(64);
  for (int i = 0; i < 64; ++i) works.push_back(bench.send(&left, &text));
  for (auto& result : bench.store.run_all(std::move(works))) {
    if (!result) state.SkipWithError(result.error().log.c_str());
  }
  std::size_t count = 0;
  for (auto unused : state) {
    static_cast<void>(unused);
    for (int account = 1; account <= kAccounts; ++account) {
      const auto place = TestStore::place(account);
      auto listing = bench.store.run(bench.store->list_mailbox(place, "INBOX"));
      std::vector<EmailId> ids;
      for (const auto& entry : listing->entries) ids.push_back(entry.email);
      auto opened = bench.store.run(bench.store->open_emails(place, ids));
      std::string out;
      for (const auto& email : *opened) {
        out.clear();
        if (!email->try_read(0, static_cast<std::size_t>(email->size()), out))
          state.SkipWithError("not in the page cache");
        benchmark::DoNotOptimize(out.data());
        ++count;
      }
    }
  }
  state.counters["messages/s"] = benchmark::Counter(static_cast<double>(count), benchmark::Counter::kIsRate);
}
BENCHMARK(read_mailbox)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);

// What the disk does: appending so much and flushing it.
void append_and_flush(benchmark::State& state) {
  RealFileSystem files;
  const auto folder = bench_folder();
  std::filesystem::create_directories(folder);
  const std::string octets(static_cast<std::size_t>(state.range(0)), 'x');
  auto file = files.open(folder + "/raw", OpenMode::create);
  std::uint64_t at = 0;
  for (auto unused : state) {
    static_cast<void>(unused);
    if (!(*file)->write_at(octets, at) || !(*file)->sync()) state.SkipWithError("disk");
    at += octets.size();
  }
  state.counters["flushes/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  std::filesystem::remove_all(folder);
}
BENCHMARK(append_and_flush)->Arg(kSize)->Arg(64 * kSize)->UseRealTime()->Iterations(1000);

}  // namespace
}  // namespace pabal::store
