// MailboxView: one session's view of its selected mailbox (RFC 9051 §2.3.1.2, §5.5, §7.5.1; RFC 7162 §3.2.10): which
// message number is which UID for this client, and what it has not been told yet. It holds the mailbox's newest
// snapshot, which all sessions share, and the little in which the client's picture differs from it: removals that could
// not be told so far, messages not announced, changes not told.
//
// Floor 3, no store: it is a template over the snapshot, which has
//   size()                 how many messages
//   [i]                    the row of that index
//   run(i, last)           some of the rows from index i on, as a range with size(); not empty where i < size(), none
//                          with a UID above `last` but for the first
//   shared(i, other, j)    how many rows from index i on are the same as the other snapshot's from j on, as far as
//                          that is known without looking at them
//   lower_bound(uid)       the index of the first row with that UID or above
// Rows are in the order of their UIDs and have `uid` and operator== (unequal: the client must hear of it). What two
// snapshots share in memory is not looked at, so that a change costs a block and not a mailbox.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "imap/sequence_set.hpp"

namespace pabal::imap {

template <class Snapshot>
class MailboxView {
 public:
  using Pointer = std::shared_ptr<const Snapshot>;
  using Row = std::remove_cvref_t<decltype(std::declval<const Snapshot&>()[0])>;

  /// All that the snapshot has counts as told: SELECT's answer says how many there are.
  explicit MailboxView(Pointer snapshot) : snapshot_(std::move(snapshot)), told_(last_uid(*snapshot_)) {}

  [[nodiscard]] const Snapshot& snapshot() const noexcept { return *snapshot_; }
  [[nodiscard]] const Pointer& pointer() const noexcept { return snapshot_; }

  /// Takes a newer snapshot in. UIDs of new messages are above all that were (RFC 9051 §2.3.1.1).
  void take(Pointer newer) {
    if (newer == snapshot_) return;
    std::vector<std::uint32_t> gone;
    std::vector<std::uint32_t> changed;
    compare(*snapshot_, *newer, gone, changed);
    // What was never announced is not missed.
    gone.erase(std::ranges::upper_bound(gone, told_), gone.end());
    changed.erase(std::ranges::upper_bound(changed, told_), changed.end());
    snapshot_ = std::move(newer);
    gone_ = merged(gone_, gone);
    std::vector<std::uint32_t> all = merged(changed_, changed);
    changed_.clear();
    std::ranges::set_difference(all, gone_, std::back_inserter(changed_));
  }

  /// Takes in what the session itself made of the snapshot that it has, nothing else: flags of messages, which the
  /// client knows or is told by the session. Without a look at the messages, however many they are.
  void take_own(Pointer newer) { snapshot_ = std::move(newer); }

  /// How many messages the client counts.
  [[nodiscard]] std::uint32_t exists() const noexcept {
    return static_cast<std::uint32_t>(index_behind(told_) + gone_.size());
  }
  /// The largest UID that the client may know of; 0 in an empty mailbox.
  [[nodiscard]] std::uint32_t largest_uid() const noexcept {
    const auto count = index_behind(told_);
    const auto last = count == 0 ? 0 : row(count - 1).uid;
    return gone_.empty() ? last : std::max(last, gone_.back());
  }
  /// The number by which the client knows the message; nothing for one that it doesn't know.
  [[nodiscard]] std::optional<std::uint32_t> number_of(std::uint32_t uid) const noexcept {
    if (uid == 0 || uid > told_) return std::nullopt;
    const auto index = snapshot_->lower_bound(uid);
    const auto below = gone_below(uid);
    const bool here = index < snapshot_->size() && row(index).uid == uid;
    if (!here && !(below < gone_.size() && gone_[below] == uid)) return std::nullopt;
    return static_cast<std::uint32_t>(index + below + 1);
  }
  /// 1 … exists().
  [[nodiscard]] std::uint32_t uid_of(std::uint32_t number) const noexcept {
    // How many of those that are gone stand before it.
    std::size_t low = 0;
    std::size_t high = gone_.size();
    while (low < high) {
      const auto middle = (low + high) / 2;
      if (snapshot_->lower_bound(gone_[middle]) + middle + 1 < number) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low < gone_.size() && snapshot_->lower_bound(gone_[low]) + low + 1 == number) return gone_[low];
    return row(number - 1 - low).uid;
  }
  /// The client still counts it, but it isn't there any more.
  [[nodiscard]] bool is_gone(std::uint32_t uid) const noexcept { return std::ranges::binary_search(gone_, uid); }
  [[nodiscard]] bool has_gone() const noexcept { return !gone_.empty(); }
  /// Their UIDs, rising.
  [[nodiscard]] const std::vector<std::uint32_t>& gone() const noexcept { return gone_; }

  /// The UIDs of these numbers, as ranges that hold no other message of the view. Nothing where a number is not in
  /// 1 … exists().
  [[nodiscard]] std::optional<NumberSet> uids_of(const NumberSet& numbers) const {
    NumberSet out;
    for (const auto& range : numbers.ranges()) {
      if (range.last > exists()) return std::nullopt;
      out.add({uid_of(range.first), uid_of(range.last)});
    }
    return out;
  }

  /// Calls `visit(number, row)` for each message that the client knows, that is there, whose UID is in the set and at
  /// least `from`, in their order, until it gives false. True if it came to the end.
  template <class Visit>
  bool visit(const NumberSet& uids, std::uint32_t from, Visit visit) const {
    for (const auto& range : uids.ranges()) {
      if (range.last < from) continue;
      const auto first = std::max(range.first, from);
      const auto last = std::min(range.last, told_);
      if (first > last) continue;
      auto index = snapshot_->lower_bound(first);
      auto below = gone_below(first);
      while (index < snapshot_->size()) {
        const auto rows = snapshot_->run(index, last);
        for (const auto& one : rows) {
          if (one.uid > last) break;
          while (below < gone_.size() && gone_[below] < one.uid) ++below;
          if (!visit(static_cast<std::uint32_t>(index + below + 1), one)) return false;
          ++index;
        }
        if (index < snapshot_->size() && row(index).uid > last) break;
      }
    }
    return true;
  }

  /// The session itself has told the client this message's present state, or needs not to (STORE's .SILENT).
  void known(std::uint32_t uid) {
    const auto place = std::ranges::lower_bound(changed_, uid);
    if (place != changed_.end() && *place == uid) changed_.erase(place);
  }
  /// The same for many: those that are exactly as in `seen`, a snapshot that the client's picture is right for; what
  /// someone else changed since stays to be told.
  void known(const NumberSet& uids, const Snapshot& seen) {
    if (changed_.empty()) return;
    std::erase_if(changed_, [&](std::uint32_t uid) {
      if (!uids.contains(uid)) return false;
      if (&seen == snapshot_.get()) return true;
      const auto was = seen.lower_bound(uid);
      const auto is = snapshot_->lower_bound(uid);
      return was < seen.size() && seen[was] == row(is);
    });
  }

  /// \Recent (rev1): these UIDs were first announced to this session.
  void add_recent(NumberRange uids) { recent_.add(uids); }
  [[nodiscard]] bool is_recent(std::uint32_t uid) const noexcept { return recent_.contains(uid); }
  [[nodiscard]] std::uint32_t recent_count() const noexcept {
    std::size_t sum = 0;
    for (const auto& range : recent_.ranges()) {
      if (range.first > told_) break;
      const auto last = std::min(range.last, told_);
      sum += index_behind(last) - snapshot_->lower_bound(range.first);
      const auto behind = std::ranges::upper_bound(gone_, last) - gone_.begin();
      sum += static_cast<std::size_t>(behind) - gone_below(range.first);
    }
    return static_cast<std::uint32_t>(sum);
  }

  /// UIDs, rising, of changes that have not been told.
  [[nodiscard]] const std::vector<std::uint32_t>& untold() const noexcept { return changed_; }

  /// Something could be told.
  [[nodiscard]] bool has_news(bool keep_numbers) const noexcept {
    return (!keep_numbers && !gone_.empty()) || !changed_.empty() || told_ < last_uid(*snapshot_);
  }

  /// What is due, in the order in which it is to be sent; it counts as told then.
  struct Due {
    /// EXPUNGE responses: numbers from the highest down, so that none moves another. Empty with `keep_numbers`.
    std::vector<std::uint32_t> expunged;
    NumberSet vanished;        ///< their UIDs, for VANISHED in their place
    bool announce = false;     ///< EXISTS (and RECENT) must be sent
    std::uint32_t exists = 0;  ///< the count then
    NumberSet arrived;         ///< the UIDs announced, as ranges that hold no other message
    /// FETCH responses: UIDs of messages, in their order, whose flags changed. New messages are not among them.
    std::vector<std::uint32_t> changed;
  };
  /// `keep_numbers`: no removal may be told now (RFC 9051 §7.5.1; numbers_must_stay() in rules.hpp).
  [[nodiscard]] Due tell(bool keep_numbers) {
    Due due;
    if (!keep_numbers && !gone_.empty()) {
      due.expunged.reserve(gone_.size());
      for (std::size_t i = gone_.size(); i > 0; --i) {
        due.expunged.push_back(static_cast<std::uint32_t>(snapshot_->lower_bound(gone_[i - 1]) + i));
      }
      due.vanished = NumberSet::of_sorted(gone_);
      gone_ = std::vector<std::uint32_t>();
    }
    const auto last = last_uid(*snapshot_);
    if (last > told_) {
      due.announce = true;
      due.arrived.add({row(index_behind(told_)).uid, last});
      told_ = last;
    }
    due.exists = exists();
    due.changed = std::exchange(changed_, {});
    return due;
  }

 private:
  static std::uint32_t last_uid(const Snapshot& snapshot) noexcept {
    return snapshot.size() == 0 ? 0 : snapshot[snapshot.size() - 1].uid;
  }
  [[nodiscard]] Row row(std::size_t index) const noexcept { return (*snapshot_)[index]; }
  [[nodiscard]] std::size_t index_behind(std::uint32_t uid) const noexcept {
    return uid == UINT32_MAX ? snapshot_->size() : snapshot_->lower_bound(uid + 1);
  }
  [[nodiscard]] std::size_t gone_below(std::uint32_t uid) const noexcept {
    return static_cast<std::size_t>(std::ranges::lower_bound(gone_, uid) - gone_.begin());
  }
  static std::vector<std::uint32_t> merged(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
    std::vector<std::uint32_t> out;
    out.reserve(a.size() + b.size());
    std::ranges::set_union(a, b, std::back_inserter(out));
    return out;
  }

  // UIDs that are in `old` alone, and those in both that differ.
  static void compare(const Snapshot& old, const Snapshot& now, std::vector<std::uint32_t>& gone,
                      std::vector<std::uint32_t>& changed) {
    std::size_t a = 0;
    std::size_t b = 0;
    while (a < old.size()) {
      // The same memory: nothing has changed in it.
      if (const auto same = old.shared(a, now, b); same > 0) {
        a += same;
        b += same;
        continue;
      }
      const auto was = old.run(a, UINT32_MAX);
      if (b >= now.size()) {
        for (const auto& one : was) gone.push_back(one.uid);
        a += was.size();
        continue;
      }
      const auto is = now.run(b, UINT32_MAX);
      std::size_t i = 0;
      std::size_t j = 0;
      while (i < was.size() && j < is.size()) {
        if (was[i].uid < is[j].uid) {
          gone.push_back(was[i++].uid);
        } else if (was[i].uid > is[j].uid) {
          ++j;
        } else {
          if (!(was[i] == is[j])) changed.push_back(was[i].uid);
          ++i;
          ++j;
        }
      }
      a += i;
      b += j;
    }
  }

  Pointer snapshot_;
  std::uint32_t told_;                  ///< the largest UID that is announced
  std::vector<std::uint32_t> gone_;     ///< rising: announced, removed, and not told
  std::vector<std::uint32_t> changed_;  ///< rising: announced, changed, and not told
  NumberSet recent_;
};

}  // namespace pabal::imap
