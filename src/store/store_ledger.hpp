// A ledger of what a test's store was told and has promised, and a run of mixed work that is written into it: so that a
// test can say of any later state (after a crash, a power loss, failed operations) whether every promise is kept,
// exactly once.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "store/store_fixture.hpp"

namespace pabal::store {

/// One letter in one mailbox. Moments count up; never is "not yet".
struct LedgerLetter {
  static constexpr std::size_t never = SIZE_MAX;
  std::int64_t account = 0;
  std::string mailbox;
  std::string text;      ///< prefix and content
  std::int64_t uid = 0;  ///< 0: not known, also where the letter was promised to come by the queue
  std::size_t begun = never;
  std::size_t promised = never;
  std::size_t expunge_begun = never;
  std::size_t expunged = never;
};

class Ledger {
 public:
  static constexpr std::int64_t accounts = 4;
  static constexpr std::int64_t small_account = 3;  ///< soon full: letters for it wait in the queue
  static constexpr int shards = 2;
  static constexpr int shard_of(std::int64_t account) noexcept { return account == accounts ? 2 : 1; }
  static Place place_of(std::int64_t account) { return TestStore::place(account, shard_of(account)); }
  static constexpr std::array<const char*, 2> mailboxes = {"INBOX", "Lists/Ships"};

  explicit Ledger(std::function<std::size_t()> moment) : moment_(std::move(moment)) {}

  static Result<void> make_accounts(TestStore& store) {
    for (std::int64_t account = 1; account <= accounts; ++account) {
      const auto quota = account == small_account ? std::optional<std::uint64_t>(small_quota) : std::nullopt;
      if (auto made = store->create_account(place_of(account), quota); !made) return made;
    }
    return {};
  }

  /// One round of deliveries and expunges side by side, some with the background work at the same time. Failures are no
  /// promises.
  void work(TestStore& store, Random& random, std::size_t most_letters) {
    std::vector<Async<Result<bool>>> works;
    const auto letters = 1 + random.below(random.below(3) == 0 ? 1 : most_letters);
    works.reserve(letters + 1);
    for (std::uint64_t i = 0; i < letters; ++i) works.push_back(deliver(&store, letter(store, random)));
    if (random.below(2) == 0) works.push_back(expunge(&store, random.number()));
    if (random.below(2) == 0) {
      store.clock.advance(std::chrono::minutes(2));
      works.push_back(retry(&store));
    }
    const bool upkeep_too = random.below(3) == 0;
    std::jthread upkeep;
    if (upkeep_too) upkeep = std::jthread([&store] { [[maybe_unused]] auto done = store->maintain(); });
    for (const auto& result : store.run_all(std::move(works))) {
      if (result) continue;
      ++failures_;
      last_failure_ = result.error().log;
      if (result.error().kind != ErrorKind::no_space) other_failure_ = result.error().log;
    }
  }

  /// What of this is broken in the store as it stands, if it stands as it stood at `moment`; empty: every promise is
  /// kept.
  std::string judge(TestStore& store, std::size_t moment) {
    if (auto wrong = store.check(); !wrong.empty()) return wrong;
    if (auto wrong = drain(store); !wrong.empty()) return "queue: " + wrong;
    if (auto wrong = store.check(); !wrong.empty()) return "after the queue: " + wrong;
    std::vector<bool> seen(letters_.size());
    for (std::int64_t account = 1; account <= accounts; ++account) {
      for (const auto* mailbox : mailboxes) {
        auto found = store.read(account, mailbox, shard_of(account));
        if (!found && found.error().kind == ErrorKind::not_found) continue;
        if (!found) return fmt::format("account {} {}: {}", account, mailbox, found.error().log);
        for (const auto& [uid, text] : *found) {
          auto wrong = place(account, mailbox, uid, text, moment, seen);
          if (!wrong.empty()) return wrong;
        }
      }
    }
    for (std::size_t i = 0; i < letters_.size(); ++i) {
      const auto& letter = letters_[i];
      if (!seen[i] && letter.promised <= moment && letter.expunge_begun > moment) {
        return fmt::format("letter {} was promised at {} and is not there at {}", i, letter.promised, moment);
      }
    }
    return {};
  }

  /// Takes over another ledger's letters.
  void adopt(const Ledger& other) {
    letters_ = other.letters_;
    number_ = other.number_;
  }
  [[nodiscard]] std::size_t promised() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(letters_, [](const auto& one) { return one.promised != LedgerLetter::never; }));
  }
  [[nodiscard]] std::size_t failures() const noexcept { return failures_; }
  [[nodiscard]] const std::string& last_failure() const noexcept { return last_failure_; }
  /// The last failure that was not for want of room on the disk; empty: there was none.
  [[nodiscard]] const std::string& other_failure() const noexcept { return other_failure_; }

  /// Forgets what did not come through a crash at `moment`, as `store` shows it, and goes on from there with a new
  /// count of moments.
  void settle(TestStore& store, std::size_t moment) {
    std::vector<LedgerLetter> kept;
    for (auto& letter : letters_) {
      if (letter.begun > moment) continue;
      auto found = store.read(letter.account, letter.mailbox, shard_of(letter.account));
      if (!found) continue;
      const auto at = std::ranges::find_if(*found, [&](const auto& one) { return one.second == letter.text; });
      if (at == found->end()) continue;
      letter.uid = at->first;
      letter.begun = letter.promised = 0;
      letter.expunge_begun = letter.expunged = LedgerLetter::never;
      kept.push_back(std::move(letter));
    }
    letters_ = std::move(kept);
  }

 private:
  Delivery letter(TestStore& store, Random& random) {
    const auto kind = random.below(10);
    // Each has room for its number: letters of the same few octets could not be told apart.
    const auto more = kind == 0 ? 33'000 + random.below(30'000) : kind < 4 ? random.below(15'000) : random.below(3000);
    const auto size = 40 + more;
    std::vector<DeliveryTarget> targets;
    const auto first = random.below(accounts);
    const auto count = 1 + (random.below(3) == 0 ? random.below(accounts) : 0);
    targets.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      targets.push_back([&] {
        const auto account = 1 + static_cast<std::int64_t>((first + i) % accounts);
        return TestStore::target(account, mailboxes[random.below(2)], shard_of(account));
      }());
    }
    const auto number = ++number_;
    return store.letter(fmt::format("delivery-{:08}", number), letter_text(number, size), std::move(targets));
  }

  Async<Result<bool>> deliver(TestStore* store, Delivery delivery) {
    const auto first = letters_.size();
    std::string content = delivery.content.memory();
    for (const auto& target : delivery.targets) {
      LedgerLetter letter;
      letter.account = target.place.account.value;
      letter.mailbox = target.mailbox;
      letter.text = target.prefix + content;
      letter.begun = moment_();
      letters_.push_back(std::move(letter));
    }
    if (delivery.content.wants_spill()) {
      // Of every second big letter the beginning is known last.
      std::optional<std::string> before;
      if (first % 2 == 0) {
        before = content.substr(0, 300);
        delivery.content = (*store)->receive(0);
        delivery.content.append(std::string_view(content).substr(300));
      }
      auto spilled = co_await delivery.content.spill();
      if (!spilled) co_return pass(spilled);
      if (before) {
        auto put = co_await delivery.content.put_before(std::move(*before));
        if (!put) co_return pass(put);
      }
    }
    auto outcomes = co_await (*store)->deliver(std::move(delivery));
    if (!outcomes && outcomes.error().kind == ErrorKind::quota) co_return true;  // refused: no failure and no promise
    if (!outcomes) co_return pass(outcomes);
    for (std::size_t i = 0; i < outcomes->size(); ++i) {
      auto& letter = letters_[first + i];
      const auto& outcome = (*outcomes)[i];
      if (!outcome.result && !outcome.queued) continue;
      if (outcome.result) letter.uid = outcome.result->uid;
      letter.promised = moment_();
    }
    co_return true;
  }

  Async<Result<bool>> expunge(TestStore* store, std::uint64_t seed) {
    const auto account = 1 + static_cast<std::int64_t>(seed % accounts);
    const std::string mailbox = mailboxes[seed / 7 % mailboxes.size()];
    auto listing = co_await (*store)->list_mailbox(place_of(account), mailbox);
    if (!listing && listing.error().kind == ErrorKind::not_found) co_return true;  // nothing was delivered there yet
    if (!listing) co_return pass(listing);
    std::vector<std::int64_t> uids;
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < letters_.size(); ++i) {
      auto& letter = letters_[i];
      if (letter.account != account || letter.mailbox != mailbox || letter.promised == LedgerLetter::never ||
          letter.uid == 0 || letter.expunge_begun != LedgerLetter::never || (i * 31 + seed) % 5 == 0) {
        continue;
      }
      letter.expunge_begun = moment_();
      uids.push_back(letter.uid);
      chosen.push_back(i);
    }
    auto change = co_await (*store)->expunge(place_of(account), listing->mailbox, std::move(uids));
    if (!change) co_return pass(change);
    for (const auto i : chosen) letters_[i].expunged = moment_();
    co_return true;
  }

  // The queue's worker: some of what is due is tried again.
  Async<Result<bool>> retry(TestStore* store) {
    auto due = co_await (*store)->due_local(5, std::chrono::minutes(5));
    if (!due) co_return pass(due);
    for (auto& letter : *due) {
      auto done = co_await (*store)->retry_local(letter);
      if (done) continue;
      const bool full = done.error().kind == ErrorKind::quota;
      auto later = co_await (*store)->postpone_local(std::move(letter), store->clock.now() + std::chrono::minutes(1),
                                                     done.error().log);
      if (!later) co_return pass(later);
      if (!full) co_return pass(done);
    }
    co_return true;
  }

  // What was promised by a queue row comes once there is room; then the queue is empty.
  static std::string drain(TestStore& store) {
    if (auto set = store->set_quota(place_of(small_account), std::nullopt); !set) return set.error().log;
    store.clock.advance(std::chrono::hours(1));
    while (true) {
      auto due = store.run(store->due_local(100, std::chrono::minutes(5)));
      if (!due) return due.error().log;
      if (due->empty()) break;
      for (const auto& letter : *due) {
        if (auto done = store.run(store->retry_local(letter)); !done) return done.error().log;
      }
    }
    auto rows = store->queue_rows();
    if (!rows) return rows.error().log;
    if (!rows->empty()) return "stays in the queue: " + rows->front();
    auto set = store->set_quota(place_of(small_account), small_quota);
    return set ? std::string() : set.error().log;
  }

  static constexpr std::uint64_t small_quota = 30'000;

  // Finds the letter that this is, and marks it as seen.
  std::string place(std::int64_t account, const std::string& mailbox, std::int64_t uid, const std::string& text,
                    std::size_t moment, std::vector<bool>& seen) {
    for (std::size_t i = 0; i < letters_.size(); ++i) {
      const auto& letter = letters_[i];
      if (letter.account != account || letter.mailbox != mailbox || letter.text != text) continue;
      if (seen[i]) return fmt::format("letter {} is there twice, again at uid {}", i, uid);
      seen[i] = true;
      if (letter.begun > moment) return fmt::format("letter {} is from the future", i);
      if (letter.promised <= moment && letter.uid != 0 && letter.uid != uid)
        return fmt::format("letter {} is at uid {}, promised {}", i, uid, letter.uid);
      if (letter.expunged <= moment) return fmt::format("letter {} was expunged and is there", i);
      return {};
    }
    return fmt::format("account {} {} uid {} is a letter that nobody sent ({} octets)", account, mailbox, uid,
                       text.size());
  }

  std::function<std::size_t()> moment_;
  std::vector<LedgerLetter> letters_;
  std::uint64_t number_ = 0;
  std::size_t failures_ = 0;
  std::string last_failure_;
  std::string other_failure_;
};

/// How the rigs of ledger_rig.hpp work with it.
struct DeliveriesUse {
  using Ledger = store::Ledger;
  static constexpr const char* what = "letters";
  static constexpr std::size_t now = LedgerLetter::never - 1;
  static constexpr int rounds = 12;
  static constexpr std::size_t at_once = 24;
  static int wanted(int states) { return states; }
  static void prepare(Ledger& ledger, TestStore& store, Random& random) {
    for (int i = 0; i < 6; ++i) ledger.work(store, random, 16);
    EXPECT_TRUE(store->maintain());
    for (int i = 0; i < 2; ++i) ledger.work(store, random, 16);
  }
  static void run(Ledger& ledger, TestStore& store, Random& random) {
    for (int i = 0; i < 2; ++i) {
      ledger.work(store, random, 6);
      [[maybe_unused]] auto done = store->maintain();
    }
    ledger.work(store, random, 2);
  }
  static std::string go_on(Ledger& ledger, TestStore& store, Random& random) {
    ledger.work(store, random, 6);
    auto done = store->maintain();
    return done ? std::string() : "upkeep: " + done.error().log;
  }
  static Result<void> take_up(Ledger& ledger, TestStore& store, std::size_t moment) {
    ledger.settle(store, moment);
    return {};
  }
  // To look at it is to empty the queue.
  static std::string judge_run(Ledger& /*ledger*/, TestStore& /*store*/) { return {}; }
  static std::size_t count(const Ledger& ledger) { return ledger.promised(); }
};

}  // namespace pabal::store
