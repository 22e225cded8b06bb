// Packed snapshots by themselves: there and back, and what is no packed snapshot.
#include "store/snapshot_pack.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "base/sanitized.hpp"

namespace pabal::store {
namespace {

MessageRow row_of(std::uint32_t uid, std::int64_t email, std::int64_t change, std::uint64_t size, Flags flags,
                  std::uint32_t keywords) {
  MessageRow row;
  row.uid = uid;
  row.keywords = keywords;
  row.email = EmailId{email};
  row.change = ChangeNumber{change};
  row.set_size(size);
  row.set_flags(flags);
  return row;
}
const MailboxSnapshot::KeywordSets kSets = {{}, {"one"}, {"one", "둘"}};
constexpr SnapshotHead kHead{.mailbox = MailboxId{9}, .uid_validity = 7, .uid_next = UINT32_MAX, .change = {1LL << 60}};

std::vector<MessageRow> rows_of(const MailboxSnapshot& snapshot) {
  std::vector<MessageRow> rows;
  for (std::size_t i = 0; i < snapshot.size(); ++i) rows.push_back(snapshot[i]);
  return rows;
}

// Back as it was, whatever is looked at first.
void expect_same(const std::vector<MessageRow>& rows) {
  const auto made = MailboxSnapshot::make(kHead, rows, kSets);
  const auto octets = pack_snapshot(*made);
  const auto back = unpack_snapshot(octets);
  ASSERT_TRUE(back) << back.error().log;
  const auto& snapshot = **back;
  EXPECT_EQ(snapshot.head().mailbox, kHead.mailbox);
  EXPECT_EQ(snapshot.head().uid_validity, kHead.uid_validity);
  EXPECT_EQ(snapshot.head().uid_next, kHead.uid_next);
  EXPECT_EQ(snapshot.head().change, kHead.change);
  EXPECT_EQ(snapshot.keyword_sets(), kSets);
  EXPECT_EQ(snapshot.unseen(), made->unseen());
  EXPECT_EQ(snapshot.first_unseen(), made->first_unseen());
  for (const auto& row : rows) {
    EXPECT_EQ(snapshot.lower_bound(row.uid), made->lower_bound(row.uid));
    EXPECT_EQ(snapshot.lower_bound(row.uid - 1), made->lower_bound(row.uid - 1));
  }
  EXPECT_EQ(rows_of(snapshot), rows);
  EXPECT_EQ(pack_snapshot(snapshot), octets);
}

TEST(SnapshotPack, ThereAndBack) {
  expect_same({});
  expect_same({row_of(1, 1, 1, 0, 0, 0)});
  expect_same({row_of(UINT32_MAX, 1LL << 62, (1LL << 62) + 1, (1ULL << 48) - 1, 0xFFFF, 2)});
  expect_same({row_of(1, 1LL << 62, 5, 1, 0, 0), row_of(UINT32_MAX, 1, 1LL << 62, (1ULL << 48) - 1, 0x8001, 1)});
}

TEST(SnapshotPack, RandomMailboxes) {
  SeededRandom random(20'261'122);
  for (int round = 0; round < 60; ++round) {
    std::vector<MessageRow> rows;
    const auto gaps = 1 + random.below(3) * random.below(5'000);
    const auto widest = random.below(40);
    std::uint32_t uid = 0;
    for (auto left = random.below(6'000); left > 0; --left) {
      uid += 1 + static_cast<std::uint32_t>(random.below(gaps));
      const auto email = static_cast<std::int64_t>(1 + random.below(1ULL << (1 + widest)));
      const auto change = random.below(2) == 0 ? email : email + static_cast<std::int64_t>(random.below(100'000));
      rows.push_back(row_of(uid, email, change, random.below(1ULL << (1 + widest)),
                            static_cast<Flags>(random.below(65'536)), static_cast<std::uint32_t>(random.below(3))));
    }
    expect_same(rows);
  }
}

// A usual mailbox of a million: what it costs on disk and in memory before anybody looks.
TEST(SnapshotPack, IsSmall) {
  std::vector<MessageRow> rows;
  SeededRandom random(4);
  for (std::uint32_t i = 1; i <= 1'000'000 / kSlower; ++i) {
    const auto email = static_cast<std::int64_t>(i * 3 + random.below(3));
    rows.push_back(
        row_of(i + i / 10, email, email, 2'000 + random.below(60'000), random.below(4) == 0 ? 0 : flag::seen, 0));
  }
  const auto octets = pack_snapshot(*MailboxSnapshot::make(kHead, rows, kSets));
  EXPECT_LT(octets.size(), (8U << 20) / kSlower);
  EXPECT_EQ(rows_of(**unpack_snapshot(octets)), rows);
}

TEST(SnapshotPack, DamageIsSeen) {
  std::vector<MessageRow> rows;
  for (std::uint32_t i = 1; i <= 3'000; ++i) rows.push_back(row_of(i * 2, i, i + i % 7, i, i % 3, i % 3));
  const auto octets = pack_snapshot(*MailboxSnapshot::make(kHead, rows, kSets));
  for (std::size_t size = 0; size < octets.size(); size += size < 300 ? 1 : 97) {
    EXPECT_FALSE(unpack_snapshot(octets.substr(0, size))) << size;
  }
  EXPECT_FALSE(unpack_snapshot(octets + "x"));
  for (std::size_t at = 0; at < octets.size(); at += at < 300 ? 1 : 89) {
    auto torn = octets;
    torn[at] = static_cast<char>(torn[at] ^ 0x10);
    const auto made = unpack_snapshot(torn);
    ASSERT_FALSE(made) << at;
    EXPECT_EQ(made.error().kind, ErrorKind::damaged);
  }
}

}  // namespace
}  // namespace pabal::store
