#include "imap/mailbox_view.hpp"

#include <array>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace pabal::imap {
namespace {

struct Row {
  std::uint32_t uid = 0;
  std::uint64_t modseq = 0;
  friend bool operator==(const Row&, const Row&) = default;
};

// A snapshot in blocks that later ones share, as the store's.
class Snapshot {
 public:
  using Block = std::shared_ptr<const std::vector<Row>>;
  explicit Snapshot(std::vector<Block> blocks) : blocks_(std::move(blocks)) {
    for (const auto& block : blocks_) starts_.push_back(starts_.back() + block->size());
  }
  [[nodiscard]] std::size_t size() const noexcept { return starts_.back(); }
  [[nodiscard]] std::span<const Row> run(std::size_t index, std::uint32_t last = UINT32_MAX) const noexcept {
    const auto block = static_cast<std::size_t>(std::ranges::upper_bound(starts_, index) - starts_.begin()) - 1;
    if (block >= blocks_.size()) return {};
    const auto rows = std::span(*blocks_[block]).subspan(index - starts_[block]);
    const auto behind = std::ranges::upper_bound(rows, last, {}, &Row::uid) - rows.begin();
    return rows.first(static_cast<std::size_t>(std::max<std::ptrdiff_t>(behind, 1)));
  }
  [[nodiscard]] const Row& operator[](std::size_t index) const noexcept { return run(index).front(); }
  [[nodiscard]] std::size_t shared(std::size_t index, const Snapshot& other, std::size_t there) const noexcept {
    const auto mine = run(index);
    const auto theirs = other.run(there);
    return mine.data() == theirs.data() ? std::min(mine.size(), theirs.size()) : 0;
  }
  [[nodiscard]] std::size_t lower_bound(std::uint32_t uid) const noexcept {
    std::size_t low = 0;
    std::size_t high = size();
    while (low < high) {
      const auto middle = (low + high) / 2;
      if (run(middle).front().uid < uid) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
  [[nodiscard]] const std::vector<Block>& blocks() const noexcept { return blocks_; }

 private:
  std::vector<Block> blocks_;
  std::vector<std::size_t> starts_{0};
};
using View = MailboxView<Snapshot>;

std::shared_ptr<const Snapshot> of(std::vector<Row> rows) {
  std::vector<Snapshot::Block> blocks;
  if (!rows.empty()) blocks.push_back(std::make_shared<const std::vector<Row>>(std::move(rows)));
  return std::make_shared<const Snapshot>(std::move(blocks));
}

std::string text(const View::Due& due) {
  std::string out;
  for (const auto number : due.expunged) out += fmt::format("{} EXPUNGE; ", number);
  if (!due.vanished.empty()) out += "VANISHED " + due.vanished.text() + "; ";
  if (due.announce) out += fmt::format("{} EXISTS ({}); ", due.exists, due.arrived.text());
  for (const auto uid : due.changed) out += fmt::format("UID {} FLAGS; ", uid);
  return out;
}

TEST(MailboxView, RemovalsWait) {
  View view(of({{10, 1}, {11, 1}, {13, 1}, {20, 1}}));
  EXPECT_EQ(view.exists(), 4U);
  EXPECT_FALSE(view.has_news(false));
  view.take(of({{10, 1}, {13, 2}, {21, 3}, {22, 3}}));
  EXPECT_EQ(view.exists(), 4U);
  EXPECT_EQ(view.uid_of(2), 11U);
  EXPECT_TRUE(view.is_gone(11));
  EXPECT_EQ(view.number_of(13), 3U);
  EXPECT_EQ(view.number_of(20), 4U);
  EXPECT_EQ(view.number_of(21), std::nullopt);
  EXPECT_EQ(view.number_of(12), std::nullopt);
  EXPECT_EQ(text(view.tell(true)), "6 EXISTS (21:22); UID 13 FLAGS; ");
  EXPECT_FALSE(view.has_news(true));
  EXPECT_TRUE(view.has_news(false));
  EXPECT_EQ(view.number_of(22), 6U);
  EXPECT_EQ(view.uid_of(4), 20U);
  EXPECT_EQ(view.uid_of(5), 21U);
  EXPECT_EQ(text(view.tell(false)), "4 EXPUNGE; 2 EXPUNGE; VANISHED 11,20; ");
  EXPECT_EQ(view.number_of(22), 4U);
  EXPECT_EQ(view.exists(), 4U);
}

TEST(MailboxView, NothingOfWhatCameAndWent) {
  View view(of({}));
  EXPECT_EQ(view.exists(), 0U);
  EXPECT_EQ(view.largest_uid(), 0U);
  view.take(of({{1, 1}, {2, 1}}));
  EXPECT_EQ(view.exists(), 0U);
  view.take(of({{2, 2}}));
  EXPECT_EQ(text(view.tell(false)), "1 EXISTS (2); ");
  // Changed and then gone: only gone.
  view.take(of({{2, 3}}));
  view.take(of({}));
  EXPECT_EQ(view.largest_uid(), 2U);
  EXPECT_EQ(text(view.tell(true)), "");
  EXPECT_EQ(text(view.tell(false)), "1 EXPUNGE; VANISHED 2; ");
  EXPECT_EQ(view.exists(), 0U);
  // UIDs go on above.
  view.take(of({{3, 4}}));
  EXPECT_EQ(text(view.tell(true)), "1 EXISTS (3); ");
}

TEST(MailboxView, WhatTheSessionToldItself) {
  View view(of({{1, 1}, {2, 1}, {3, 1}}));
  const auto mine = of({{1, 2}, {2, 2}, {3, 2}});
  view.take(mine);
  view.known(2);
  view.take(of({{1, 2}, {2, 2}, {3, 3}}));
  // Of 1 and 3 it was told as in `mine`, but 3 was changed since.
  view.known(NumberSet{{1, 3}}, *mine);
  EXPECT_EQ(text(view.tell(false)), "UID 3 FLAGS; ");
}

TEST(MailboxView, SetsAndVisits) {
  View view(of({{5, 1}, {7, 1}, {9, 1}, {11, 1}}));
  view.take(of({{5, 1}, {9, 1}, {11, 1}, {12, 1}}));
  EXPECT_EQ(view.uids_of(NumberSet{{1, 4}})->text(), "5:11");
  EXPECT_EQ(view.uids_of(NumberSet{{2, 2}, {4, 4}})->text(), "7,11");
  EXPECT_FALSE(view.uids_of(NumberSet{{4, 5}}));
  std::string seen;
  const auto note = [&](std::uint32_t number, const Row& row) {
    seen += fmt::format("{}={} ", number, row.uid);
    return true;
  };
  EXPECT_TRUE(view.visit(NumberSet{{1, UINT32_MAX}}, 1, note));
  EXPECT_EQ(seen, "1=5 3=9 4=11 ");
  seen.clear();
  EXPECT_TRUE(view.visit(NumberSet{{6, 9}, {11, 11}}, 8, note));
  EXPECT_EQ(seen, "3=9 4=11 ");
  EXPECT_FALSE(view.visit(NumberSet{{1, 20}}, 1, [](std::uint32_t, const Row&) { return false; }));
  view.add_recent({9, 12});
  EXPECT_EQ(view.recent_count(), 2U);
  EXPECT_EQ(text(view.tell(false)), "2 EXPUNGE; VANISHED 7; 4 EXISTS (12); ");
  EXPECT_EQ(view.recent_count(), 3U);
  EXPECT_TRUE(view.is_recent(12));
  EXPECT_FALSE(view.is_recent(5));
}

// Many sessions look at one mailbox that changes at random. What each client knows by the responses alone must be what
// the view says at each moment, and the mailbox itself once everything was told.
class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed), now_(of({})) {
    for (std::size_t i = 0; i < clients_.size(); ++i) clients_[i] = std::make_unique<Client>(View(now_));
  }
  void step() {
    change();
    auto& client = *clients_[pick(clients_.size())];
    if (pick(3) == 0) client.view.take(now_);
    if (pick(3) == 0) hear(client, pick(2) == 0);
    agree(client);
  }
  void finish() {
    for (auto& client : clients_) {
      client->view.take(now_);
      hear(*client, false);
      agree(*client);
      ASSERT_EQ(client->messages.size(), now_->size());
      for (std::size_t i = 0; i < now_->size(); ++i) {
        const auto& row = now_->run(i).front();
        ASSERT_EQ(client->messages[i].uid, row.uid);
        ASSERT_EQ(client->messages[i].modseq, row.modseq);
      }
      ASSERT_FALSE(client->view.has_news(false));
    }
  }

 private:
  struct Client {
    explicit Client(View of_mailbox) : view(std::move(of_mailbox)) {}
    View view;
    std::vector<Row> messages;  // by number, as the responses say
  };
  std::size_t pick(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_); }

  // One block is changed, or one put behind; the others are shared.
  void change() {
    auto blocks = now_->blocks();
    ++modseq_;
    if (blocks.empty() || pick(6) == 0) {
      std::vector<Row> fresh;
      for (std::size_t i = 1 + pick(4); i > 0; --i) fresh.push_back({next_uid_ += 1 + pick(2), modseq_});
      blocks.push_back(std::make_shared<const std::vector<Row>>(std::move(fresh)));
    } else {
      const auto at = pick(blocks.size());
      auto rows = *blocks[at];
      const auto row = rows.begin() + static_cast<std::ptrdiff_t>(pick(rows.size()));
      if (pick(5) < 2) {
        rows.erase(row);
      } else {
        row->modseq = modseq_;
      }
      if (rows.empty()) {
        blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(at));
      } else if (pick(4) == 0 && at + 1 < blocks.size()) {
        // Two blocks become one.
        rows.insert(rows.end(), blocks[at + 1]->begin(), blocks[at + 1]->end());
        blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        blocks[at] = std::make_shared<const std::vector<Row>>(std::move(rows));
      } else {
        blocks[at] = std::make_shared<const std::vector<Row>>(std::move(rows));
      }
    }
    now_ = std::make_shared<const Snapshot>(std::move(blocks));
  }

  // The client reads the responses.
  static void hear(Client& client, bool keep_numbers) {
    const auto before = client.messages.size();
    const auto due = client.view.tell(keep_numbers);
    if (keep_numbers) {
      ASSERT_TRUE(due.expunged.empty());
    }
    NumberSet vanished;
    for (const auto number : due.expunged) {
      ASSERT_GE(number, 1U);
      ASSERT_LE(number, client.messages.size());
      vanished.add(client.messages[number - 1].uid);
      client.messages.erase(client.messages.begin() + number - 1);
    }
    ASSERT_EQ(vanished, due.vanished);
    if (due.announce) {
      ASSERT_GT(due.exists, client.messages.size());
      // It fetches what it doesn't know.
      client.view.visit(due.arrived, 1, [&](std::uint32_t number, const Row& row) {
        client.messages.push_back(row);
        EXPECT_EQ(client.messages.size(), number);
        return true;
      });
    }
    ASSERT_EQ(due.exists, client.messages.size());
    if (keep_numbers) {
      ASSERT_GE(client.messages.size(), before);
    }
    for (const auto uid : due.changed) {
      const auto number = client.view.number_of(uid);
      ASSERT_TRUE(number);
      client.view.visit(NumberSet{{uid, uid}}, 1, [&](std::uint32_t at, const Row& row) {
        EXPECT_EQ(at, *number);
        client.messages[at - 1].modseq = row.modseq;
        return true;
      });
    }
  }

  static void agree(const Client& client) {
    ASSERT_EQ(client.view.exists(), client.messages.size());
    for (std::uint32_t number = 1; number <= client.messages.size(); ++number) {
      const auto uid = client.messages[number - 1].uid;
      ASSERT_EQ(client.view.uid_of(number), uid);
      ASSERT_EQ(client.view.number_of(uid), number);
    }
  }

  std::mt19937 random_;
  std::shared_ptr<const Snapshot> now_;
  std::uint32_t next_uid_ = 0;
  std::uint64_t modseq_ = 0;
  std::array<std::unique_ptr<Client>, 4> clients_;
};

TEST(MailboxView, AnyInterleaving) {
  const auto fresh = std::random_device{}();
  for (const std::uint32_t seed : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, fresh}) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    World world(seed);
    for (int i = 0; i < 2'000 && !HasFatalFailure(); ++i) world.step();
    if (!HasFatalFailure()) world.finish();
    ASSERT_FALSE(HasFailure());
  }
}

// What a session holds for a mailbox of a million: next to nothing; and what is shared is not looked at.
TEST(MailboxView, Million) {
  std::vector<Snapshot::Block> blocks;
  for (std::uint32_t block = 0; block < 500; ++block) {
    std::vector<Row> rows;
    for (std::uint32_t i = 1; i <= 2'000; ++i) rows.push_back({block * 2'000 + i, 1});
    blocks.push_back(std::make_shared<const std::vector<Row>>(std::move(rows)));
  }
  View view(std::make_shared<const Snapshot>(blocks));
  EXPECT_EQ(view.exists(), 1'000'000U);
  auto rows = *blocks[250];
  rows.erase(rows.begin());
  rows[0].modseq = 2;
  blocks[250] = std::make_shared<const std::vector<Row>>(std::move(rows));
  view.take(std::make_shared<const Snapshot>(blocks));
  EXPECT_EQ(text(view.tell(false)), "500001 EXPUNGE; VANISHED 500001; UID 500002 FLAGS; ");
  EXPECT_EQ(view.number_of(1'000'000), 999'999U);
}

}  // namespace
}  // namespace pabal::imap
