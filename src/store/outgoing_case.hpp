// What tests of letters on their way out share: sends, claims and outcomes, on both engines. Tests only.
#pragma once
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "store/store_case.hpp"

namespace pabal::store {

using namespace std::chrono_literals;

class StoreOutgoing : public StoreFixture, public testing::WithParamInterface<Engine> {
 protected:
  StoreOutgoing() : StoreFixture(2) {
    if (GetParam() == Engine::postgresql) store.use(postgres);
  }

  static RemoteRecipient to(const std::string& address) {
    return {.address = address, .destination = address.substr(address.find('@') + 1)};
  }
  Delivery letter(std::string id, std::vector<RemoteRecipient> remote, std::vector<DeliveryTarget> targets = {}) {
    auto made = store.letter(std::move(id), "Subject: x\r\n\r\nhello\r\n", std::move(targets));
    made.remote = std::move(remote);
    return made;
  }
  void send(Delivery delivery) {
    auto outcomes = store.deliver(std::move(delivery));
    ASSERT_TRUE(outcomes) << outcomes.error().log;
  }
  /// "busan.example 0", what is due, and the rest as "next +60".
  std::string due(std::size_t at_most = 100) {
    std::string text;
    std::optional<DestinationCursor> at;
    std::optional<SystemTime> next;
    do {
      auto found = store.run(store->due_destinations(at, at_most));
      if (!found) return found.error().log;
      for (const auto& one : found->due) text += fmt::format("{}/{} ", one.destination, one.shard.value);
      if (found->next) next = std::min(next.value_or(*found->next), *found->next);
      at = found->go_on;
    } while (at);
    if (next) text += fmt::format("+{}", (*next - store.clock.now()) / 1s);
    return text;
  }
  std::vector<OutgoingLetter> claim(const std::string& destination, std::size_t at_most = 100, int shard = 1) {
    auto claimed = store.run(
        store->claim_outgoing(ShardId{shard}, destination, at_most, store.clock.now() + std::chrono::minutes(10)));
    EXPECT_TRUE(claimed) << claimed.error().log;
    return claimed ? std::move(*claimed) : std::vector<OutgoingLetter>();
  }
  static std::string text_of(const std::vector<OutgoingLetter>& letters) {
    std::string text;
    for (const auto& letter : letters) {
      text += fmt::format("{}<{}>", letter.id, letter.sender);
      for (const auto& recipient : letter.recipients)
        text += fmt::format(" {}:{}", recipient.address, recipient.attempts);
      text += "; ";
    }
    return text;
  }
  void settle(AttemptOutcome outcome, int shard = 1) {
    std::vector<AttemptOutcome> all;
    all.push_back(std::move(outcome));
    auto done = store.run(store->settle(ShardId{shard}, std::move(all)));
    ASSERT_TRUE(done) << done.error().log;
  }
  static RecipientOutcome end(const OutgoingLetter& letter, AttemptEnd how, std::size_t at = 0) {
    return {.number = letter.recipients.at(at).number, .end = how};
  }
  std::size_t rows() { return store->queue_rows()->size(); }
  Notice bounce(const OutgoingLetter& letter, std::string id = "bounce1") {
    Notice notice;
    notice.id = std::move(id);
    notice.content = "Subject: returned\r\n\r\nsorry\r\n";
    for (const auto& recipient : letter.recipients) notice.about.push_back(recipient.number);
    notice.trace = R"({"event":"notice"})";
    return notice;
  }

  PostgresTestEngine postgres;
};

}  // namespace pabal::store
