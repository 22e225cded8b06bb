#include <gtest/gtest.h>

#include "queue/relay.hpp"
#include "queue/relay_world.hpp"

namespace pabal::queue {
namespace {

// An orderly stop doesn't wait for hosts that say nothing, and what they were asked for is due at the next start.
TEST(Relay, AStopInterruptsWhoSaysNothing) {
  auto options = RelayWorld::quick();
  options.stop_patience = std::chrono::milliseconds(50);
  RelayWorld world(options);
  world.on_connect = [&](const std::string& host) -> Async<std::optional<NoPeer>> {
    while (host == "mx1.silent.example" && world.interrupted == 0) co_await sleep_for(std::chrono::milliseconds(1));
    if (world.interrupted != 0) co_return unreachable();
    co_return std::nullopt;
  };
  world.stalls = true;
  world.relay->start();
  hand_over(world, world.letter("a", {"x@silent.example", "y@slow.example", "z@slow.example"}));
  run_until(world, [&] { return world.connections == 2 && world.open == 1; });
  const auto begun = std::chrono::steady_clock::now();
  bool stopped = false;
  world.relay->stop([&] { stopped = true; });
  run_until(world, [&] { return stopped; });
  EXPECT_GE(world.interrupted, 1);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(50));
  EXPECT_EQ(world.open, 0);
  ASSERT_EQ(world.rows(), 3);
  for (const auto& row : *world.store->queue_rows()) EXPECT_TRUE(row.contains(R"("attempts":0)")) << row;
  // The next start.
  world.stalls = false;
  world.interrupted = 0;
  world.on_connect = [](const std::string& /*host*/) -> Async<std::optional<NoPeer>> { co_return std::nullopt; };
  world.start();
  world.relay->start();
  run_until(world, [&] { return world.rows() == 0; });
  bool over = false;
  end(world, over);
}

}  // namespace
}  // namespace pabal::queue
