#include "delivery/refusals.hpp"

#include <gtest/gtest.h>

#include "base/memory_file.hpp"
#include "db/sqlite/sqlite.hpp"

namespace pabal::delivery {
namespace {

void keep(Refusals& refusals, RefusedLetter letter) {
  const auto done = run_blocking([](Refusals* all, RefusedLetter one) -> Async<bool> {
    co_await all->note(std::move(one));
    co_return true;
  }(&refusals, std::move(letter)));
  EXPECT_TRUE(done);
}

RefusedLetter refused(std::string id) {
  return {.id = std::move(id),
          .message_id = "<1@busan.example>",
          .sender = "ceo@bank.example",
          .recipients = {"alice@seoul.example"},
          .origin = {.session = "s",
                     .protocol = "ESMTP",
                     .client_address = "203.0.113.9",
                     .helo = "x",
                     .tls = {},
                     .authenticated = {}},
          .octets = 12,
          .judged = {{"dmarc", json::object{{"result", "fail"}}}},
          .reply = "550 5.7.1 no"};
}

TEST(Refusals, whatATraceSays) {
  const SystemTime now(std::chrono::seconds(1795318461));
  EXPECT_EQ(
      refusal_trace(refused("r1"), now),
      R"({"event":"refusal","id":"r1","session":"s","time":"2026-11-22T03:34:21.000Z","client":"203.0.113.9",)"
      R"("helo":"x","protocol":"ESMTP","sender":"ceo@bank.example","recipients":[{"address":"alice@seoul.example"}],)"
      R"("size":12,"message_id":"<1@busan.example>","reply":"550 5.7.1 no","outcome":"refused",)"
      R"("authentication":{"dmarc":{"result":"fail"}}})");
  auto big = refused("r2");
  big.recipients.assign(1000, std::string(200, 'a') + "@seoul.example");
  big.origin.helo = std::string(5000, '\xff');
  big.judged["x"] = std::string(8192, 'x');
  big.again = true;
  const auto text = refusal_trace(big, now);
  EXPECT_LE(text.size(), 8192U);
  EXPECT_TRUE(text.contains(R"("more_recipients":980)"));
  EXPECT_FALSE(text.contains("authentication"));
  EXPECT_TRUE(text.contains("put off"));
  EXPECT_TRUE(parse_json(text));
}

TEST(Refusals, haveAnEndEachHourAndDay) {
  MemoryFileSystem files;
  ASSERT_TRUE(files.make_folder("/data"));
  Metrics metrics;
  ManualClock clock{SystemTime(std::chrono::floor<std::chrono::days>(SystemTime(std::chrono::seconds(1795318461))))};
  SeededRandom random{1};
  Pool pool(1, Log());
  auto database = db::sqlite::open(files, "/data/store.db");
  ASSERT_TRUE(database);
  store::StoreOptions options;
  options.upkeep_every = std::chrono::milliseconds(0);
  auto opened = store::Store::open({{.id = ShardId{1}, .database = database->get(), .folder = "/data"}}, files, pool,
                                   clock, random, Log(), metrics, options);
  ASSERT_TRUE(opened) << opened.error().log;
  auto& store = **opened;
  Refusals refusals(store, clock, Log(), metrics, 24);
  int count = 0;
  const auto refuse = [&](int times) {
    for (int i = 0; i < times; ++i) {
      auto letter = refused(fmt::format("r{}", ++count));
      letter.origin.client_address = fmt::format("203.0.113.{}", i);
      keep(refusals, std::move(letter));
    }
    const auto found = store.traces("<1@busan.example>");
    return found ? found->size() : 9999;
  };
  EXPECT_EQ(refuse(10), 2U) << "a twelfth in an hour";
  EXPECT_EQ(store.traces("r2").value().size(), 1U);
  EXPECT_TRUE(store.traces("r3").value().empty());
  for (std::size_t hour = 1; hour < 24; ++hour) {
    clock.advance(std::chrono::hours(1));
    EXPECT_EQ(refuse(3), std::min<std::size_t>(2 * (hour + 1), 24)) << hour;
  }
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(refuse(3), 26U) << "another day";
  Refusals many(store, clock, Log(), metrics, 96);  // eight in an hour, two of one client
  const auto from = [&](const std::string& client, const std::string& id) {
    auto letter = refused(id);
    letter.origin.client_address = client;
    keep(many, std::move(letter));
    return !store.traces(id).value().empty();
  };
  EXPECT_TRUE(from("203.0.113.9", "m1"));
  EXPECT_TRUE(from("203.0.113.9", "m2"));
  EXPECT_FALSE(from("203.0.113.9", "m3")) << "room for others is left";
  EXPECT_TRUE(from("203.0.113.8", "m4"));
  EXPECT_TRUE(from("2001:db8::1", "m5"));
  EXPECT_TRUE(from("2001:db8::ffff:1", "m6"));
  EXPECT_FALSE(from("2001:db8:0:0:1::1", "m7")) << "one site";
  EXPECT_TRUE(from("2001:db8:0:1::1", "m8"));
  clock.advance(std::chrono::hours(1));
  EXPECT_TRUE(from("203.0.113.9", "m9"));
  Refusals none(store, clock, Log(), metrics, 0);
  keep(none, refused("none"));
  EXPECT_TRUE(store.traces("none").value().empty());
  EXPECT_TRUE(metrics.text().contains("pabal_refusals_untraced_total"));
}

}  // namespace
}  // namespace pabal::delivery
