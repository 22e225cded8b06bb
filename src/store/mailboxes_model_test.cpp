// Random operations on mailboxes against a simple model that says what must come of each: trees, UIDs, flags, change
// numbers, quota and what has changed since any earlier moment. Then check() finds every reference and counter right.
#include <cstdlib>
#include <set>

#include "base/random.hpp"
#include "base/sanitized.hpp"
#include "store/mailboxes_case.hpp"

namespace pabal::store {
namespace {

struct ModelMessage {
  std::size_t size = 0;
  std::set<std::string> flags;  ///< with "deleted"
  std::int64_t change = 0;
  [[nodiscard]] bool has(const std::string& flag) const { return flags.contains(flag); }
};
struct ModelMailbox {
  std::map<std::uint32_t, ModelMessage> messages;
  std::uint32_t uid_next = 1;
  std::uint32_t uid_validity = 0;
  std::int64_t change = 0;
  bool subscribed = false;
};
struct ModelAccount {
  std::map<std::string, ModelMailbox> mailboxes;
  std::set<std::string> names;                ///< subscribed without a mailbox
  std::map<std::string, std::uint32_t> left;  ///< the greatest UIDVALIDITY of those that had a name and left it
  std::int64_t change = 0;
  std::uint32_t last_validity = 0;

  ModelMailbox& make(const std::string& path) {
    for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      if (!mailboxes.contains(path.substr(0, slash))) make_one(path.substr(0, slash));
    }
    return make_one(path);
  }
  [[nodiscard]] bool has_below(const std::string& path) const {
    return std::ranges::any_of(mailboxes, [&](const auto& one) { return one.first.starts_with(path + "/"); });
  }

 private:
  ModelMailbox& make_one(const std::string& path) {
    auto& made = mailboxes[path];
    made.change = ++change;
    made.subscribed = names.erase(path) != 0;
    return made;
  }
};

std::string words_of(const ModelMessage& message) {
  std::string text;
  for (const auto& flag : message.flags) text += flag + ",";
  return fmt::format("{} {} {}", message.size, message.change, text);
}
std::string words_of(const MailboxSnapshot& snapshot, const MessageRow& row) {
  ModelMessage message{row.size(), {}, row.change.value};
  for (auto rest = row.flags() & ~flag::deleted; rest != 0; rest &= rest - 1) {
    message.flags.emplace(keyword_of_flag(rest & ~(rest - 1)));
  }
  if ((row.flags() & flag::deleted) != 0) message.flags.insert("deleted");
  for (const auto& name : snapshot.keywords(row)) message.flags.insert(name);
  return words_of(message);
}

class MailboxesModel : public MailboxesTest {
 protected:
  static constexpr std::array kPaths = {"INBOX", "A", "A/B", "A/B/C", "D", "Archive"};
  static constexpr std::array kFlags = {"$seen", "$flagged", "deleted", "one", "two", "three"};

  void run(std::uint64_t seed, int operations) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    fmt::print("seed {}\n", seed);
    random_ = std::make_unique<SeededRandom>(seed);
    // Nearly every mailbox is read from its packed form when nobody holds it.
    store.options.pack_from = 3;
    store.options.many_flags = 2;
    store.options.leave_from = 2;
    reopen();
    for (std::int64_t account = 1; account <= 2; ++account) begin(account);
    for (int i = 0; i < operations && !HasFailure(); ++i) {
      SCOPED_TRACE(fmt::format("operation {}", i));
      const auto account = 1 + pick(2);
      operate(account);
      compare(account, i % 16 == 0);
      if (i % 50 == 49) {
        old_.clear();
        reopen();
      }
      if (pick(40) == 0) maintain();  // what is pending of flags comes into the rows
      if (i % 500 == 499) {
        ASSERT_EQ(store.check(), "");
      }
    }
  }

 private:
  std::int64_t pick(std::int64_t below) {
    return static_cast<std::int64_t>(random_->below(static_cast<std::uint64_t>(below)));
  }
  std::string path() { return kPaths[static_cast<std::size_t>(pick(kPaths.size()))]; }
  static Place at(std::int64_t account) { return TestStore::place(account); }
  ModelMailbox* find(std::int64_t account, const std::string& name) {
    auto& all = model_[account].mailboxes;
    const auto found = all.find(name);
    return found == all.end() ? nullptr : &found->second;
  }
  MailboxId id_of(std::int64_t account, const std::string& name) {
    auto found = store.run(store->find_mailbox(at(account), name));
    return found ? found->id : MailboxId{99'999'999};
  }

  void begin(std::int64_t account) {
    auto all = store.run(store->mailboxes(at(account)));
    ASSERT_TRUE(all);
    auto& model = model_[account];
    model.change = all->change.value;
    for (const auto& one : all->mailboxes) {
      auto& mailbox = model.mailboxes[one.path];
      mailbox.change = one.change.value;
      mailbox.uid_validity = one.uid_validity;
      mailbox.subscribed = one.subscribed;
      model.last_validity = std::max(model.last_validity, one.uid_validity);
    }
  }

  UidRanges some(const ModelMailbox& mailbox) {
    UidRanges ranges;
    for (auto count = 1 + pick(4); count > 0; --count) {
      const auto first = static_cast<std::uint32_t>(1 + pick(mailbox.uid_next + 1));
      ranges.push_back({first, first + static_cast<std::uint32_t>(pick(8))});
    }
    return ranges;
  }
  static bool within(const UidRanges& ranges, std::uint32_t uid) {
    return std::ranges::any_of(ranges, [uid](const auto& one) { return one.first <= uid && uid <= one.last; });
  }
  static FlagSet flag_set(const std::set<std::string>& names) {
    FlagSet set;
    for (const auto& name : names) {
      if (name == "deleted") {
        set.flags |= flag::deleted;
      } else {
        set.keywords.push_back(name);
      }
    }
    return set;
  }
  std::set<std::string> some_flags() {
    std::set<std::string> names;
    for (auto count = pick(4); count > 0; --count) names.insert(kFlags[static_cast<std::size_t>(pick(kFlags.size()))]);
    return names;
  }

  void operate(std::int64_t account) {
    switch (pick(16)) {
      case 0:
      case 1:
      case 2:
        return append(account);
      case 3:
        return deliver(account);
      case 4:
      case 5:
      case 6:
        return change(account);
      case 7:
      case 8:
        return transfer(account, false);
      case 9:
      case 10:
        return transfer(account, true);
      case 11:
        return expunge(account);
      case 12:
        return create(account);
      case 13:
        return remove(account);
      case 14:
        return rename(account);
      default:
        return subscribe(account);
    }
  }

  void append(std::int64_t account) {
    const auto name = path();
    auto* mailbox = find(account, name);
    const auto names = some_flags();
    std::vector<std::string> texts;
    for (auto count = 1 + pick(3); count > 0; --count) {
      texts.push_back(letter_text(++letters_, 30 + static_cast<std::size_t>(pick(pick(10) == 0 ? 40'000 : 500))));
    }
    auto appended = MailboxesTest::append(name, texts, flag_set(names), at(account));
    if (mailbox == nullptr) {
      EXPECT_EQ(kind(appended), "not_found");
      return;
    }
    ASSERT_TRUE(appended) << appended.error().log;
    auto& model = model_[account];
    for (const auto& text : texts) {
      mailbox->messages[mailbox->uid_next++] = {text.size(), names, ++model.change};
    }
    mailbox->change = model.change;
    EXPECT_EQ(appended->change.value, model.change);
    EXPECT_EQ(appended->uids.back(), mailbox->uid_next - 1);
  }

  void deliver(std::int64_t account) {
    const auto name = path();
    const auto text = letter_text(++letters_, 100);
    auto target = TestStore::target(account, name);
    auto& model = model_[account];
    auto* mailbox = find(account, name);
    ASSERT_EQ(first_error(store.deliver(fmt::format("d{}", letters_), text, {target})), "");
    const auto change = ++model.change;  // before those of mailboxes that are made on the way
    if (mailbox == nullptr) {
      mailbox = &model.make(name);
      for (auto& [made, one] : model.mailboxes) one.subscribed = one.subscribed || one.change > change;
    }
    mailbox->messages[mailbox->uid_next++] = {target.prefix.size() + text.size(), {}, change};
    mailbox->change = change;
  }

  void change(std::int64_t account) {
    const auto name = path();
    auto* mailbox = find(account, name);
    if (mailbox == nullptr) return;
    FlagChange change;
    change.uids = some(*mailbox);
    change.how = static_cast<FlagsHow>(pick(3));
    const auto names = some_flags();
    change.flags = flag_set(names);
    auto& model = model_[account];
    if (pick(3) == 0) change.unchanged_since = ChangeNumber{std::max<std::int64_t>(0, model.change - pick(50))};
    std::vector<std::uint32_t> changed;
    std::vector<std::uint32_t> modified;
    for (auto& [uid, message] : mailbox->messages) {
      if (!within(change.uids, uid)) continue;
      if (change.unchanged_since && message.change > change.unchanged_since->value) {
        modified.push_back(uid);
        continue;
      }
      auto flags = change.how == FlagsHow::replace ? names : message.flags;
      for (const auto& one : names) {
        if (change.how == FlagsHow::remove) {
          flags.erase(one);
        } else {
          flags.insert(one);
        }
      }
      if (flags == message.flags) continue;
      message.flags = flags;
      message.change = model.change + 1;
      changed.push_back(uid);
    }
    if (!changed.empty()) mailbox->change = ++model.change;
    auto done = store.run(store->change_flags(at(account), id_of(account, name), std::move(change)));
    ASSERT_TRUE(done) << done.error().log;
    std::vector<std::uint32_t> told;
    for (const auto& row : done->changed) told.push_back(row.uid);
    EXPECT_EQ(told, changed);
    EXPECT_EQ(done->modified, modified);
    EXPECT_EQ(done->change.value, mailbox->change);
  }

  void transfer(std::int64_t account, bool moves) {
    const auto from = path();
    const auto to = path();
    const auto there = pick(4) == 0 ? 3 - account : account;
    auto* source = find(account, from);
    auto* target = find(there, to);
    if (source == nullptr) return;
    const auto uids = some(*source);
    const auto mailbox = id_of(account, from);
    auto done = moves ? store.run(store->move(at(account), mailbox, uids, at(there), to))
                      : store.run(store->copy(at(account), mailbox, uids, at(there), to));
    if (target == nullptr) {
      EXPECT_EQ(kind(done), "not_found");
      return;
    }
    ASSERT_TRUE(done) << done.error().log;
    std::vector<std::pair<std::uint32_t, ModelMessage>> chosen;
    for (const auto& [uid, message] : source->messages) {
      if (within(uids, uid)) chosen.emplace_back(uid, message);
    }
    const bool keeps = moves && account == there;
    if (keeps && !chosen.empty()) ++model_[there].change;
    std::vector<CopiedUid> expected;
    for (auto& [uid, message] : chosen) {
      message.change = keeps ? model_[there].change : ++model_[there].change;
      if (moves) source->messages.erase(uid);
      expected.push_back({uid, target->uid_next});
      target->messages[target->uid_next++] = message;
    }
    EXPECT_EQ(done->uids, expected);
    EXPECT_EQ(done->uid_validity, target->uid_validity);
    if (chosen.empty()) return;
    target->change = model_[there].change;
    if (moves) source->change = keeps ? model_[account].change : ++model_[account].change;
    compare(there, false);
  }

  void expunge(std::int64_t account) {
    const auto name = path();
    auto* mailbox = find(account, name);
    if (mailbox == nullptr) return;
    const auto uids = some(*mailbox);
    std::vector<std::uint32_t> gone;
    for (const auto& [uid, message] : mailbox->messages) {
      if (within(uids, uid) && message.has("deleted")) gone.push_back(uid);
    }
    for (const auto uid : gone) mailbox->messages.erase(uid);
    if (!gone.empty()) mailbox->change = ++model_[account].change;
    auto done = store.run(store->expunge_deleted(at(account), id_of(account, name), uids));
    ASSERT_TRUE(done) << done.error().log;
    EXPECT_EQ(done->uids, gone);
    EXPECT_EQ(done->change.value, mailbox->change);
  }

  void create(std::int64_t account) {
    const auto name = path();
    auto done = store.run(store->create_mailbox(at(account), name, {}));
    if (find(account, name) != nullptr) {
      EXPECT_EQ(kind(done), "exists");
      return;
    }
    ASSERT_TRUE(done) << done.error().log;
    EXPECT_EQ(done->change.value, model_[account].make(name).change);
  }

  void remove(std::int64_t account) {
    const auto name = path();
    auto done = store.run(store->delete_mailbox(at(account), name));
    auto& model = model_[account];
    auto* mailbox = find(account, name);
    if (mailbox == nullptr || name == "INBOX" || model.has_below(name)) {
      EXPECT_EQ(kind(done), mailbox == nullptr ? "not_found" : name == "INBOX" ? "policy" : "state");
      return;
    }
    ASSERT_TRUE(done) << done.error().log;
    model.change += mailbox->messages.empty() ? 1 : 2;
    if (mailbox->subscribed) model.names.insert(name);
    model.left[name] = std::max(model.left[name], mailbox->uid_validity);
    model.mailboxes.erase(name);
    EXPECT_EQ(done->value, model.change);
    old_.erase({account, name});
  }

  void rename(std::int64_t account) {
    const auto from = path();
    const auto to = path();
    auto& model = model_[account];
    auto done = store.run(store->rename_mailbox(at(account), from, to));
    const bool there = find(account, to) != nullptr;
    if (find(account, from) == nullptr || there || (from != "INBOX" && to.starts_with(from + "/"))) {
      EXPECT_EQ(kind(done), find(account, from) == nullptr ? "not_found" : there ? "exists" : "policy");
      return;
    }
    ASSERT_TRUE(done) << done.error().log;
    if (from == "INBOX") return rename_inbox(account, to);
    if (const auto slash = to.rfind('/');
        slash != std::string::npos && !model.mailboxes.contains(to.substr(0, slash))) {
      model.make(to.substr(0, slash));
    }
    ++model.change;
    std::map<std::string, ModelMailbox> moving;
    for (const auto& [name, mailbox] : model.mailboxes) {
      if (name == from || name.starts_with(from + "/")) moving[name] = mailbox;
    }
    for (auto& [name, mailbox] : moving) {
      model.left[name] = std::max(model.left[name], mailbox.uid_validity);
      model.mailboxes.erase(name);
      old_.erase({account, name});
    }
    for (auto& [name, mailbox] : moving) {
      const auto renamed = to + name.substr(from.size());
      mailbox.change = model.change;
      // 0: a new one, above all before it.
      if (model.left.contains(renamed) && model.left[renamed] > mailbox.uid_validity) mailbox.uid_validity = 0;
      mailbox.subscribed = model.names.erase(renamed) != 0 || mailbox.subscribed;
      model.mailboxes[renamed] = mailbox;
    }
    EXPECT_EQ(done->value, model.change);
  }
  void rename_inbox(std::int64_t account, const std::string& to) {
    auto& model = model_[account];
    auto& made = model.make(to);
    auto& inbox = model.mailboxes["INBOX"];
    if (inbox.messages.empty()) return;
    inbox.change = made.change = ++model.change;
    for (auto& [uid, message] : inbox.messages) {
      message.change = model.change;
      made.messages[made.uid_next++] = message;
    }
    inbox.messages.clear();
  }

  void subscribe(std::int64_t account) {
    const auto name = path();
    const bool on = pick(2) == 0;
    auto done = store.run(store->subscribe(at(account), name, on));
    ASSERT_TRUE(done) << done.error().log;
    auto& model = model_[account];
    if (auto* mailbox = find(account, name)) {
      if (mailbox->subscribed != on) mailbox->change = ++model.change;
      mailbox->subscribed = on;
    } else if (model.names.contains(name) != on) {
      ++model.change;
      if (on) {
        model.names.insert(name);
      } else {
        model.names.erase(name);
      }
    }
  }

  // The whole account as the store shows it, mailbox by mailbox.
  void compare(std::int64_t account, bool remember) {
    auto all = store.run(store->mailboxes(at(account)));
    ASSERT_TRUE(all) << all.error().log;
    auto& model = model_[account];
    EXPECT_EQ(all->change.value, model.change);
    EXPECT_EQ(all->subscribed_names, std::vector<std::string>(model.names.begin(), model.names.end()));
    ASSERT_EQ(all->mailboxes.size(), model.mailboxes.size());
    std::uint64_t bytes = 0;
    for (const auto& one : all->mailboxes) {
      SCOPED_TRACE(fmt::format("account {} {}", account, one.path));
      auto* mailbox = find(account, one.path);
      ASSERT_NE(mailbox, nullptr);
      if (mailbox->uid_validity == 0) {
        EXPECT_GT(one.uid_validity, model.last_validity) << "a new mailbox";
        mailbox->uid_validity = one.uid_validity;
      }
      compare(account, one, *mailbox, remember);
      bytes += one.bytes;
    }
    for (const auto& one : all->mailboxes) model.last_validity = std::max(model.last_validity, one.uid_validity);
    auto quota = store.run(store->quota(at(account)));
    ASSERT_TRUE(quota);
    EXPECT_EQ(quota->bytes, bytes);
  }

  void compare(std::int64_t account, const MailboxInfo& info, const ModelMailbox& mailbox, bool remember) {
    EXPECT_EQ(info.uid_validity, mailbox.uid_validity);
    EXPECT_EQ(info.uid_next, mailbox.uid_next);
    EXPECT_EQ(info.change.value, mailbox.change);
    EXPECT_EQ(info.subscribed, mailbox.subscribed);
    EXPECT_EQ(info.emails, mailbox.messages.size());
    auto snapshot = store.run(store->snapshot(at(account), info.id));
    ASSERT_TRUE(snapshot) << snapshot.error().log;
    ASSERT_EQ((*snapshot)->size(), mailbox.messages.size());
    std::size_t index = 0;
    std::size_t unseen = 0;
    for (const auto& [uid, message] : mailbox.messages) {
      const auto& row = (**snapshot)[index++];
      EXPECT_EQ(row.uid, uid);
      EXPECT_EQ(words_of(**snapshot, row), words_of(message)) << "uid " << uid;
      unseen += message.has("$seen") ? 0 : 1;
    }
    EXPECT_EQ((*snapshot)->unseen(), unseen);
    EXPECT_EQ(info.unseen, unseen);
    auto& old = old_[{account, info.path}];
    if (old && old->head().mailbox == info.id) compare_changes(account, *old, **snapshot);
    if (remember || !old || old->head().mailbox != info.id) old = *snapshot;
  }

  // An old state with what has changed since is the new one.
  void compare_changes(std::int64_t account, const MailboxSnapshot& old, const MailboxSnapshot& now) {
    auto changes = store.run(store->changes_since(at(account), old.head().mailbox, old.head().change));
    ASSERT_TRUE(changes) << changes.error().log;
    std::map<std::uint32_t, MessageRow> rows;
    for (std::size_t i = 0; i < old.size(); ++i) rows[old[i].uid] = old[i];
    for (const auto& row : changes->rows) {
      rows[row.uid] = row;
      EXPECT_GT(row.change, old.head().change) << "nothing is told that hasn't changed";
    }
    for (const auto uid : changes->removed) rows.erase(uid);
    ASSERT_EQ(rows.size(), now.size());
    for (std::size_t i = 0; i < now.size(); ++i) EXPECT_EQ(rows[now[i].uid].change, now[i].change);
  }

  std::unique_ptr<SeededRandom> random_;
  std::map<std::int64_t, ModelAccount> model_;
  std::map<std::pair<std::int64_t, std::string>, std::shared_ptr<const MailboxSnapshot>> old_;
  std::uint64_t letters_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Engines, MailboxesModel, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);

int operations_wanted() {
  const char* more = std::getenv("PABAL_MODEL_OPERATIONS");
  return more != nullptr ? std::atoi(more) : static_cast<int>(1500 / kSlower);
}

TEST_P(MailboxesModel, FixedSeed) { run(20'261'122, operations_wanted()); }
TEST_P(MailboxesModel, RandomSeed) {
  const char* given = std::getenv("PABAL_SEED");
  run(given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}(), operations_wanted());
}

}  // namespace
}  // namespace pabal::store
