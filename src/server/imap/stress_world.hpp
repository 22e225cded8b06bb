// The world of the stress test: a real store, clients over it, and the model that says what each must see.
#pragma once
#include <array>
#include <atomic>
#include <functional>
#include <memory>

#include "account/scripted_logins.hpp"
#include "base/random.hpp"
#include "imap/sequence_set.hpp"
#include "server/imap/server.hpp"
#include "server/imap/stress_client.hpp"
#include "store/store_world.hpp"

namespace pabal::server::imap {

using Uids = std::set<std::uint32_t>;

struct StressLetter {
  FlagNames flags;
  std::uint64_t modseq = 0;
  std::string text;  ///< empty: not known
};
struct StressMailbox {
  std::string name;
  MailboxId id;
  std::map<std::uint32_t, StressLetter> letters;
  std::uint32_t uid_next = 1;
  std::uint32_t uid_validity = 0;
  std::uint64_t modseq = 0;
  std::vector<std::uint32_t> here;                 ///< UIDs that the store had when it was last asked
  std::map<std::uint32_t, std::uint64_t> removed;  ///< some of the latest, and after which change they went
};

/// What a client keeps of a mailbox when it leaves it, to synchronize from there (RFC 7162 §3.2.5).
struct Kept {
  StressMailbox* mailbox = nullptr;
  std::uint64_t modseq = 0;
  std::map<std::uint32_t, std::optional<FlagNames>> letters;
};

/// What NOTIFY has a client hear unasked (RFC 5465).
struct Hearing {
  bool unasked = false;  ///< NOTIFY is on
  bool messages = true;  ///< of the open mailbox; else only what the client's own commands do there
  bool flags = true;     ///< there
  bool delayed = false;  ///< removals wait for a command
  bool others = false;   ///< of mailboxes that aren't open
  bool modseqs = false;  ///< of their changes of flags, too

  /// The client may synchronize from the highest change number that it has heard of.
  [[nodiscard]] bool is_complete() const noexcept { return messages && flags; }
};

/// Each look at it is some time later, so that nobody waits for what is told only now and then.
class LeapingClock final : public Clock {
 public:
  [[nodiscard]] SystemTime now() const noexcept override { return real_.now(); }
  [[nodiscard]] SteadyTime steady() const noexcept override {
    return SteadyTime(std::chrono::milliseconds(100) * ++looks_);
  }

 private:
  RealClock real_;
  mutable std::atomic<std::int64_t> looks_ = 0;
};

/// A sequence set as it is sent, and the messages that it names.
struct Named {
  std::string text;
  Uids uids;
  bool gone = false;  ///< one named by its number isn't there any more
};

class StressWorld {
 protected:
  explicit StressWorld(std::uint64_t seed) : random_(seed) {
    mailboxes_[0].name = "INBOX";
    mailboxes_[1].name = "Archive";
    for (auto& mailbox : mailboxes_) {
      auto found = run_blocking(world_.store->find_mailbox(store::StoreWorld::alice(), mailbox.name));
      mailbox.id = found->id;
    }
    for (std::size_t i = 0; i < kClients; ++i) {
      clients_.push_back(nullptr);
      desks_.emplace_back();
      connect(i);
    }
    for (auto& mailbox : mailboxes_) learn(mailbox);
  }
  ~StressWorld() {
    for (auto& client : clients_) client->stream.end();
    wait_for_ends();
  }
  StressWorld(const StressWorld&) = delete;
  StressWorld& operator=(const StressWorld&) = delete;

  using Client = StressClient;
  /// What a client's selected mailbox is in the model.
  struct Desk {
    StressMailbox* mailbox = nullptr;
    std::uint32_t told = 0;  ///< the largest UID that was announced
    bool rev2 = false;
    bool connected = false;
    Kept kept;
    Hearing hearing;
    std::map<std::string, std::function<bool(const StressLetter&)>> searches;  ///< by tag: what is in which result
  };
  static constexpr std::size_t kClients = 6;
  static constexpr std::size_t kRemembered = 300;

  static Async<> serve(Server* server, Client* client, std::size_t* ended) {
    co_await server->serve(&client->stream, {.id = "stress", .log = Log()}, {});
    ++*ended;
  }
  void connect(std::size_t index) {
    auto before = clients_[index] ? clients_[index]->trace + "(connects again)\n" : std::string();
    auto& client = *(clients_[index] = std::make_unique<Client>());
    client.trace = std::move(before);
    auto& desk = desks_[index];
    asio::co_spawn(io_.get_executor(), serve(&server_, &client, &ended_),
                   [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
    ++begun_;
    desk.connected = true;
    desk.hearing = {};
    client.send("LOGIN alice@seoul.example demo");
    wait(client);
    client.read(true);
    std::string words = "ENABLE";
    desk.rev2 = index % 3 == 2;
    client.qresync = pick(2) == 0;
    client.condstore = client.qresync;
    client.uid_only = pick(4) == 0;
    if (desk.rev2) words += " IMAP4rev2";
    if (client.qresync) words += " QRESYNC";
    if (client.uid_only) words += " UIDONLY";
    if (words == "ENABLE") return;
    client.send(words);
    wait(client);
    EXPECT_EQ(client.read(true).line("ENABLED"), words.replace(0, 6, "ENABLED"));
  }
  void wait_for_ends() {
    while (ended_ < begun_ && io_.run_one_for(std::chrono::seconds(10)) != 0) {
    }
    EXPECT_EQ(ended_, begun_);
  }
  // The connection breaks, wherever it is; what had been said until then has arrived.
  void disconnect(std::size_t index) {
    auto& client = *clients_[index];
    auto& desk = desks_[index];
    client.stream.end();
    const auto goal = ended_ + 1;
    while (ended_ < goal && io_.run_one_for(std::chrono::seconds(10)) != 0) {
    }
    EXPECT_EQ(ended_, goal);
    client.read(false);
    keep(client, desk);
    desk.mailbox = nullptr;
    desk.searches.clear();
    desk.connected = false;
  }
  // What the client knows when it leaves its mailbox.
  static void keep(const Client& client, Desk& desk) {
    // Without QRESYNC a client isn't told up to where it has heard of removals.
    if (desk.mailbox == nullptr || !client.qresync) return;
    if (!desk.hearing.is_complete()) {
      desk.kept = {};
      return;
    }
    desk.kept = {.mailbox = desk.mailbox, .modseq = client.modseq, .letters = {}};
    for (const auto& known : client.view) {
      if (known.uid != 0) desk.kept.letters.emplace(known.uid, known.flags);
    }
  }
  void wait(Client& client, bool for_more = false) {
    while (!(for_more ? client.continued() : client.answered())) {
      if (io_.run_one_for(std::chrono::seconds(20)) == 0) {
        ADD_FAILURE() << "no answer\n" << client.trace;
        return;
      }
    }
  }
  std::uint64_t pick(std::uint64_t below) { return random_.below(below); }
  [[nodiscard]] bool is_full(const StressMailbox& mailbox) const { return mailbox.letters.size() > most_; }
  StressMailbox& any_mailbox() { return mailboxes_[pick(4) == 0 ? 1 : 0]; }

  // The store's own word on a mailbox: flags and UIDs must be the model's, change numbers are learned from it.
  void learn(StressMailbox& mailbox, bool believe = false) {
    auto snapshot = run_blocking(world_.store->snapshot(store::StoreWorld::alice(), mailbox.id));
    ASSERT_TRUE(snapshot.has_value());
    const auto& now = **snapshot;
    std::map<std::uint32_t, StressLetter> letters;
    for (std::size_t i = 0; i < now.size(); ++i) {
      StressLetter letter{
          .flags = flags_of_row(now, now[i]), .modseq = static_cast<std::uint64_t>(now[i].change.value), .text = {}};
      const auto old = mailbox.letters.find(now[i].uid);
      if (old != mailbox.letters.end()) {
        letter.text = old->second.text;
        if (old->second.flags == letter.flags && !believe && old->second.modseq != 0) {
          EXPECT_EQ(old->second.modseq, letter.modseq) << "a change number without a change, uid " << now[i].uid;
        } else {
          EXPECT_GE(letter.modseq, old->second.modseq);
        }
        if (!believe) {
          EXPECT_EQ(old->second.flags, letter.flags) << mailbox.name << " uid " << now[i].uid;
        }
      } else {
        EXPECT_TRUE(believe) << mailbox.name << " has uid " << now[i].uid;
      }
      letters.emplace(now[i].uid, std::move(letter));
    }
    if (!believe) EXPECT_EQ(letters.size(), mailbox.letters.size()) << mailbox.name;
    for (const auto uid : mailbox.here) {
      if (!letters.contains(uid)) mailbox.removed[uid] = mailbox.modseq;
    }
    while (mailbox.removed.size() > kRemembered) mailbox.removed.erase(mailbox.removed.begin());
    mailbox.here.clear();
    for (const auto& [uid, letter] : letters) mailbox.here.push_back(uid);
    mailbox.letters = std::move(letters);
    mailbox.uid_next = now.head().uid_next;
    mailbox.uid_validity = now.head().uid_validity;
    mailbox.modseq = static_cast<std::uint64_t>(now.head().change.value);
  }
  static FlagNames flags_of_row(const store::MailboxSnapshot& snapshot, const store::MessageRow& row) {
    static constexpr std::array kSystem = {
        std::pair{store::flag::seen, "\\seen"},       std::pair{store::flag::answered, "\\answered"},
        std::pair{store::flag::flagged, "\\flagged"}, std::pair{store::flag::draft, "\\draft"},
        std::pair{store::flag::deleted, "\\deleted"}, std::pair{store::flag::junk, "$junk"}};
    FlagNames names;
    for (const auto& [bit, name] : kSystem) {
      if ((row.flags() & bit) != 0) names.insert(name);
    }
    for (const auto& name : snapshot.keywords(row)) names.insert(to_lower(name));
    return names;
  }

  // What was announced are all that came since, in their order. False: some of them were not.
  static bool learn_arrived(Client& client, const Desk& desk) {
    const auto& letters = desk.mailbox->letters;
    auto next = letters.upper_bound(desk.told);
    for (auto& known : client.view) {
      if (known.uid > desk.told) {
        EXPECT_TRUE(next != letters.end() && next->first == known.uid);
      } else if (known.uid != 0) {
        continue;
      }
      if (next == letters.end()) {
        ADD_FAILURE() << "a message was announced that isn't there";
        return true;
      }
      known.uid = next->first;
      ++next;
    }
    return next == letters.end();
  }
  // Results that are kept up to date are as if they were asked for now.
  static bool results_are_right(const Client& client, const Desk& desk) {
    return std::ranges::all_of(desk.searches, [&](const auto& search) {
      Uids expected;
      for (const auto& [uid, letter] : desk.mailbox->letters) {
        if (search.second(letter)) expected.insert(uid);
      }
      return client.results.at(search.first) == expected;
    });
  }

  // What came is taken in, and the view held against the model.
  Said settle(Client& client, Desk& desk, bool numbers_stay, const std::map<std::uint32_t, FlagNames>& silent = {}) {
    for (auto& known : client.view) {
      const auto assumed = silent.find(known.uid);
      if (assumed != silent.end() && known.flags) known.flags = assumed->second;
    }
    const auto before = client.view.size();
    auto said = client.read(numbers_stay);
    if (desk.mailbox == nullptr) return said;
    if (!desk.hearing.messages && !client.tells_of_itself()) {
      EXPECT_TRUE(client.view.size() == before && !said.expunged && said.fetched.empty());
      return said;
    }
    const auto& letters = desk.mailbox->letters;
    EXPECT_TRUE(learn_arrived(client, desk)) << "some were not announced";
    if (!letters.empty()) desk.told = std::max(desk.told, letters.rbegin()->first);
    std::size_t here = 0;
    for (const auto& known : client.view) {
      const auto found = letters.find(known.uid);
      if (found == letters.end()) {
        EXPECT_TRUE(numbers_stay) << "uid " << known.uid << " is gone, and nobody said so";
        continue;
      }
      ++here;
      if (known.flags) {
        EXPECT_EQ(*known.flags, found->second.flags) << "uid " << known.uid;
      }
    }
    EXPECT_EQ(here, letters.size());
    for (const auto& one : said.fetched) {
      const auto uid = one.number != 0 && one.number <= client.view.size() ? client.view[one.number - 1].uid : 0;
      const auto found = letters.find(uid);
      // Where it was expunged with this very reply the numbers have moved.
      if (one.number == 0 || said.expunged || found == letters.end()) continue;
      if (one.uid) {
        EXPECT_EQ(*one.uid, uid);
      }
      if (one.modseq && !one.flags) {
        EXPECT_EQ(*one.modseq, found->second.modseq);
      }
      if (one.text && !found->second.text.empty()) {
        EXPECT_EQ(*one.text, found->second.text) << "uid " << uid;
      }
    }
    EXPECT_TRUE(results_are_right(client, desk));
    return said;
  }
  void changed() {
    for (auto& mailbox : mailboxes_) learn(mailbox);
  }
  Said command(Client& client, Desk& desk, std::string_view words, bool numbers_stay, std::string_view status = "OK",
               const std::map<std::uint32_t, FlagNames>& silent = {}) {
    client.send(words);
    wait(client);
    auto said = settle(client, desk, numbers_stay, silent);
    EXPECT_EQ(said.status, status) << words << "\n" << said.tagged;
    return said;
  }
  // What can't be done is refused, and nothing is told with it but keywords that are new.
  static bool tells_nothing(const Said& said) {
    return said.fetched.empty() && std::ranges::all_of(said.lines, [](std::string_view line) {
             return line.starts_with("FLAGS ") || line.starts_with("OK [PERMANENTFLAGS ");
           });
  }
  void refused(Client& client, std::string_view words) {
    client.send(words);
    wait(client);
    const auto said = client.read(true);
    EXPECT_EQ(said.status, "NO") << words << "\n" << said.tagged;
    // Who has NOTIFY hears at any time.
    EXPECT_TRUE(client.listens || tells_nothing(said)) << words;
  }
  void plain(Client& client, Desk& desk, std::string_view words) { command(client, desk, words, false); }

  FlagNames some_flags() {
    static constexpr std::array kFlags = {"\\seen", "\\flagged", "\\answered", "\\deleted", "$junk", "one", "two"};
    FlagNames names;
    for (auto count = pick(4); count > 0; --count) names.insert(kFlags[pick(kFlags.size())]);
    return names;
  }

  // Messages by number or by UID, and how they are named.
  Named some(const Client& client, const Desk& desk, bool uid) {
    Named named;
    const auto& letters = desk.mailbox->letters;
    const auto take = [&](std::uint32_t one) {
      if (letters.contains(one)) {
        named.uids.insert(one);
      } else {
        named.gone = true;
      }
    };
    const auto& view = client.view;
    if (!client.saved.empty() && pick(8) == 0) {
      named.text = "$";
      for (const auto& known : view) {
        if (client.saved.contains(known.uid)) take(known.uid);
      }
      named.gone = false;
      return named;
    }
    const std::uint64_t most = uid ? desk.mailbox->uid_next + 1U : view.size();
    std::uint64_t largest = view.size();
    if (uid) largest = view.empty() ? 0 : view.back().uid;
    for (auto count = 1 + pick(3); count > 0; --count) {
      auto first = 1 + pick(most);
      auto last = pick(3) == 0 ? 1 + pick(most) : first;
      std::string part = fmt::format("{}", first);
      if (pick(6) == 0) {
        last = largest;
        part += ":*";
      } else if (last != first) {
        part += fmt::format(":{}", last);
      }
      named.text += (named.text.empty() ? "" : ",") + part;
      if (last < first) std::swap(first, last);
      for (std::size_t i = 0; i < view.size(); ++i) {
        const std::uint64_t name = uid ? view[i].uid : i + 1;
        if (first <= name && name <= last) take(view[i].uid);
      }
    }
    return named;
  }

  // As learn(), after flags that the model has set itself: change numbers may have moved.
  void relearn(StressMailbox& mailbox) {
    auto model = mailbox.letters;
    learn(mailbox, true);
    EXPECT_EQ(model.size(), mailbox.letters.size()) << mailbox.name;
    for (auto& [uid, letter] : mailbox.letters) {
      const auto found = model.find(uid);
      if (found == model.end()) {
        ADD_FAILURE() << mailbox.name << " has uid " << uid;
        continue;
      }
      EXPECT_EQ(letter.flags, found->second.flags) << mailbox.name << " uid " << uid;
      letter.text = found->second.text;
    }
  }

  /// A search key, and whether it holds.
  struct Key {
    std::string text;
    std::function<bool(std::uint32_t, const StressLetter&)> holds;
  };
  Key some_key(const Client& client, const Desk& desk, int depth = 0, bool sets = true) {
    static constexpr std::array kPairs = {std::pair{"FLAGGED", "\\flagged"}, std::pair{"SEEN", "\\seen"},
                                          std::pair{"DELETED", "\\deleted"}, std::pair{"ANSWERED", "\\answered"},
                                          std::pair{"KEYWORD one", "one"},   std::pair{"KEYWORD $Junk", "$junk"}};
    auto kind = pick(depth < 2 ? 6 : 4);
    if (kind == 3 && !sets) kind = 1;
    switch (kind) {
      case 0:
        return {"ALL", [](auto, const auto&) { return true; }};
      case 1: {
        const auto& [text, flag] = kPairs[pick(kPairs.size())];
        return {text, [name = flag](auto, const auto& letter) { return letter.flags.contains(name); }};
      }
      case 2: {
        const auto& [text, flag] = kPairs[pick(kPairs.size())];
        return {fmt::format("UN{}", text),
                [name = flag](auto, const auto& letter) { return !letter.flags.contains(name); }};
      }
      case 3: {
        const bool uid = client.uid_only || client.view.empty() || pick(2) == 0;
        auto named = some(client, desk, uid);
        return {(uid && named.text != "$" ? "UID " : "") + named.text,
                [uids = named.uids](auto one, const auto&) { return uids.contains(one); }};
      }
      case 4: {
        const auto inner = some_key(client, desk, depth + 1, sets);
        return {"NOT " + inner.text,
                [holds = inner.holds](auto uid, const auto& letter) { return !holds(uid, letter); }};
      }
      default: {
        const auto a = some_key(client, desk, depth + 1, sets);
        const auto b = some_key(client, desk, depth + 1, sets);
        return {fmt::format("OR {} {}", a.text, b.text),
                [a = a.holds, b = b.holds](auto uid, const auto& letter) { return a(uid, letter) || b(uid, letter); }};
      }
    }
  }

  // Also changes of a few messages' flags go the way of many's.
  store::StoreWorld world_{{.many_flags = 3, .leave_from = 2}};
  account::ScriptedLogins logins_;
  asio::io_context io_{1};
  LeapingClock clock_;
  Server server_{logins_, *world_.store, clock_, world_.metrics, {.literal_plus = true}};
  SeededRandom random_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Desk> desks_;
  std::array<StressMailbox, 2> mailboxes_;
  std::size_t begun_ = 0;  ///< connections
  std::size_t ended_ = 0;
  int done_ = 0;
  std::size_t most_ = 60;  ///< letters in a mailbox, beyond which it is emptied rather than filled
  std::uint64_t letters_ = 0;
};

}  // namespace pabal::server::imap
