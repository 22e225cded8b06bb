#include "base/async.hpp"

#include <thread>

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace pabal {
namespace {

TEST(Async, PoolWorkResumesAtHome) {
  asio::io_context io;
  Pool pool(2, Log());
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

// A loop that is left as soon as the answer is there: the pool's thread may still be in the job that gave it.
TEST(Async, ALoopMayGoRightAfterTheAnswer) {
  Pool pool(2, Log());
  for (int i = 0; i < 3000; ++i) {
    int result = 0;
    auto home = std::make_unique<asio::io_context>(1);
    asio::co_spawn(
        home->get_executor(),
        [](Pool* workers, int* out) -> Async<> { *out = co_await workers->run([] { return 42; }); }(&pool, &result),
        [](const std::exception_ptr&) {});
    while (result == 0) home->run_one();
    home.reset();
  }
}

TEST(Async, RunBlockingGivesTheResultOrTheException) {
  Pool pool(1, Log());
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
    Pool pool(2, Log());
    for (int i = 0; i < 1000; ++i) pool.post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 1000);
}

// Of two coroutines that wait for the same thread the one whose job throws ends, the other goes on.
TEST(Async, AnExceptionOfAPoolJobEndsItsCoroutineAlone) {
  asio::io_context io;
  Pool pool(1, Log());
  const auto wait_for = [](Pool* workers, bool throws, bool* done) -> Async<> {
    const int given = co_await workers->run([throws] {
      if (throws) throw std::bad_alloc();
      return 7;
    });
    *done = given == 7;
  };
  bool first = false;
  bool second = false;
  std::string thrown;
  asio::co_spawn(io.get_executor(), wait_for(&pool, true, &first), [&](const std::exception_ptr& error) {
    if (error) thrown = thrown_text(error);
  });
  asio::co_spawn(io.get_executor(), wait_for(&pool, false, &second), [](const std::exception_ptr&) {});
  io.run();
  EXPECT_EQ(thrown, "std::bad_alloc");
  EXPECT_FALSE(first);
  EXPECT_TRUE(second);
}

TEST(Async, AnExceptionOfAPostedJobIsLoggedAndTheNextJobRuns) {
  const auto lines = std::make_shared<std::vector<std::string>>();
  std::atomic<int> ran = 0;
  {
    Pool pool(1, Log::to_lines(lines));
    pool.post([] { throw std::runtime_error("a bug"); });
    pool.post([] { throw 42; });
    pool.post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 1);
  ASSERT_EQ(lines->size(), 2U);
  EXPECT_NE((*lines)[0].find("job_threw why=\"a bug\""), std::string::npos) << (*lines)[0];
  EXPECT_NE((*lines)[1].find("job_threw why=\"not a standard exception\""), std::string::npos) << (*lines)[1];
}

}  // namespace
}  // namespace pabal
