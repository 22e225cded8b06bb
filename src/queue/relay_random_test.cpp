// The relay in a world in which anything may happen: routes that fail, peers that refuse, lose the line, take what they
// never say; stops and starts between. At the end each recipient is delivered exactly once, or its author was told
// exactly once; more than once only where a line broke after the data.
#include <gtest/gtest.h>

#include "base/sanitized.hpp"
#include "queue/relay_world.hpp"

namespace pabal::queue {
namespace {

using namespace std::chrono_literals;
using Answer = RelayWorld::Answer;

void run(std::uint64_t seed) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  RelayWorld world;
  SeededRandom random(seed);
  world.hops = 1 + static_cast<int>(random.below(3));
  std::map<std::string, std::size_t> doubts;  // by recipient
  const auto trouble = 1 + random.below(60);  // in a hundred
  world.on_connect = [&](const std::string& /*host*/) -> Async<std::optional<NoPeer>> {
    if (random.below(100) >= trouble) co_return std::nullopt;
    NoPeer no;
    no.lasting = random.below(20) == 0;
    no.status = no.lasting ? "5.3.2" : "4.4.1";
    no.words = "no";
    co_return no;
  };
  world.on_recipient = [&](const auto&, const auto&, const OutgoingRecipient& recipient) -> Answer {
    if (random.below(100) >= trouble) return {};
    switch (random.below(5)) {
      case 0:
        return {.fate = Fate::lasting, .reply = "550 5.1.1 no such user"};
      case 1:
        return {.fate = Fate::untried, .reply = ""};
      case 2: {
        const bool took = random.below(2) == 0;
        if (took) ++doubts[recipient.address.text()];
        return {.fate = Fate::in_doubt, .reply = "", .taken_all_the_same = took};
      }
      case 3:
        return {.fate = Fate::lasting, .reply = "554 5.6.7 no", .host_lacks = true};
      default:
        return {.fate = Fate::passing, .reply = random.below(2) == 0 ? "451 4.7.1 later" : "421 4.3.2 later"};
    }
  };
  std::vector<std::string> all;
  for (int i = 0; i < 12; ++i) {
    std::vector<std::string> to;
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      to.push_back(fmt::format("r{}@d{}.example", all.size(), random.below(4)));
      all.push_back(to.back());
    }
    world.send(world.letter(fmt::format("l{}", i), to));
  }
  int rounds = 0;
  for (; world.rows() != 0 && rounds < 500; ++rounds) {
    world.round();
    if (random.below(10) == 0) {
      // A new process: what was claimed is free again.
      world.start();
      if (auto opened = world.store.open(); !opened) FAIL() << opened.error().log;
      world.start();
      EXPECT_TRUE(world.run(world.store->forget_claims()));
    }
    if (random.below(5) == 0) world.no_route["d1.example"] = {random.below(8) == 0, "4.4.3", "no", {}};
    if (random.below(2) == 0) world.no_route.clear();
    world.store.clock.advance(std::chrono::minutes(1 + random.below(300)));
  }
  EXPECT_EQ(world.rows(), 0) << rounds;
  EXPECT_EQ(world.store.check(), "");
  const auto told = world.told();
  for (const auto& address : all) {
    std::size_t taken = 0;
    for (const auto& [key, count] : world.taken)
      taken += key.starts_with(address + " ") ? static_cast<std::size_t>(count) : 0;
    std::size_t failed = 0;
    for (auto at = told.find("failed " + address + " "); at != std::string::npos;
         at = told.find("failed " + address + " ", at + 1))
      ++failed;
    const auto sure = taken - doubts[address];
    EXPECT_EQ(sure + failed, 1) << address << " taken " << taken << " doubts " << doubts[address] << " failed "
                                << failed;
    std::size_t delayed = 0;
    for (auto at = told.find("delayed " + address + " "); at != std::string::npos;
         at = told.find("delayed " + address + " ", at + 1))
      ++delayed;
    EXPECT_LE(delayed, 1) << address;
  }
}

TEST(RelayRandom, DeliveredOrToldOnce) {
  for (std::uint64_t seed = 1; seed <= 60 / kSlower; ++seed) run(seed);
}

}  // namespace
}  // namespace pabal::queue
