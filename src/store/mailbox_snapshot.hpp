// MailboxSnapshot: all messages of one mailbox as they stood at one moment, packed, shared by all who look at it and
// never changed. A later one shares with it what has stayed the same, so that a change costs a block and not a mailbox.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "store/snapshot_block.hpp"

namespace pabal::store {

/// What the snapshot says of the mailbox itself.
struct SnapshotHead {
  MailboxId mailbox;
  std::uint32_t uid_validity = 0;
  std::uint32_t uid_next = 1;
  ChangeNumber change;  ///< HIGHESTMODSEQ: no message has a higher one, and no removal
};

class MailboxSnapshot {
 public:
  /// Lists of names without those that have bits, each in the order of their making. The first is the empty one.
  using KeywordSets = std::vector<std::vector<std::string>>;

  [[nodiscard]] const SnapshotHead& head() const noexcept { return head_; }
  [[nodiscard]] std::size_t size() const noexcept { return starts_.back(); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// By rising UID; sequence number less one. Logarithmic in the number of blocks.
  [[nodiscard]] MessageRow operator[](std::size_t index) const noexcept;
  /// Some of the rows from `index` on, at least one where index < size(): for loops over many. None with a UID above
  /// `last` but for the first.
  [[nodiscard]] std::vector<MessageRow> run(std::size_t index, std::uint32_t last = UINT32_MAX) const;
  /// How many rows from `index` on are the same, and of the same memory, as the other's from `there` on; 0 says
  /// nothing.
  [[nodiscard]] std::size_t shared(std::size_t index, const MailboxSnapshot& other, std::size_t there) const noexcept;
  /// The index of the first message whose UID is `uid` or above; size() where there is none.
  [[nodiscard]] std::size_t lower_bound(std::uint32_t uid) const noexcept;
  /// The index of the message with this UID.
  [[nodiscard]] std::optional<std::size_t> find(std::uint32_t uid) const noexcept;
  /// The account's own keywords on a message.
  [[nodiscard]] const std::vector<std::string>& keywords(const MessageRow& row) const noexcept {
    return (*keyword_sets_)[row.keywords];
  }
  [[nodiscard]] const KeywordSets& keyword_sets() const noexcept { return *keyword_sets_; }
  /// The account's own keywords that messages here have or had, for FLAGS and PERMANENTFLAGS.
  [[nodiscard]] std::vector<std::string> keyword_names() const;
  [[nodiscard]] std::size_t unseen() const noexcept { return unseen_; }
  /// The index of the first message that isn't \Seen.
  [[nodiscard]] std::optional<std::size_t> first_unseen() const noexcept;

  /// From rows by rising UID. keywords of each row is an index of `sets`.
  [[nodiscard]] static std::shared_ptr<const MailboxSnapshot> make(const SnapshotHead& head,
                                                                   std::span<const MessageRow> rows, KeywordSets sets);
  /// From blocks by rising UID, none of them empty.
  [[nodiscard]] static std::shared_ptr<const MailboxSnapshot> of_blocks(
      const SnapshotHead& head, std::vector<std::shared_ptr<const SnapshotBlock>> blocks, KeywordSets sets);
  [[nodiscard]] const std::vector<std::shared_ptr<const SnapshotBlock>>& blocks() const noexcept { return blocks_; }
  /// A later moment: `rows` (by rising UID) are new or in the place of those with their UID, `removed` (rising) are
  /// gone; `sets` are the old sets with new ones behind.
  [[nodiscard]] std::shared_ptr<const MailboxSnapshot> with(const SnapshotHead& head, std::span<const MessageRow> rows,
                                                            std::span<const std::uint32_t> removed,
                                                            KeywordSets sets) const;

 private:
  static constexpr std::size_t block_rows = 2048;

  MailboxSnapshot() = default;
  void add(std::shared_ptr<const SnapshotBlock> block);
  void add(std::span<const MessageRow> rows);
  /// The block that has the row of this index, which is below size().
  [[nodiscard]] std::size_t block_of(std::size_t index) const noexcept;

  SnapshotHead head_;
  std::vector<std::shared_ptr<const SnapshotBlock>> blocks_;  ///< none is empty
  std::vector<std::size_t> starts_{0};                        ///< of each block, and behind the last
  std::shared_ptr<const KeywordSets> keyword_sets_;
  std::size_t unseen_ = 0;
};

}  // namespace pabal::store
