#include "base/async.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace pabal {
namespace {

TEST(Async, PoolWorkResumesAtHome) {
  asio::io_context io;
  Pool pool(2);
  std::thread::id home;
  int result = 0;
  asio::co_spawn(
      io.get_executor(),
      [](Pool* workers, std::thread::id* ran_at, int* out) -> Async<> {
        *out = co_await workers->run([] { return 41 + 1; });
        *ran_at = std::this_thread::get_id();
      }(&pool, &home, &result),
      [](std::exception_ptr) {});
  io.run();
  EXPECT_EQ(result, 42);
  EXPECT_EQ(home, std::this_thread::get_id());
}

TEST(Async, RunBlockingGivesTheResultOrTheException) {
  Pool pool(1);
  const auto twice = [](Pool* workers, int number) -> Async<int> {
    co_return co_await workers->run([number] { return 2 * number; });
  };
  EXPECT_EQ(run_blocking(twice(&pool, 21)), 42);
  const auto broken = []() -> Async<int> {
    throw std::logic_error("broken");
    co_return 0;
  };
  EXPECT_THROW({ EXPECT_EQ(run_blocking(broken()), 0); }, std::logic_error);
}

TEST(Async, PoolFinishesWhatWasPosted) {
  std::atomic<int> ran = 0;
  {
    Pool pool(2);
    for (int i = 0; i < 1000; ++i) pool.post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 1000);
}

}  // namespace
}  // namespace pabal
