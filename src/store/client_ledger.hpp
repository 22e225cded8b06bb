// A ledger of what mail clients write: accounts in which one write follows another (letters added, copied, moved,
// flagged and removed, mailboxes made, renamed and deleted), and how each account is after each of them. So a test can
// say of any later state whether all that was promised is there, once, and nothing happened by half: every account
// must be as after its last promised write, or as after the one that was under way.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "store/store_fixture.hpp"

namespace pabal::store {

struct ClientLetter {
  std::uint32_t uid = 0;
  std::shared_ptr<const std::string> text;
  Flags flags = 0;
  std::set<std::string> keywords;

  friend bool operator==(const ClientLetter& a, const ClientLetter& b) {
    return a.uid == b.uid && *a.text == *b.text && a.flags == b.flags && a.keywords == b.keywords;
  }
};
struct ClientMailbox {
  std::uint32_t uid_next = 1;
  std::vector<ClientLetter> letters;  ///< by UID
  friend bool operator==(const ClientMailbox&, const ClientMailbox&) = default;
};
using ClientMailboxes = std::map<std::string, ClientMailbox>;

class ClientLedger {
 public:
  static constexpr std::size_t never = SIZE_MAX;
  static constexpr int shards = 2;
  static constexpr int accounts = 3;
  static Place place_of(int account) { return TestStore::place(account, account == accounts ? 2 : 1); }

  explicit ClientLedger(std::function<std::size_t()> moment) : moment_(std::move(moment)) {}

  static Result<void> make_accounts(TestStore& store) {
    for (int account = 1; account <= accounts; ++account) {
      if (auto made = store->create_account(place_of(account), std::nullopt); !made) return made;
    }
    return {};
  }

  /// The accounts as they are now, from which all goes on with a new count of moments.
  Result<void> begin(TestStore& store) {
    for (int account = 1; account <= accounts; ++account) {
      auto found = store.run(read(&store, place_of(account)));
      if (!found) return pass(found);
      books_[account] = {.first = std::move(*found), .steps = {}, .lost = false};
    }
    return {};
  }
  /// Takes over what another ledger knows.
  void adopt(const ClientLedger& other) {
    books_ = other.books_;
    letters_ = other.letters_;
  }

  /// Some writes in each account, the accounts side by side, sometimes with the background work at the same time.
  void work(TestStore& store, Random& random, std::uint64_t most_writes) {
    std::vector<Async<Result<bool>>> works;
    works.reserve(books_.size());
    for (auto& [account, book] : books_) {
      works.push_back(write(this, &store, account, random.number(), 1 + random.below(most_writes)));
    }
    std::jthread upkeep;
    if (random.below(3) == 0) upkeep = std::jthread([&store] { [[maybe_unused]] auto done = store->maintain(); });
    for (const auto& result : store.run_all(std::move(works))) {
      if (!result) last_failure_ = result.error().log;
    }
  }

  /// What is broken in the store as it stands, if it stands as it stood at `moment`; empty: nothing.
  std::string judge(TestStore& store, std::size_t moment) {
    if (!wrong_.empty()) return wrong_;
    if (auto wrong = store.check(); !wrong.empty()) return wrong;
    for (auto& [account, book] : books_) {
      auto found = store.run(read(&store, place_of(account)));
      if (!found) return fmt::format("account {}: {}", account, found.error().log);
      const auto* promised = &book.first;
      std::size_t next = 0;
      for (std::size_t i = 0; i < book.steps.size(); ++i) {
        if (book.steps[i].promised > moment) continue;
        promised = &book.steps[i].after;
        next = i + 1;
      }
      auto wrong = difference(*promised, *found);
      if (wrong.empty()) continue;
      if (next == book.steps.size() || book.steps[next].begun > moment) {
        return fmt::format("account {}: {}", account, wrong);
      }
      // The one that was under way: all of it, then.
      wrong += "; or " + difference(book.steps[next].after, *found);
      if (!(book.steps[next].after == *found)) {
        return fmt::format("account {} after half a {}: {}", account, book.steps[next].what, wrong);
      }
    }
    return {};
  }

  /// Writes that failed.
  [[nodiscard]] std::size_t failures() const noexcept { return failures_; }
  [[nodiscard]] std::size_t writes() const noexcept { return writes_; }
  [[nodiscard]] const std::string& last_failure() const noexcept { return last_failure_; }

 private:
  struct Step {
    std::string what;
    ClientMailboxes after;
    std::size_t begun = never;
    std::size_t promised = never;
  };
  struct Book {
    ClientMailboxes first;
    std::vector<Step> steps;
    bool lost = false;  ///< a write failed, and how things are now can't be read
    [[nodiscard]] const ClientMailboxes& now() const { return steps.empty() ? first : steps.back().after; }
  };
  /// A write that is decided on: what is done, and what it must tell.
  struct Plan {
    std::string what;
    ClientMailboxes after;
    std::function<Async<Result<std::vector<std::uint32_t>>>()> run;  ///< the UIDs of new letters
    std::vector<std::uint32_t> uids;                                 ///< those that they must have
  };

  static Async<Result<bool>> write(ClientLedger* self, TestStore* store, int account, std::uint64_t seed,
                                   std::uint64_t count) {
    SeededRandom random(seed);
    auto& book = self->books_[account];
    for (std::uint64_t i = 0; i < count && !book.lost; ++i) {
      auto plan = self->plan(store, account, random);
      ++self->writes_;
      const auto at = book.steps.size();
      book.steps.push_back({.what = plan.what, .after = plan.after, .begun = self->moment_(), .promised = never});
      const auto done = co_await plan.run();
      if (done) {
        book.steps[at].promised = self->moment_();
        if (*done != plan.uids) {
          self->wrong_ =
              fmt::format("{} gave UIDs {}, not {}", plan.what, fmt::join(*done, ","), fmt::join(plan.uids, ","));
        }
        continue;
      }
      ++self->failures_;
      auto error = done.error();
      // It may have happened all the same, whole. After a failed flush only the next start can tell: what was written
      // may be found then.
      if (!(*store)->healthy()) {
        book.lost = true;
        co_return std::unexpected(std::move(error));
      }
      auto found = co_await read(store, place_of(account));
      if (!found) {
        book.lost = true;
        co_return pass(found);
      }
      const auto& before = at == 0 ? book.first : book.steps[at - 1].after;
      if (*found == before) {
        book.steps.pop_back();
      } else if (*found == book.steps[at].after) {
        book.steps[at].promised = self->moment_();
      } else {
        self->wrong_ = fmt::format("account {} after a {} that failed ({}): {}", account, plan.what, error.log,
                                   difference(before, *found));
      }
      co_return std::unexpected(std::move(error));
    }
    co_return true;
  }

  static FlagSet some_flags(Random& random) {
    static constexpr std::array kBits = {flag::seen, flag::flagged, flag::deleted, flag::junk};
    FlagSet set;
    for (const auto bit : kBits) {
      if (random.below(3) == 0) set.flags |= bit;
    }
    for (const auto* name : {"one", "two"}) {
      if (random.below(4) == 0) set.keywords.emplace_back(name);
    }
    return set;
  }
  static std::set<std::string> names(const FlagSet& set) { return {set.keywords.begin(), set.keywords.end()}; }

  Plan plan(TestStore* store, int account, Random& random) {
    auto after = books_[account].now();
    auto from = std::next(after.begin(), static_cast<std::ptrdiff_t>(random.below(after.size())));
    const auto kind = random.below(20);
    if (kind < 7 || from->second.letters.empty()) return append(store, account, std::move(after), from->first, random);
    if (kind < 9) return arrange(store, account, std::move(after), random);
    if (kind < 11 || from->second.letters.size() > 12) return expunge(store, account, std::move(after), from->first);
    UidRanges uids;
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < from->second.letters.size(); ++i) {
      if (random.below(2) == 0) continue;
      const auto uid = from->second.letters[i].uid;
      uids.push_back({.first = uid, .last = uid});
      chosen.push_back(i);
    }
    if (kind < 15) return mark(store, account, std::move(after), from->first, uids, chosen, random);
    auto to = std::next(after.begin(), static_cast<std::ptrdiff_t>(random.below(after.size())));
    return transfer(store, account, std::move(after), {from->first, to->first}, uids, chosen, kind < 17);
  }

  Plan append(TestStore* store, int account, ClientMailboxes after, const std::string& path, Random& random) {
    Plan plan{.what = "append", .after = {}, .run = {}, .uids = {}};
    auto& mailbox = after[path];
    std::vector<ClientLetter> letters;
    for (auto count = 1 + (random.below(3) == 0 ? random.below(3) : 0); count > 0; --count) {
      const auto kind = random.below(10);
      const auto size = kind == 0  ? 33'000 + random.below(20'000)
                        : kind < 4 ? random.below(15'000)
                                   : random.below(3000);
      const auto set = some_flags(random);
      plan.uids.push_back(mailbox.uid_next);
      mailbox.letters.push_back({.uid = mailbox.uid_next++,
                                 .text = std::make_shared<std::string>(letter_text(++letters_, 40 + size)),
                                 .flags = set.flags,
                                 .keywords = names(set)});
      letters.push_back(mailbox.letters.back());
    }
    plan.after = std::move(after);
    plan.run = [=] { return run_append(store, place_of(account), path, letters); };
    return plan;
  }
  static Async<Result<std::vector<std::uint32_t>>> run_append(TestStore* store, Place place, std::string path,
                                                              std::vector<ClientLetter> letters) {
    std::vector<AppendedLetter> appended;
    for (const auto& letter : letters) {
      AppendedLetter one;
      one.content = (*store)->receive(letter.text->size());
      one.content.append(*letter.text);
      one.flags = {.flags = letter.flags, .keywords = {letter.keywords.begin(), letter.keywords.end()}};
      if (one.content.wants_spill()) {
        if (auto spilled = co_await one.content.spill(); !spilled) co_return pass(spilled);
      }
      appended.push_back(std::move(one));
    }
    auto done = co_await (*store)->append(place, {std::move(path)}, std::move(appended));
    if (!done) co_return pass(done);
    co_return std::move(done->uids);
  }

  // A mailbox is made, renamed or deleted.
  static Plan arrange(TestStore* store, int account, ClientMailboxes after, Random& random) {
    static constexpr std::array kNames = {"One", "Two", "Three"};
    const std::string name = kNames[random.below(kNames.size())];
    const std::string other = kNames[random.below(kNames.size())];
    const auto place = place_of(account);
    Plan plan{.what = "create", .after = {}, .run = {}, .uids = {}};
    if (!after.contains(name)) {
      after[name] = {};
      plan.run = [=]() -> Async<Result<std::vector<std::uint32_t>>> { return run_create(store, place, name); };
    } else if (!after.contains(other)) {
      plan.what = "rename";
      auto moved = after.extract(name);
      moved.key() = other;
      after.insert(std::move(moved));
      plan.run = [=]() -> Async<Result<std::vector<std::uint32_t>>> { return run_rename(store, place, name, other); };
    } else {
      plan.what = "delete";
      after.erase(name);
      plan.run = [=]() -> Async<Result<std::vector<std::uint32_t>>> { return run_delete(store, place, name); };
    }
    plan.after = std::move(after);
    return plan;
  }
  static Async<Result<std::vector<std::uint32_t>>> run_create(TestStore* store, Place place, std::string name) {
    auto done = co_await (*store)->create_mailbox(place, std::move(name), {});
    if (!done) co_return pass(done);
    co_return std::vector<std::uint32_t>();
  }
  static Async<Result<std::vector<std::uint32_t>>> run_rename(TestStore* store, Place place, std::string name,
                                                              std::string other) {
    auto done = co_await (*store)->rename_mailbox(place, std::move(name), std::move(other));
    if (!done) co_return pass(done);
    co_return std::vector<std::uint32_t>();
  }
  static Async<Result<std::vector<std::uint32_t>>> run_delete(TestStore* store, Place place, std::string name) {
    auto done = co_await (*store)->delete_mailbox(place, std::move(name));
    if (!done) co_return pass(done);
    co_return std::vector<std::uint32_t>();
  }

  static Plan expunge(TestStore* store, int account, ClientMailboxes after, const std::string& path) {
    std::erase_if(after[path].letters, [](const auto& letter) { return (letter.flags & flag::deleted) != 0; });
    return {.what = "expunge",
            .after = std::move(after),
            .run = [=] { return run_expunge(store, place_of(account), path); },
            .uids = {}};
  }
  static Async<Result<std::vector<std::uint32_t>>> run_expunge(TestStore* store, Place place, std::string path) {
    auto found = co_await (*store)->find_mailbox(place, std::move(path));
    if (!found) co_return pass(found);
    auto done = co_await (*store)->expunge_deleted(place, found->id, {{}});
    if (!done) co_return pass(done);
    co_return std::vector<std::uint32_t>();
  }

  static Plan mark(TestStore* store, int account, ClientMailboxes after, const std::string& path, const UidRanges& uids,
                   const std::vector<std::size_t>& chosen, Random& random) {
    FlagChange change{.uids = uids, .how = FlagsHow::add, .flags = some_flags(random), .unchanged_since = {}};
    const auto how = random.below(3);
    if (how == 1) change.how = FlagsHow::remove;
    if (how == 2) change.how = FlagsHow::replace;
    for (const auto i : chosen) {
      auto& letter = after[path].letters[i];
      const auto own = names(change.flags);
      if (change.how == FlagsHow::replace) {
        letter.flags = change.flags.flags;
        letter.keywords = own;
      } else if (change.how == FlagsHow::add) {
        letter.flags |= change.flags.flags;
        letter.keywords.insert(own.begin(), own.end());
      } else {
        letter.flags &= ~change.flags.flags;
        for (const auto& name : own) letter.keywords.erase(name);
      }
    }
    return {.what = "change of flags",
            .after = std::move(after),
            .run = [=] { return run_mark(store, place_of(account), path, change); },
            .uids = {}};
  }
  static Async<Result<std::vector<std::uint32_t>>> run_mark(TestStore* store, Place place, std::string path,
                                                            FlagChange change) {
    auto found = co_await (*store)->find_mailbox(place, std::move(path));
    if (!found) co_return pass(found);
    auto done = co_await (*store)->change_flags(place, found->id, std::move(change));
    if (!done) co_return pass(done);
    co_return std::vector<std::uint32_t>();
  }

  static Plan transfer(TestStore* store, int account, ClientMailboxes after,
                       const std::pair<std::string, std::string>& way, const UidRanges& uids,
                       const std::vector<std::size_t>& chosen, bool moves) {
    Plan plan{.what = moves ? "move" : "copy", .after = {}, .run = {}, .uids = {}};
    std::vector<ClientLetter> new_ones;
    new_ones.reserve(chosen.size());
    for (const auto i : chosen) new_ones.push_back(after[way.first].letters[i]);
    if (moves) {
      for (auto i = chosen.rbegin(); i != chosen.rend(); ++i) {
        after[way.first].letters.erase(after[way.first].letters.begin() + static_cast<std::ptrdiff_t>(*i));
      }
    }
    auto& target = after[way.second];
    for (auto& letter : new_ones) {
      letter.uid = target.uid_next++;
      plan.uids.push_back(letter.uid);
      target.letters.push_back(std::move(letter));
    }
    plan.after = std::move(after);
    plan.run = [=] { return run_transfer(store, place_of(account), way.first, way.second, uids, moves); };
    return plan;
  }
  static Async<Result<std::vector<std::uint32_t>>> run_transfer(TestStore* store, Place place, std::string from,
                                                                std::string to, UidRanges uids, bool moves) {
    auto found = co_await (*store)->find_mailbox(place, std::move(from));
    if (!found) co_return pass(found);
    Result<Copied> done = Copied();
    if (moves) {
      done = co_await (*store)->move(place, found->id, std::move(uids), place, std::move(to));
    } else {
      done = co_await (*store)->copy(place, found->id, std::move(uids), place, std::move(to));
    }
    if (!done) co_return pass(done);
    std::vector<std::uint32_t> new_ones;
    for (const auto& one : done->uids) new_ones.push_back(one.to);
    co_return new_ones;
  }

  // An account as it is now.
  static Async<Result<ClientMailboxes>> read(TestStore* store, Place place) {
    auto listed = co_await (*store)->mailboxes(place);
    if (!listed) co_return pass(listed);
    ClientMailboxes all;
    for (const auto& one : listed->mailboxes) {
      auto& mailbox = all[one.path];
      mailbox.uid_next = one.uid_next;
      auto snapshot = co_await (*store)->snapshot(place, one.id);
      if (!snapshot) co_return pass(snapshot);
      // (list_mailbox, which POP3 shows, leaves out what is \\Deleted.)
      std::vector<EmailId> ids;
      ids.reserve((*snapshot)->size());
      for (std::size_t i = 0; i < (*snapshot)->size(); ++i) ids.push_back((**snapshot)[i].email);
      auto opened = co_await (*store)->open_emails(place, ids);
      if (!opened) co_return pass(opened);
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto& row = (**snapshot)[i];
        const auto& own = (*snapshot)->keywords(row);
        auto& octets = (*opened)[i];
        if (!octets || octets->size() != row.size()) co_return fail(ErrorKind::damaged, "snapshot and emails differ");
        auto text = co_await octets->read(0, octets->size());
        if (!text) co_return pass(text);
        mailbox.letters.push_back({.uid = row.uid,
                                   .text = std::make_shared<std::string>(std::move(*text)),
                                   .flags = row.flags(),
                                   .keywords = {own.begin(), own.end()}});
      }
    }
    co_return all;
  }

  static std::string text_of(const ClientMailbox& mailbox) {
    auto text = fmt::format("next {}:", mailbox.uid_next);
    for (const auto& one : mailbox.letters) {
      text += fmt::format(" {}({:x} {} {} octets {:x})", one.uid, one.flags, fmt::join(one.keywords, ","),
                          one.text->size(), std::hash<std::string>()(*one.text) & 0xffff);
    }
    return text;
  }
  static std::string difference(const ClientMailboxes& expected, const ClientMailboxes& found) {
    std::string text;
    for (const auto& [path, mailbox] : expected) {
      const auto there = found.find(path);
      if (there == found.end()) {
        text += fmt::format("{} is not there. ", path);
      } else if (!(there->second == mailbox)) {
        text += fmt::format("{}: expected {}, found {}. ", path, text_of(mailbox), text_of(there->second));
      }
    }
    for (const auto& [path, mailbox] : found) {
      if (!expected.contains(path)) text += fmt::format("{} is there. ", path);
    }
    return text;
  }

  std::function<std::size_t()> moment_;
  std::map<int, Book> books_;
  std::uint64_t letters_ = 0;
  std::size_t failures_ = 0;
  std::size_t writes_ = 0;
  std::string last_failure_;
  std::string wrong_;
};

/// How the rigs of ledger_rig.hpp work with it.
struct ClientWritesUse {
  using Ledger = ClientLedger;
  static constexpr const char* what = "writes";
  static constexpr std::size_t now = ClientLedger::never - 1;
  static constexpr int rounds = 8;
  static constexpr std::size_t at_once = 8;
  static int wanted(int states) { return states / 4; }
  static void prepare(Ledger& ledger, TestStore& store, Random& random) {
    for (int i = 0; i < 4; ++i) ledger.work(store, random, 8);
    EXPECT_TRUE(store->maintain());
    EXPECT_TRUE(ledger.begin(store));
  }
  static void run(Ledger& ledger, TestStore& store, Random& random) {
    for (int i = 0; i < 3; ++i) ledger.work(store, random, 4);
    [[maybe_unused]] auto done = store->maintain();
  }
  static std::string go_on(Ledger& ledger, TestStore& store, Random& random) {
    ledger.work(store, random, 4);
    return {};
  }
  static Result<void> take_up(Ledger& ledger, TestStore& store, std::size_t /*moment*/) { return ledger.begin(store); }
  static std::string judge_run(Ledger& ledger, TestStore& store) { return ledger.judge(store, now); }
  static std::size_t count(const Ledger& ledger) { return ledger.writes(); }
};

}  // namespace pabal::store
