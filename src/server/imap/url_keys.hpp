// Who must hear that the key of a mailbox was changed: sessions that have it open (RFC 4467 §7, RESETKEY).
#pragma once
#include <cstdint>
#include <map>
#include <utility>

#include "base/guarded.hpp"
#include "base/ids.hpp"

namespace pabal::server::imap {

/// Resets are numbered as they happen. Any thread.
class UrlKeyResets {
 public:
  static constexpr std::size_t kMost = 10'000;  ///< mailboxes; sessions of those that wait longest hear nothing

  void add(AccountId account, MailboxId mailbox) {
    auto resets = resets_.lock();
    const Key key{account, mailbox};
    if (const auto found = resets->numbers.find(key); found != resets->numbers.end())
      resets->order.erase(found->second);
    if (resets->order.size() == kMost) {
      resets->numbers.erase(resets->order.begin()->second);
      resets->order.erase(resets->order.begin());
    }
    resets->numbers[key] = ++resets->last;
    resets->order.emplace(resets->last, key);
  }
  /// The number of the latest.
  [[nodiscard]] std::uint64_t now() { return resets_.lock()->last; }
  /// The number of the mailbox's latest; 0: none, as far as is remembered.
  [[nodiscard]] std::uint64_t last(AccountId account, MailboxId mailbox) {
    auto resets = resets_.lock();
    const auto found = resets->numbers.find({account, mailbox});
    return found == resets->numbers.end() ? 0 : found->second;
  }

 private:
  using Key = std::pair<AccountId, MailboxId>;
  struct Resets {
    std::map<Key, std::uint64_t> numbers;
    std::map<std::uint64_t, Key> order;
    std::uint64_t last = 0;
  };
  Guarded<Resets> resets_;
};

}  // namespace pabal::server::imap
