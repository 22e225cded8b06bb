// A ledger of letters on their way out: rows that commit with a delivery, claims, what attempts came to, the notices
// that go in with it, letters that an operator drops. So a test can say of any later state whether each recipient is
// still there, or ended by what was written of it, and its author was told just then, once.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/json.hpp"
#include "base/random.hpp"
#include "store/store_fixture.hpp"

namespace pabal::store {

/// What was written of a recipient. Moments count up; never is "not yet".
struct OutgoingWrite {
  static constexpr std::size_t never = SIZE_MAX;
  AttemptEnd how = AttemptEnd::delivered;
  std::string notice = {};  ///< its text; empty: none
  bool warns = false;
  std::uint64_t write = 0;  ///< those of one number happen together
  std::size_t begun = never;
  std::size_t done = never;

  [[nodiscard]] bool ends() const noexcept { return how == AttemptEnd::delivered || how == AttemptEnd::failed; }
};
struct OutgoingRow {
  std::string id;
  std::int64_t number = 0;
  std::string text;
  std::int64_t attempts = 0;  ///< before `writes`
  bool local_copy = false;    ///< a mailbox here has it, too, by the same delivery
  std::size_t begun = OutgoingWrite::never;
  std::size_t promised = OutgoingWrite::never;
  std::vector<OutgoingWrite> writes = {};
};

class OutgoingLedger {
 public:
  static constexpr std::size_t never = OutgoingWrite::never;
  static constexpr int shards = 2;
  static constexpr std::int64_t author = 1;            ///< gets notices; in the first shard
  static constexpr std::int64_t other_author = 2;      ///< likewise, in the second
  static constexpr std::int64_t reader = 3;            ///< gets some letters' local copies
  static constexpr const char* back = "back.example";  ///< where notices to authors elsewhere go: nobody carries them

  explicit OutgoingLedger(std::function<std::size_t()> moment) : moment_(std::move(moment)) {}

  static Place place_of(std::int64_t account) { return TestStore::place(account, account == other_author ? 2 : 1); }
  static Result<void> make_accounts(TestStore& store) {
    for (std::int64_t account = 1; account <= reader; ++account) {
      if (auto made = store->create_account(place_of(account), std::nullopt); !made) return made;
    }
    return {};
  }

  /// Deliveries, attempts and an operator side by side, some with the background work at the same time.
  void work(TestStore& store, Random& random, std::size_t most) {
    store.clock.advance(std::chrono::minutes(20));
    std::vector<Async<Result<bool>>> works;
    const auto letters = 1 + random.below(most);
    works.reserve(letters + 4);
    for (std::uint64_t i = 0; i < letters; ++i) works.push_back(deliver(&store, random.number()));
    for (int i = 0; i < 3; ++i) works.push_back(attempt(&store, i, random.number()));
    if (random.below(3) == 0) works.push_back(drop(&store, random.number()));
    std::jthread upkeep;
    if (random.below(3) == 0) upkeep = std::jthread([&store] { [[maybe_unused]] auto done = store->maintain(); });
    for (const auto& result : store.run_all(std::move(works))) {
      if (result) continue;
      ++failures_;
      last_failure_ = result.error().log;
    }
  }

  /// What of this is broken in the store as it stands, if it stands as it stood at `moment`; empty: nothing.
  std::string judge(TestStore& store, std::size_t moment) {
    if (auto wrong = store.check(); !wrong.empty()) return wrong;
    auto seen = look(store);
    if (!seen) return seen.error().log;
    std::map<std::string, int> notices = seen->notices;
    for (const auto& text : kept_notices_) {
      if (notices[text] != 1) return fmt::format("an old notice is there {} times: {}", notices[text], text);
      notices.erase(text);
    }
    for (const auto& row : rows_) {
      if (auto wrong = judge_row(row, *seen, moment, notices); !wrong.empty()) {
        return fmt::format("{}/{} at {}: {}", row.id, row.number, moment, wrong);
      }
    }
    for (const auto& [text, count] : notices) {
      if (count != 0) return "a notice that nobody wrote: " + text;
    }
    if (auto wrong = judge_together(*seen, moment); !wrong.empty()) return wrong;
    for (const auto& [key, row] : seen->rows) {
      if (std::ranges::none_of(rows_, [&](const auto& one) { return one.id == key.first && one.number == key.second; }))
        return fmt::format("a row that nobody wrote: {}/{}", key.first, key.second);
    }
    return {};
  }

  void adopt(const OutgoingLedger& other) {
    rows_ = other.rows_;
    kept_notices_ = other.kept_notices_;
    numbers_ = other.numbers_;
  }
  /// Goes on from what a store has kept, with a new count of moments.
  Result<void> settle(TestStore& store) {
    auto seen = look(store);
    if (!seen) return pass(seen);
    kept_notices_.clear();
    for (const auto& [text, count] : seen->notices) kept_notices_.push_back(text);
    std::erase_if(rows_, [&](const auto& row) { return !seen->rows.contains({row.id, row.number}); });
    for (auto& row : rows_) {
      row.attempts = seen->rows.at({row.id, row.number}).attempts;
      row.begun = row.promised = 0;
      row.writes.clear();
    }
    busy_.clear();
    claiming_ = 0;
    return {};
  }
  [[nodiscard]] std::size_t promised() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(rows_, [](const auto& one) { return one.promised != never; }));
  }
  [[nodiscard]] std::size_t failures() const noexcept { return failures_; }
  [[nodiscard]] const std::string& last_failure() const noexcept { return last_failure_; }

 private:
  struct SeenRow {
    std::int64_t attempts = 0;
  };
  struct Seen {
    std::map<std::pair<std::string, std::int64_t>, SeenRow> rows;
    std::map<std::string, std::string> texts;  ///< of letters in the queue
    std::map<std::string, int> notices;
    std::map<std::string, int> copies;  ///< of letters in the reader's mailbox
  };

  Async<Result<bool>> deliver(TestStore* store, std::uint64_t chance) {
    const auto number = ++numbers_;
    const auto size = chance % 11 == 0 ? 40'000 : 60 + (chance % 7 == 0 ? 9000 : chance % 900);
    const auto text = letter_text(number, static_cast<std::size_t>(size));
    const bool local = chance % 5 == 0;
    std::vector<DeliveryTarget> targets;
    if (local) {
      targets.push_back(TestStore::target(reader));
      targets.back().prefix.clear();
    }
    auto delivery = store->letter(fmt::format("out-{:06}", number), text, std::move(targets));
    if (!local) delivery.home = ShardId{static_cast<std::int64_t>(1 + chance / 5 % 2)};
    const auto first = rows_.size();
    for (std::uint64_t i = 0; i <= chance % 3; ++i) {
      const auto domain = fmt::format("d{}.example", (chance / 3 + i) % 3);
      delivery.remote.push_back({.address = fmt::format("r{}@{}", i, domain), .destination = domain});
      rows_.push_back({.id = delivery.id,
                       .number = kRemoteRows + static_cast<std::int64_t>(i),
                       .text = text,
                       .local_copy = local,
                       .begun = moment_()});
    }
    const auto count = delivery.remote.size();
    if (delivery.content.wants_spill()) {
      if (auto spilled = co_await delivery.content.spill(); !spilled) co_return pass(spilled);
    }
    auto outcomes = co_await (*store)->deliver(std::move(delivery));
    if (!outcomes) co_return pass(outcomes);
    for (std::size_t i = first; i < first + count; ++i) rows_[i].promised = moment_();
    co_return true;
  }

  // A worker: claims some rows of a destination in both shards, and writes what came of them.
  Async<Result<bool>> attempt(TestStore* store, int destination, std::uint64_t chance) {
    for (int shard = 1; shard <= shards; ++shard) {
      ++claiming_;
      auto claimed = co_await (*store)->claim_outgoing(ShardId{shard}, fmt::format("d{}.example", destination),
                                                       2 + chance % 7, store->clock.now() + std::chrono::minutes(10));
      if (claimed) {
        for (const auto& letter : *claimed) busy_.insert(letter.id);
      }
      --claiming_;
      if (!claimed) co_return pass(claimed);
      std::vector<AttemptOutcome> outcomes;
      std::vector<std::pair<std::size_t, std::size_t>> begun;
      const auto write = ++writes_;
      for (const auto& letter : *claimed) outcomes.push_back(outcome(*store, letter, chance /= 2, write, begun));
      if (outcomes.empty()) continue;
      auto settled = co_await (*store)->settle(ShardId{shard}, std::move(outcomes));
      if (settled) {
        for (const auto& [row, at] : begun) rows_[row].writes[at].done = moment_();
      }
      for (const auto& letter : *claimed) busy_.erase(busy_.find(letter.id));
      if (!settled) co_return pass(settled);
    }
    co_return true;
  }

  AttemptOutcome outcome(TestStore& store, const OutgoingLetter& letter, std::uint64_t chance, std::uint64_t write,
                         std::vector<std::pair<std::size_t, std::size_t>>& begun) {
    AttemptOutcome outcome;
    outcome.delivery_id = letter.id;
    outcome.trace = R"({"host":"mx.example"})";
    for (const auto& recipient : letter.recipients) {
      const auto at = static_cast<std::size_t>(
          std::ranges::find_if(rows_,
                               [&](const auto& one) { return one.id == letter.id && one.number == recipient.number; }) -
          rows_.begin());
      auto& row = rows_.at(at);
      resolve(row, recipient);
      static constexpr AttemptEnd kinds[] = {AttemptEnd::postponed, AttemptEnd::postponed, AttemptEnd::delivered,
                                             AttemptEnd::failed, AttemptEnd::failed};
      OutgoingWrite made{.how = kinds[chance % 5], .write = write, .begun = moment_()};
      outcome.recipients.push_back({.number = recipient.number,
                                    .end = made.how,
                                    .next = store.clock.now() + std::chrono::minutes(15),
                                    .why = "as it happened"});
      made.warns = made.how == AttemptEnd::postponed && !recipient.warned && chance % 3 == 0;
      if (made.warns || (made.how == AttemptEnd::failed && chance % 7 != 0)) {
        Notice notice;
        notice.id = fmt::format("notice-{:06}", ++numbers_);
        notice.content = letter_text(numbers_, 80 + static_cast<std::size_t>(chance % 5 == 0 ? 5000 : 0));
        notice.about = {recipient.number};
        notice.warns = made.warns;
        if (chance % 4 == 0) {
          notice.remote = RemoteRecipient{.address = std::string("author@") + back, .destination = back};
        } else {
          const auto to = chance % 4 == 1 ? other_author : author;
          notice.local = TestStore::target(to, "INBOX", static_cast<int>(place_of(to).shard.value));
          notice.local->prefix.clear();
        }
        made.notice = notice.content;
        outcome.notices.push_back(std::move(notice));
      }
      begun.emplace_back(at, row.writes.size());
      row.writes.push_back(std::move(made));
      chance = chance / 3 + static_cast<std::uint64_t>(recipient.number);
    }
    return outcome;
  }

  // A claim shows what became of a write that failed.
  static void resolve(OutgoingRow& row, const OutgoingRecipient& claimed) {
    if (std::ranges::none_of(row.writes, [](const auto& one) { return one.done == never; })) return;
    std::erase_if(row.writes, [](const auto& one) { return one.done == never && one.ends(); });
    const auto sure = std::ranges::count_if(row.writes, [](const auto& one) { return one.done != never; });
    bool happened = claimed.attempts > row.attempts + sure;
    std::erase_if(row.writes, [&](auto& one) {
      if (one.done != never) return false;
      if (!std::exchange(happened, false)) return true;
      one.done = one.begun;
      return false;
    });
  }

  Async<Result<bool>> drop(TestStore* store, std::uint64_t chance) {
    if (claiming_ != 0 || rows_.empty()) co_return true;
    const auto id = rows_[chance % rows_.size()].id;
    const bool ready =
        std::ranges::all_of(rows_, [&](const auto& one) { return one.id != id || one.promised != never; });
    if (!ready || busy_.contains(id)) co_return true;
    const auto write = ++writes_;
    for (auto& row : rows_) {
      if (row.id == id) row.writes.push_back({.how = AttemptEnd::failed, .write = write, .begun = moment_()});
    }
    auto dropped = (*store)->change_queue(id, Store::QueueAction::drop);
    if (!dropped) co_return pass(dropped);
    for (auto& row : rows_) {
      if (row.id == id) row.writes.back().done = moment_();
    }
    co_return true;
  }

  // What waits for a mailbox of another shard goes there first. A store that was opened anew has a clock of its own,
  // which may be behind.
  static Result<void> drain(TestStore& store) {
    for (int days = 0; days < 100; ++days) {
      auto due = store.run(store->due_local(100, std::chrono::minutes(5)));
      if (!due) return pass(due);
      for (const auto& letter : *due) {
        if (auto done = store.run(store->retry_local(letter)); !done) return pass(done);
      }
      auto rows = store->queue_rows();
      if (!rows) return pass(rows);
      if (std::ranges::none_of(*rows, [](const auto& row) { return row.contains(R"("kind":"local")"); })) return {};
      if (due->empty()) store.clock.advance(std::chrono::hours(24));
    }
    return fail(ErrorKind::state, "letters for mailboxes here stay in the queue");
  }

  static Result<Seen> look(TestStore& store) {
    if (auto drained = drain(store); !drained) return pass(drained);
    if (auto freed = store.run(store->forget_claims()); !freed) return pass(freed);
    Seen seen;
    auto rows = store->queue_rows();
    if (!rows) return pass(rows);
    std::map<std::string, int> left;  // of notices for elsewhere
    for (const auto& text : *rows) {
      const auto row = parse_json(text)->as_object();
      const std::string id(row.at("id").as_string());
      if (row.at("destination").as_string() == back) {
        ++left[id];
      } else {
        seen.rows[{id, row.at("number").as_int64()}] = {.attempts = row.at("attempts").as_int64()};
      }
      seen.texts[id];
    }
    for (auto& [id, text] : seen.texts) {
      auto octets = open(store, id);
      if (!octets) return fail(octets.error().kind, id + " in the queue can't be read: " + octets.error().log);
      text = *std::move(octets);
      if (left.contains(id)) seen.notices[text] += left[id];
    }
    for (const auto account : {author, other_author, reader}) {
      auto found = store.read(account, "INBOX", static_cast<int>(place_of(account).shard.value));
      if (!found && found.error().kind == ErrorKind::not_found) continue;
      if (!found) return pass(found);
      for (const auto& [uid, text] : *found) ++(account == reader ? seen.copies : seen.notices)[text];
    }
    return seen;
  }
  static Result<std::string> open(TestStore& store, const std::string& id) {
    Result<std::string> last = fail(ErrorKind::not_found, "no such letter");
    for (int shard = 1; shard <= shards; ++shard) {
      auto opened = store.run(store->open_outgoing(ShardId{shard}, id));
      if (!opened) continue;
      last = store.run(opened->octets->read(0, static_cast<std::size_t>(opened->octets->size())));
    }
    return last;
  }

  std::string judge_row(const OutgoingRow& row, const Seen& seen, std::size_t moment,
                        std::map<std::string, int>& notices) const {
    const auto found = seen.rows.find({row.id, row.number});
    const bool there = found != seen.rows.end();
    std::int64_t least = row.attempts;
    std::int64_t most = row.attempts;
    bool ended = false;
    bool may_have_ended = false;
    int told = 0;  // notices of its end that are there
    int warned = 0;
    bool must_warn = false;
    bool must_tell = false;  // an end that is sure has a notice
    bool each_tells = true;  // all ends that may have come have one
    for (const auto& write : row.writes) {
      const int count = write.notice.empty() ? 0 : std::exchange(notices[write.notice], 0);
      if (count > 1) return fmt::format("its author was told {} times", count);
      if (count != 0 && write.begun > moment) return "a notice from the future";
      if (write.begun > moment) continue;
      const bool sure = write.done <= moment;
      if (!write.ends()) {
        ++most;
        least += sure ? 1 : 0;
        warned += count;
        must_warn = must_warn || (sure && write.warns);
        continue;
      }
      told += count;
      may_have_ended = true;
      ended = ended || sure;
      must_tell = must_tell || (sure && !write.notice.empty());
      each_tells = each_tells && !write.notice.empty();
    }
    if (row.begun > moment) return there ? "it is from the future" : "";
    if (there && ended) return "it has ended and is there";
    if (there && told != 0) return "its author was told of its end, and it is there";
    if (!there && row.promised <= moment && !may_have_ended) return "it was promised and is LOST";
    if (told > 1 || warned > 1) return "its author was told twice";
    if (must_warn && warned == 0) return "its author was not warned";
    if (!there && row.promised <= moment && told == 0 && (must_tell || (!ended && each_tells)))
      return "it has ended, and nobody was told";
    if (there && (found->second.attempts < least || found->second.attempts > most))
      return fmt::format("{} attempts instead of {} to {}", found->second.attempts, least, most);
    if (there && seen.texts.at(row.id) != row.text) return "it has other octets";
    const auto copy = seen.copies.find(row.text);
    const int copies = copy == seen.copies.end() ? 0 : copy->second;
    if (copies > 1) return "a copy is there twice";
    if (row.local_copy && (there || (row.promised <= moment && row.promised != 0)) && copies == 0)
      return "the copy for a mailbox here is lost";
    return {};
  }

  // Rows that came by one delivery, or ended by one write, did so together.
  std::string judge_together(const Seen& seen, std::size_t moment) const {
    std::map<std::uint64_t, std::set<bool>> ends;
    std::map<std::string, std::set<bool>> came;
    for (const auto& row : rows_) {
      const bool there = seen.rows.contains({row.id, row.number});
      if (row.promised > moment && row.begun <= moment && row.writes.empty()) came[row.id].insert(there);
      const auto last = std::ranges::find_if(row.writes, &OutgoingWrite::ends);
      if (last == row.writes.end() || last->begun > moment || row.promised > moment) continue;
      const auto which = last->write;
      if (std::ranges::count_if(row.writes, &OutgoingWrite::ends) == 1) ends[which].insert(there);
    }
    for (const auto& [id, states] : came) {
      if (states.size() > 1) return id + " came for some recipients alone";
    }
    for (const auto& [write, states] : ends) {
      if (states.size() > 1) return fmt::format("write {} happened by half", write);
    }
    return {};
  }

  static constexpr std::int64_t kRemoteRows = 2'000'000;

  std::function<std::size_t()> moment_;
  std::vector<OutgoingRow> rows_;
  std::vector<std::string> kept_notices_;
  std::multiset<std::string> busy_;
  int claiming_ = 0;
  std::uint64_t numbers_ = 0;
  std::uint64_t writes_ = 0;
  std::size_t failures_ = 0;
  std::string last_failure_;
};

/// How the rigs of ledger_rig.hpp work with it.
struct OutgoingUse {
  using Ledger = OutgoingLedger;
  static constexpr const char* what = "recipients";
  static constexpr std::size_t now = OutgoingLedger::never - 1;
  static constexpr int rounds = 12;
  static constexpr std::size_t at_once = 12;
  static int wanted(int states) { return states / 3; }
  static void prepare(Ledger& ledger, TestStore& store, Random& random) {
    for (int i = 0; i < 4; ++i) ledger.work(store, random, 8);
    EXPECT_TRUE(store->maintain());
  }
  static void run(Ledger& ledger, TestStore& store, Random& random) {
    store.clock.advance(std::chrono::hours(50));
    for (int i = 0; i < 2; ++i) {
      ledger.work(store, random, 4);
      [[maybe_unused]] auto done = store->maintain();
    }
    ledger.work(store, random, 2);
  }
  static std::string go_on(Ledger& ledger, TestStore& store, Random& random) {
    store.clock.advance(std::chrono::hours(100));
    for (int i = 0; i < 2; ++i) ledger.work(store, random, 4);
    auto done = store->maintain();
    return done ? std::string() : "upkeep: " + done.error().log;
  }
  static Result<void> take_up(Ledger& ledger, TestStore& store, std::size_t /*moment*/) { return ledger.settle(store); }
  static std::string judge_run(Ledger& ledger, TestStore& store) { return ledger.judge(store, now); }
  static std::size_t count(const Ledger& ledger) { return ledger.promised(); }
};

}  // namespace pabal::store
