// Many sessions do random commands on two mailboxes of a real store. A simple model says after each reply what that
// client's view must be, and what its answer: numbers are right (RFC 9051 §5.5, §7.5.1), every change is told, nothing
// is told twice wrongly. Now and then all send at once; then the model learns from the store what came of it, and each
// view must agree with that.
#include <cstdlib>

#include "server/imap/stress_listener.hpp"
#include "server/imap/stress_resync.hpp"

namespace pabal::server::imap {
namespace {

class Stress : public StressListener {
 public:
  explicit Stress(std::uint64_t seed) : StressListener(seed) {}

  void run(int commands) {
    while (done_ < commands && !testing::Test::HasFailure()) {
      // Most of the time small mailboxes, where the sessions meet; now and then such as are kept packed.
      if (done_ >= resize_at_) {
        resize_at_ += 500;
        most_ = pick(16) == 0 ? 1200 : 60;
      }
      if (pick(40) == 0) {
        burst();
      } else {
        one();
      }
      listen_all();
    }
    if (testing::Test::HasFailure()) {
      for (std::size_t i = 0; i < clients_.size(); ++i) fmt::print("client {}:\n{}\n", i, clients_[i]->trace);
    }
    auto findings = world_.store->check();
    ASSERT_TRUE(findings.has_value());
    for (const auto& finding : *findings) ADD_FAILURE() << finding.where << ": " << finding.what;
  }
  [[nodiscard]] int done() const noexcept { return done_; }

 private:
  void one() {
    const auto which = pick(clients_.size());
    auto& client = *clients_[which];
    auto& desk = desks_[which];
    ++done_;
    SCOPED_TRACE(fmt::format("command {} by client {}", done_, which));
    if (!desk.connected) {
      if (pick(4) == 0) connect(which);
      return;
    }
    if (pick(60) == 0) return disconnect(which);
    forget_flags(client, desk);
    if (client.idling) {
      client.done();
      wait(client);
      settle(client, desk, false);
      return;
    }
    if (pick(120) == 0) return notify(client, desk);
    if (desk.mailbox == nullptr) return pick(4) == 0 ? append(client, desk) : select(client, desk);
    const bool uid = client.uid_only || pick(2) == 0 || client.view.empty();
    if (client.uid_only && pick(30) == 0) return by_number(client);
    if (pick(40) == 0) return keep_search(client, desk);
    switch (pick(26)) {
      case 0:
        return select(client, desk);
      case 1:
        return leave(client, desk);
      case 2:
      case 3:
        return plain(client, desk, pick(2) == 0 ? "NOOP" : "CHECK");
      case 4:
        client.send("IDLE");
        wait(client, true);
        client.idling = true;
        hear_all(client, desk);
        settle(client, desk, false);
        return;
      case 5:
      case 6:
      case 7:
      case 8:
        return append(client, desk);
      case 9:
      case 10:
      case 11:
      case 12:
      case 13:
        return store_flags(client, desk, uid);
      case 14:
      case 15:
      case 16:
        return fetch(client, desk, uid);
      case 17:
      case 18:
      case 19:
        return search(client, desk, uid);
      case 20:
        return expunge(client, desk, false);
      case 21:
        return expunge(client, desk, true);
      case 22:
      case 23:
        return transfer(client, desk, uid);
      case 24:
        return status(client, desk);
      default:
        if (pick(8) != 0) return plain(client, desk, "NOOP");
        client.condstore = true;
        return plain(client, desk, "ENABLE CONDSTORE");
    }
  }

  // Once the client has switched them off (RFC 9586 §3.1).
  void by_number(Client& client) {
    static constexpr std::array kCommands = {"FETCH 1 FLAGS", "STORE 1 FLAGS ()", "SEARCH ALL",
                                             "COPY 1 INBOX",  "MOVE 1 Archive",   "UID SEARCH 1:*"};
    client.send(kCommands[pick(kCommands.size())]);
    wait(client);
    const auto said = client.read(true);
    EXPECT_EQ(said.status, "BAD") << said.tagged;
    EXPECT_EQ(said.code, "UIDREQUIRED") << said.tagged;
    EXPECT_TRUE(tells_nothing(said));
  }

  void select(Client& client, Desk& desk) {
    go(client, desk);
    desk.mailbox = nullptr;
    auto& mailbox = any_mailbox();
    client.read_only = pick(5) == 0;
    const auto& kept = desk.kept;
    const bool resync = client.qresync && kept.mailbox == &mailbox && pick(5) != 0;
    const bool known = resync && !kept.letters.empty() && pick(3) == 0;
    const bool condstore = !resync && pick(4) == 0;
    std::string how = condstore ? " (CONDSTORE)" : "";
    if (resync) how = resync_words(client, kept, known, random_);
    client.modseq = 0;
    client.send(fmt::format("{} {}{}", client.read_only ? "EXAMINE" : "SELECT", mailbox.name, how));
    if (condstore) client.condstore = true;
    wait(client);
    // Whatever is said of another mailbox before CLOSED was told with the last reply already.
    client.view.clear();
    client.saved.clear();
    // By UIDFETCH it hears of those alone that have changed.
    client.learns_in_order = false;
    const auto said = client.read(true);
    client.learns_in_order = client.listens;
    EXPECT_EQ(said.status, "OK") << said.tagged;
    EXPECT_EQ(said.code, client.read_only ? "READ-ONLY" : "READ-WRITE");
    EXPECT_EQ(client.view.size(), mailbox.letters.size());
    EXPECT_NE(said.line(fmt::format("OK [UIDNEXT {}]", mailbox.uid_next)), "") << mailbox.uid_next;
    EXPECT_NE(said.line(fmt::format("OK [HIGHESTMODSEQ {}]", mailbox.modseq)), "") << mailbox.modseq;
    auto letter = mailbox.letters.begin();
    for (auto& one : client.view) {
      if (letter == mailbox.letters.end()) break;
      EXPECT_TRUE(one.uid == 0 || one.uid == letter->first)
          << "uid " << one.uid << " in the place of " << letter->first;
      one.uid = (letter++)->first;
    }
    if (resync) {
      resynced(client, mailbox, kept, said, known);
    } else {
      EXPECT_TRUE(said.fetched.empty() && said.vanished.empty());
    }
    desk.mailbox = &mailbox;
    desk.told = mailbox.letters.empty() ? 0 : mailbox.letters.rbegin()->first;
    learn_flags(client, desk);
  }
  // Leaves the mailbox that is open, if one is.
  static void go(Client& client, Desk& desk) {
    keep(client, desk);
    if (desk.mailbox != nullptr) take_status(client, *desk.mailbox);
    forget_searches(client, desk);
  }
  void leave(Client& client, Desk& desk) {
    go(client, desk);
    client.modseq = 0;
    const bool close = pick(2) == 0;
    auto* mailbox = std::exchange(desk.mailbox, nullptr);
    if (close && !client.read_only) {
      std::erase_if(mailbox->letters, [](const auto& one) { return one.second.flags.contains("\\deleted"); });
    }
    client.view.clear();
    client.send(close ? "CLOSE" : "UNSELECT");
    wait(client);
    changed();
    const auto said = settle(client, desk, true);
    EXPECT_EQ(said.status, "OK") << said.tagged;
    EXPECT_TRUE(said.fetched.empty());
  }

  void append(Client& client, Desk& desk) {
    auto& mailbox = any_mailbox();
    if (is_full(mailbox)) return desk.mailbox == nullptr ? select(client, desk) : expunge(client, desk, false);
    std::string words = "APPEND " + mailbox.name;
    Uids uids;
    for (auto count = 1 + pick(3); count > 0; --count) {
      const auto flags = some_flags();
      const auto text = fmt::format("letter {} {}\r\n", ++letters_, std::string(pick(30), 'x'));
      const auto whole = fmt::format("Subject: {}\r\n\r\n{}", letters_, text);
      words += fmt::format(" ({}) {{{}+}}\r\n{}", fmt::join(flags, " "), whole.size(), whole);
      uids.insert(mailbox.uid_next);
      mailbox.letters[mailbox.uid_next++] = {.flags = flags, .modseq = 0, .text = text};
    }
    client.send(words);
    wait(client);
    changed();
    const auto said = settle(client, desk, false);
    EXPECT_EQ(said.status, "OK") << said.tagged;
    Words code(said.code);
    EXPECT_EQ(code.next(), "APPENDUID");
    code.next();
    EXPECT_EQ(numbers_in(code.next()), uids);
  }

  void store_flags(Client& client, Desk& desk, bool uid) {
    const auto named = some(client, desk, uid);
    const auto names = some_flags();
    const auto how = pick(3);
    const bool silent = pick(2) == 0;
    auto& letters = desk.mailbox->letters;
    std::optional<std::uint64_t> since;
    if (pick(4) == 0) since = desk.mailbox->modseq - std::min(desk.mailbox->modseq, pick(30));
    const auto words = fmt::format("{}STORE {} {}{}FLAGS{} ({})", uid ? "UID " : "", named.text,
                                   since ? fmt::format("(UNCHANGEDSINCE {}) ", *since) : "",
                                   how == 0   ? ""
                                   : how == 1 ? "+"
                                              : "-",
                                   silent ? ".SILENT" : "", fmt::join(names, " "));
    if (client.read_only) {
      refused(client, words);
      return;
    }
    if (since) client.condstore = true;
    Uids modified;
    std::map<std::uint32_t, FlagNames> assumed;
    Uids told;
    for (const auto one : named.uids) {
      auto& letter = letters[one];
      if (since && letter.modseq > *since) {
        modified.insert(one);
        continue;
      }
      auto flags = how == 0 ? names : letter.flags;
      // What a client that asks for silence takes them for.
      for (const auto& known : client.view) {
        if (known.uid != one || !known.flags) continue;
        auto mine = how == 0 ? names : *known.flags;
        for (const auto& name : names) {
          if (how == 2) {
            mine.erase(name);
          } else {
            mine.insert(name);
          }
        }
        if (silent) assumed[one] = mine;
      }
      for (const auto& name : names) {
        if (how == 2) {
          flags.erase(name);
        } else {
          flags.insert(name);
        }
      }
      letter.flags = flags;
      told.insert(one);
    }
    client.send(words);
    wait(client);
    for (auto& mailbox : mailboxes_) relearn(mailbox);
    auto numbers = numbers_of(client, modified, uid);
    const auto said = settle(client, desk, !uid, assumed);
    EXPECT_EQ(said.status, "OK") << words << "\n" << said.tagged;
    if (!modified.empty()) {
      Words code(said.code);
      EXPECT_EQ(code.next(), "MODIFIED") << words;
      EXPECT_EQ(numbers_in(code.next()), numbers) << words;
    } else {
      EXPECT_EQ(said.code, "") << words;
    }
    if (silent) return;
    Uids heard;
    for (const auto& one : said.fetched) {
      if (one.flags && one.uid) heard.insert(*one.uid);
      if (one.flags && !one.uid && !said.expunged) heard.insert(client.view[one.number - 1].uid);
    }
    for (const auto one : told) EXPECT_TRUE(heard.contains(one) || (!uid && said.expunged)) << words << " uid " << one;
  }
  std::set<std::uint32_t> numbers_of(const Client& client, const Uids& uids, bool uid) {
    if (uid) return uids;
    std::set<std::uint32_t> numbers;
    for (std::size_t i = 0; i < client.view.size(); ++i) {
      if (uids.contains(client.view[i].uid)) numbers.insert(static_cast<std::uint32_t>(i + 1));
    }
    return numbers;
  }
  void fetch(Client& client, Desk& desk, bool uid) {
    const auto named = some(client, desk, uid);
    const auto& letters = desk.mailbox->letters;
    const bool modseq = pick(5) == 0;
    const bool text = pick(3) == 0;
    std::optional<std::uint64_t> since;
    if (pick(6) == 0) since = desk.mailbox->modseq - std::min(desk.mailbox->modseq, pick(30));
    if (modseq || since) client.condstore = true;
    const bool vanished = since && uid && client.qresync && pick(2) == 0;
    const auto words =
        fmt::format("{}FETCH {} (UID FLAGS{}{}){}", uid ? "UID " : "", named.text, modseq ? " MODSEQ" : "",
                    text ? " BODY.PEEK[TEXT]" : "",
                    since ? fmt::format(" (CHANGEDSINCE {}{})", *since, vanished ? " VANISHED" : "") : "");
    const bool refused = !uid && named.gone;
    const auto said = command(client, desk, words, !uid, refused ? "NO" : "OK");
    EXPECT_EQ(said.code, refused ? "EXPUNGEISSUED" : "");
    for (const auto one : named.uids) {
      const auto& letter = letters.at(one);
      const bool due = !since || letter.modseq > *since;
      const auto found = std::ranges::find_if(said.fetched, [&](const auto& told) { return told.uid == one; });
      if (!due) continue;
      if (found == said.fetched.end()) {
        ADD_FAILURE() << words << " without uid " << one;
        continue;
      }
      EXPECT_TRUE(found->flags && *found->flags == letter.flags) << words;
      if (modseq) {
        EXPECT_EQ(found->modseq.value_or(0), letter.modseq) << words;
      }
      EXPECT_EQ(found->text.has_value(), text) << words;
      if (found->text && !letter.text.empty()) {
        EXPECT_EQ(*found->text, letter.text) << words;
      }
    }
    if (vanished) {
      for (const auto uid_gone : said.vanished) EXPECT_FALSE(letters.contains(uid_gone)) << words;
      for (const auto& [one, behind] : desk.mailbox->removed) {
        if (behind < *since || !is_in_set(named.text, one)) continue;
        EXPECT_TRUE(said.vanished.contains(one)) << words << " doesn't say that uid " << one << " is gone";
      }
    }
    if (!text) return;
    for (const auto& one : said.fetched) {
      if (one.uid && one.text && letters.contains(*one.uid)) desk.mailbox->letters[*one.uid].text = *one.text;
    }
  }

  void search(Client& client, Desk& desk, bool uid) {
    const auto key = some_key(client, desk);
    const auto returns = pick(3);  // none, (ALL COUNT), (SAVE)
    std::set<std::uint32_t> expected;
    Uids uids;
    for (std::size_t i = 0; i < client.view.size(); ++i) {
      const auto found = desk.mailbox->letters.find(client.view[i].uid);
      if (found == desk.mailbox->letters.end() || !key.holds(found->first, found->second)) continue;
      uids.insert(found->first);
      expected.insert(uid ? found->first : static_cast<std::uint32_t>(i + 1));
    }
    const auto words = fmt::format("{}SEARCH {}{}", uid ? "UID " : "",
                                   returns == 1   ? "RETURN (ALL COUNT) "
                                   : returns == 2 ? "RETURN (SAVE) "
                                                  : "",
                                   key.text);
    const auto said = command(client, desk, words, !uid);
    if (returns == 2) {
      client.saved = uids;
      EXPECT_EQ(said.line("ESEARCH") + said.line("SEARCH"), "");
      return;
    }
    std::set<std::uint32_t> found;
    if (returns == 0 && !desk.rev2) {
      const auto line = said.line("SEARCH");
      EXPECT_NE(line, "") << words;
      Words rest(line);
      rest.next();
      for (auto word = rest.next(); !word.empty(); word = rest.next()) {
        found.insert(static_cast<std::uint32_t>(number_in(word)));
      }
    } else {
      const auto line = said.line("ESEARCH");
      Words rest(line);
      for (auto word = rest.next(); !word.empty(); word = rest.next()) {
        if (word == "ALL") found = numbers_in(rest.next());
        if (word == "COUNT") {
          EXPECT_EQ(number_in(rest.next()), expected.size()) << words;
        }
      }
    }
    EXPECT_EQ(found, expected) << words;
  }

  void expunge(Client& client, Desk& desk, bool uid) {
    Named named;
    if (uid) named = some(client, desk, true);
    const auto words = uid ? "UID EXPUNGE " + named.text : std::string("EXPUNGE");
    if (client.read_only) {
      refused(client, words);
      return;
    }
    std::erase_if(desk.mailbox->letters, [&](const auto& one) {
      return one.second.flags.contains("\\deleted") && (!uid || named.uids.contains(one.first));
    });
    client.send(words);
    wait(client);
    changed();
    EXPECT_EQ(settle(client, desk, false).status, "OK") << words;
  }

  void transfer(Client& client, Desk& desk, bool uid) {
    auto& to = any_mailbox();
    bool moves = pick(2) == 0;
    if (is_full(to)) return expunge(client, desk, false);
    const auto named = some(client, desk, uid);
    const auto words = fmt::format("{}{} {} {}", uid ? "UID " : "", moves ? "MOVE" : "COPY", named.text, to.name);
    if (moves && client.read_only) {
      refused(client, words);
      return;
    }
    if (!moves && !uid && named.gone) {
      const auto said = command(client, desk, words, false, "NO");
      EXPECT_EQ(said.code, "EXPUNGEISSUED");
      return;
    }
    Uids arrived;
    std::vector<std::pair<std::uint32_t, StressLetter>> letters;
    for (const auto one : named.uids) letters.emplace_back(one, desk.mailbox->letters.at(one));
    for (auto& [one, letter] : letters) {
      letter.modseq = 0;
      if (moves) desk.mailbox->letters.erase(one);
      arrived.insert(to.uid_next);
      to.letters[to.uid_next++] = letter;
    }
    client.send(words);
    wait(client);
    changed();
    const auto said = settle(client, desk, false);
    EXPECT_EQ(said.status, "OK") << words << "\n" << said.tagged;
    if (named.uids.empty()) return;
    const auto line = moves ? said.line("OK [COPYUID") : said.code;
    const auto begin = line.find("COPYUID");
    ASSERT_NE(begin, std::string::npos) << words;
    Words code(std::string_view(line).substr(begin, line.find(']') - begin));
    code.next();
    code.next();
    EXPECT_EQ(numbers_in(code.next()), named.uids) << words;
    EXPECT_EQ(numbers_in(code.next()), arrived) << words;
  }

  void status(Client& client, Desk& desk) {
    const auto& mailbox = any_mailbox();
    const auto said = command(client, desk, "STATUS " + mailbox.name + " (MESSAGES UIDNEXT UNSEEN DELETED)", false);
    const auto count = [&](const char* flag) {
      return std::ranges::count_if(mailbox.letters, [&](const auto& one) { return one.second.flags.contains(flag); });
    };
    const auto size = static_cast<std::ptrdiff_t>(mailbox.letters.size());
    const auto expected = fmt::format("STATUS {} (MESSAGES {} UIDNEXT {} UNSEEN {} DELETED {})", mailbox.name, size,
                                      mailbox.uid_next, size - count("\\seen"), count("\\deleted"));
    EXPECT_EQ(said.line(expected), expected);
  }

  // All at once: what comes of it the store says, and every view must agree with it.
  int resize_at_ = 0;

  void burst() {
    SCOPED_TRACE(fmt::format("burst behind command {}", done_));
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      auto& client = *clients_[i];
      auto& desk = desks_[i];
      if (client.idling || desk.mailbox == nullptr) continue;
      const auto flags = fmt::format("{}", fmt::join(some_flags(), " "));
      const auto set = some(client, desk, true).text;
      const bool full = is_full(mailboxes_[0]) || is_full(mailboxes_[1]);
      const auto& to = any_mailbox().name;
      std::string words;
      switch (pick(full ? 3 : 6)) {
        case 0:
          words = fmt::format("UID STORE {} +FLAGS ({})", set, flags);
          break;
        case 1:
          words = fmt::format("UID STORE {} FLAGS.SILENT ({})", set, flags);
          break;
        case 2:
          words = "EXPUNGE";
          break;
        case 3:
          words = fmt::format("UID MOVE {} {}", set, to);
          break;
        case 4:
          words = fmt::format("UID COPY {} {}", set, to);
          break;
        default:
          words = fmt::format("APPEND {} ({}) {{10+}}\r\nA: b\r\n\r\nx\n", to, flags);
      }
      client.send(words);
      ++done_;
    }
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      if (!clients_[i]->idling && desks_[i].mailbox != nullptr) wait(*clients_[i]);
    }
    for (auto& mailbox : mailboxes_) learn(mailbox, true);
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      auto& client = *clients_[i];
      auto& desk = desks_[i];
      if (desk.mailbox == nullptr) continue;
      client.read(false);
      if (client.idling) {
        client.done();
      } else {
        client.send("NOOP");
      }
      wait(client);
      client.read(false);
      if (desk.hearing.unasked) {
        // With what it asks for it is told all that it wouldn't hear.
        client.send("UID FETCH 1:* (UID)");
        wait(client);
        client.read(false);
      }
      // Some numbers are known to the server alone now, and silence was asked for where others changed the same.
      std::erase_if(client.saved, [&](auto uid) { return !desk.mailbox->letters.contains(uid); });
      for (auto& known : client.view) known.flags.reset();
      client.send("UID FETCH 1:* (FLAGS)");
      wait(client);
      client.learns_in_order = true;
      client.read(false);
      client.learns_in_order = client.listens;
      const auto& letters = desk.mailbox->letters;
      ASSERT_EQ(client.view.size(), letters.size()) << "client " << i << "\n" << client.trace;
      auto letter = letters.begin();
      for (const auto& known : client.view) {
        EXPECT_EQ(known.uid, letter->first) << "client " << i;
        EXPECT_TRUE(known.flags && *known.flags == letter->second.flags) << "client " << i << " uid " << known.uid;
        ++letter;
      }
      desk.told = desk.mailbox->uid_next - 1;
      EXPECT_TRUE(results_are_right(client, desk)) << "client " << i << "\n" << client.trace;
    }
  }
};

int commands_wanted() {
  const char* more = std::getenv("PABAL_STRESS_COMMANDS");
  return more != nullptr ? std::atoi(more) : 3000;
}

void run(std::uint64_t seed) {
  fmt::print("seed {}\n", seed);
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Stress stress(seed);
  stress.run(commands_wanted());
  testing::Test::RecordProperty("commands", stress.done());
}

TEST(ImapStress, FixedSeed) { run(20'261'122); }
TEST(ImapStress, RandomSeed) {
  const char* given = std::getenv("PABAL_SEED");
  run(given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}());
}

}  // namespace
}  // namespace pabal::server::imap
