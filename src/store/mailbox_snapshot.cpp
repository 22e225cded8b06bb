#include "store/mailbox_snapshot.hpp"

#include <algorithm>
#include <set>

namespace pabal::store {

std::size_t MailboxSnapshot::block_of(std::size_t index) const noexcept {
  return static_cast<std::size_t>(std::ranges::upper_bound(starts_, index) - starts_.begin()) - 1;
}

MessageRow MailboxSnapshot::operator[](std::size_t index) const noexcept {
  const auto block = block_of(index);
  return blocks_[block]->row(index - starts_[block]);
}

std::vector<MessageRow> MailboxSnapshot::run(std::size_t index, std::uint32_t last) const {
  if (index >= size()) return {};
  const auto at = block_of(index);
  const auto& block = *blocks_[at];
  const auto from = index - starts_[at];
  const auto end = last >= block.last_uid() ? block.size() : block.lower_bound(last + 1);
  return block.rows(from, std::max(end, from + 1));
}

std::size_t MailboxSnapshot::shared(std::size_t index, const MailboxSnapshot& other, std::size_t there) const noexcept {
  if (index >= size() || there >= other.size()) return 0;
  const auto block = block_of(index);
  const auto theirs = other.block_of(there);
  const bool same = blocks_[block] == other.blocks_[theirs] && index - starts_[block] == there - other.starts_[theirs];
  return same ? starts_[block + 1] - index : 0;
}

std::size_t MailboxSnapshot::lower_bound(std::uint32_t uid) const noexcept {
  const auto block = static_cast<std::size_t>(
      std::ranges::partition_point(blocks_, [uid](const auto& one) { return one->last_uid() < uid; }) -
      blocks_.begin());
  return block == blocks_.size() ? size() : starts_[block] + blocks_[block]->lower_bound(uid);
}

std::optional<std::size_t> MailboxSnapshot::find(std::uint32_t uid) const noexcept {
  const auto index = lower_bound(uid);
  if (index == size() || (*this)[index].uid != uid) return std::nullopt;
  return index;
}

std::vector<std::string> MailboxSnapshot::keyword_names() const {
  std::set<std::string> names;
  for (const auto& set : *keyword_sets_) names.insert(set.begin(), set.end());
  return {names.begin(), names.end()};
}

std::optional<std::size_t> MailboxSnapshot::first_unseen() const noexcept {
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (blocks_[i]->unseen() == 0) continue;
    const auto rows = blocks_[i]->rows();
    const auto found = std::ranges::find_if(rows, [](const auto& row) { return (row.flags() & flag::seen) == 0; });
    if (found != rows.end()) return starts_[i] + static_cast<std::size_t>(found - rows.begin());
  }
  return std::nullopt;
}

void MailboxSnapshot::add(std::shared_ptr<const SnapshotBlock> block) {
  if (block->size() == 0) return;
  starts_.push_back(starts_.back() + block->size());
  unseen_ += block->unseen();
  blocks_.push_back(std::move(block));
}

void MailboxSnapshot::add(std::span<const MessageRow> rows) {
  // Into equal parts, so that a block that has grown leaves no tiny one behind it.
  const auto parts = (rows.size() + block_rows - 1) / block_rows;
  for (std::size_t part = 0; part < parts; ++part) {
    const auto begin = rows.size() * part / parts;
    const auto end = rows.size() * (part + 1) / parts;
    add(std::make_shared<const SnapshotBlock>(std::vector<MessageRow>(
        rows.begin() + static_cast<std::ptrdiff_t>(begin), rows.begin() + static_cast<std::ptrdiff_t>(end))));
  }
}

std::shared_ptr<const MailboxSnapshot> MailboxSnapshot::make(const SnapshotHead& head, std::span<const MessageRow> rows,
                                                             KeywordSets sets) {
  std::shared_ptr<MailboxSnapshot> made(new MailboxSnapshot());
  made->head_ = head;
  made->keyword_sets_ = std::make_shared<const KeywordSets>(std::move(sets));
  // Full blocks: what comes later comes behind them.
  while (!rows.empty()) {
    const auto count = std::min(block_rows, rows.size());
    made->add(std::make_shared<const SnapshotBlock>(
        std::vector<MessageRow>(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count))));
    rows = rows.subspan(count);
  }
  return made;
}

std::shared_ptr<const MailboxSnapshot> MailboxSnapshot::of_blocks(
    const SnapshotHead& head, std::vector<std::shared_ptr<const SnapshotBlock>> blocks, KeywordSets sets) {
  std::shared_ptr<MailboxSnapshot> made(new MailboxSnapshot());
  made->head_ = head;
  made->keyword_sets_ = std::make_shared<const KeywordSets>(std::move(sets));
  for (auto& block : blocks) made->add(std::move(block));
  return made;
}

std::shared_ptr<const MailboxSnapshot> MailboxSnapshot::with(const SnapshotHead& head, std::span<const MessageRow> rows,
                                                             std::span<const std::uint32_t> removed,
                                                             KeywordSets sets) const {
  std::shared_ptr<MailboxSnapshot> made(new MailboxSnapshot());
  made->head_ = head;
  made->keyword_sets_ =
      sets.size() == keyword_sets_->size() ? keyword_sets_ : std::make_shared<const KeywordSets>(std::move(sets));
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    // All that comes behind the last block goes into it, until it is full.
    const bool last = i + 1 == blocks_.size();
    const auto end = last ? UINT32_MAX : blocks_[i]->last_uid();
    const auto taken =
        last ? rows.size()
             : static_cast<std::size_t>(std::ranges::upper_bound(rows, end, {}, &MessageRow::uid) - rows.begin());
    const auto gone =
        last ? removed.size() : static_cast<std::size_t>(std::ranges::upper_bound(removed, end) - removed.begin());
    if (taken == 0 && gone == 0) {
      made->add(blocks_[i]);
      continue;
    }
    const auto old = blocks_[i]->rows();
    std::vector<MessageRow> merged;
    merged.reserve(old.size() + taken);
    std::size_t next = 0;
    for (const auto& row : old) {
      for (; next < taken && rows[next].uid < row.uid; ++next) merged.push_back(rows[next]);
      if (next < taken && rows[next].uid == row.uid) {
        merged.push_back(rows[next++]);
      } else if (!std::ranges::binary_search(removed.first(gone), row.uid)) {
        merged.push_back(row);
      }
    }
    merged.insert(merged.end(), rows.begin() + static_cast<std::ptrdiff_t>(next),
                  rows.begin() + static_cast<std::ptrdiff_t>(taken));
    made->add(merged);
    rows = rows.subspan(taken);
    removed = removed.subspan(gone);
  }
  if (blocks_.empty()) made->add(rows);
  return made;
}

}  // namespace pabal::store
