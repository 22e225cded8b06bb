// Watchers: who wants to hear that an account has changed. A hint comes after the commit; whoever gets it looks for
// what has changed. An account that nobody watches costs a writer one look at a counter.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/guarded.hpp"
#include "base/ids.hpp"

namespace pabal::store {

class Watchers;

/// The account and a change that it has reached. Called on any thread, one call at a time for each Watch, and several
/// changes may come as one hint or in another order: it must be quick, and must neither make nor end a Watch.
using WatchCallback = std::function<void(AccountId, ChangeNumber)>;

/// Watches while it lives. Once its destructor has returned the callback isn't called any more.
class Watch {
 public:
  Watch() = default;
  Watch(Watch&& other) noexcept;
  Watch& operator=(Watch&& other) noexcept;
  ~Watch() { end(); }

 private:
  friend class Watchers;
  Watch(std::shared_ptr<Watchers> watchers, AccountId account, std::uint64_t number)
      : watchers_(std::move(watchers)), account_(account), number_(number) {}
  void end() noexcept;

  std::shared_ptr<Watchers> watchers_;  ///< none: nothing is watched
  AccountId account_;
  std::uint64_t number_ = 0;
};

class Watchers : public std::enable_shared_from_this<Watchers> {
 public:
  [[nodiscard]] Watch add(AccountId account, WatchCallback callback);
  void tell(AccountId account, ChangeNumber change);

 private:
  friend class Watch;
  using Part = std::map<std::pair<AccountId, std::uint64_t>, WatchCallback>;
  [[nodiscard]] Guarded<Part>& part_of(AccountId account) noexcept {
    return parts_[static_cast<std::uint64_t>(account.value) % parts_.size()];
  }
  void remove(AccountId account, std::uint64_t number) noexcept;

  std::array<Guarded<Part>, 64> parts_;
  std::atomic<std::size_t> count_{0};
  std::atomic<std::uint64_t> last_{0};
};

}  // namespace pabal::store
