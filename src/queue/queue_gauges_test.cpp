#include "queue/queue_gauges.hpp"

#include <gtest/gtest.h>

#include "queue/relay_world.hpp"

namespace pabal::queue {
namespace {

TEST(QueueGauges, CountWhatWaitsAndNotOften) {
  RelayWorld world;
  Metrics metrics;
  QueueGauges gauges(*world.store.operator->(), world.store.clock, metrics, Log());
  const auto text = [&] {
    world.store.run([](QueueGauges* all) -> Async<bool> {
      co_await all->refresh();
      co_return true;
    }(&gauges));
    std::string found;
    const auto all = metrics.text();
    for (std::size_t at = 0; at < all.size();) {
      const auto end = all.find('\n', at);
      const auto line = all.substr(at, end - at);
      if (line.starts_with("pabal_queue_") && !line.ends_with(" 0")) found += line.substr(12) + "; ";
      at = end + 1;
    }
    return found;
  };
  EXPECT_EQ(text(), "");
  world.send(world.letter("a", {"x@busan.example", "y@daegu.example"}));
  EXPECT_EQ(text(), "") << "counted just now";
  world.store.clock.advance(QueueGauges::at_least);
  EXPECT_EQ(text(),
            "recipients{kind=\"remote\",state=\"due\"} 2; recipients{kind=\"remote\",state=\"waiting\"} 2; "
            "oldest_seconds 15; ");
  ASSERT_EQ(world.store->change_queue({.destination = "busan.example"}, store::Store::QueueAction::hold)->changed, 1);
  world.on_connect = [](const std::string& /*host*/) -> Async<std::optional<NoPeer>> { co_return unreachable(); };
  world.round();
  world.store.clock.advance(QueueGauges::at_least);
  EXPECT_EQ(text(),
            "recipients{kind=\"remote\",state=\"held\"} 1; recipients{kind=\"remote\",state=\"waiting\"} 1; "
            "oldest_seconds 30; ");
}

}  // namespace
}  // namespace pabal::queue
