#include "store/watchers.hpp"

#include <utility>

namespace pabal::store {

Watch::Watch(Watch&& other) noexcept
    : watchers_(std::exchange(other.watchers_, nullptr)), account_(other.account_), number_(other.number_) {}

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this == &other) return *this;
  end();
  watchers_ = std::exchange(other.watchers_, nullptr);
  account_ = other.account_;
  number_ = other.number_;
  return *this;
}

void Watch::end() noexcept {
  if (watchers_) watchers_->remove(account_, number_);
  watchers_.reset();
}

Watch Watchers::add(AccountId account, WatchCallback callback) {
  const auto number = last_.fetch_add(1, std::memory_order_relaxed) + 1;
  part_of(account).lock()->emplace(std::pair(account, number), std::move(callback));
  // Before the caller looks at the account: a commit that comes later than that look finds the count.
  count_.fetch_add(1, std::memory_order_seq_cst);
  return {shared_from_this(), account, number};
}

void Watchers::remove(AccountId account, std::uint64_t number) noexcept {
  part_of(account).lock()->erase({account, number});
  count_.fetch_sub(1, std::memory_order_relaxed);
}

void Watchers::tell(AccountId account, ChangeNumber change) {
  if (count_.load(std::memory_order_seq_cst) == 0) return;
  auto part = part_of(account).lock();
  for (auto at = part->lower_bound({account, 0}); at != part->end() && at->first.first == account; ++at) {
    try {
      at->second(account, change);
    } catch (...) {
      // A hint that could not be given, for want of memory: the next one says the same, and a writer must go on.
    }
  }
}

}  // namespace pabal::store
