// What clients of the stress test hear without asking (NOTIFY, RFC 5465), and results that are kept up to date (RFC
// 5267): after each step all of them must come to know what the model knows, and those that asked for less no more.
#pragma once
#include "server/imap/stress_world.hpp"

namespace pabal::server::imap {

class StressListener : public StressWorld {
 protected:
  using StressWorld::StressWorld;

  void notify(Client& client, Desk& desk) {
    static constexpr std::array kOfSelected = {"(selected (MessageNew (UID FLAGS) MessageExpunge FlagChange))",
                                               "(selected-delayed (MessageNew (UID FLAGS) MessageExpunge FlagChange))",
                                               "(selected (MessageNew MessageExpunge))",
                                               "(selected-delayed (MessageNew (UID) MessageExpunge))", ""};
    const auto which = pick(kOfSelected.size() + 1);
    Hearing hearing{.unasked = true, .messages = false, .flags = false};
    std::string words = "NOTIFY NONE";
    bool status = false;
    if (which < kOfSelected.size()) {
      const std::string_view selected = kOfSelected[which];
      hearing.messages = !selected.empty();
      hearing.flags = selected.contains("FlagChange");
      hearing.delayed = selected.contains("delayed");
      hearing.others = selected.empty() || pick(3) != 0;
      hearing.modseqs = hearing.others && pick(2) == 0;
      status = hearing.others && pick(2) == 0;
      words = fmt::format(
          "NOTIFY SET{} {}{}{}", status ? " STATUS" : "", selected, hearing.others && !selected.empty() ? " " : "",
          hearing.others ? fmt::format("(personal (MessageNew MessageExpunge{}))", hearing.modseqs ? " FlagChange" : "")
                         : "");
    }
    // Until now nothing else was wanted: the answer tells all of the open mailbox.
    client.listens = client.learns_in_order = true;
    command(client, desk, words, false);
    desk.hearing = hearing;
    if (!status) {
      for (const auto& mailbox : mailboxes_) take_status(client, mailbox);
    }
    learn_flags(client, desk);
  }

  // Who hears of every change of flags begins with all flags.
  void learn_flags(Client& client, Desk& desk) {
    if (desk.mailbox == nullptr || !desk.hearing.unasked || !desk.hearing.is_complete()) return;
    command(client, desk, "UID FETCH 1:* (UID FLAGS)", false);
  }
  // Who doesn't knows those alone that the next answer tells.
  static void forget_flags(Client& client, const Desk& desk) {
    if (!desk.hearing.messages || desk.hearing.flags) return;
    for (auto& known : client.view) known.flags.reset();
  }
  // A client that leaves its mailbox knows how it stands.
  static void take_status(Client& client, const StressMailbox& mailbox) {
    client.statuses[mailbox.name] = {
        {"MESSAGES", mailbox.letters.size()}, {"UIDNEXT", mailbox.uid_next}, {"HIGHESTMODSEQ", mailbox.modseq}};
  }

  void keep_search(Client& client, Desk& desk) {
    if (client.results.size() == 3) {
      const auto tag = client.results.begin()->first;
      client.results.erase(tag);
      desk.searches.erase(tag);
      command(client, desk, fmt::format("CANCELUPDATE \"{}\"", tag), false);
      return;
    }
    const auto key = some_key(client, desk, 0, false);
    client.send("UID SEARCH RETURN (ALL UPDATE) " + key.text);
    const auto& tag = client.tag();
    client.results[tag] = {};
    desk.searches[tag] = [holds = key.holds](const StressLetter& letter) { return holds(0, letter); };
    wait(client);
    EXPECT_EQ(settle(client, desk, false).status, "OK") << key.text;
  }
  static void forget_searches(Client& client, Desk& desk) {
    client.results.clear();
    desk.searches.clear();
  }

  // IDLE's "+" comes before what is told with it, which may come in several pieces.
  void hear_all(Client& client, Desk& desk) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (desk.mailbox != nullptr && desk.hearing.messages && std::chrono::steady_clock::now() < until) {
      static_cast<void>(client.read(false, false));
      if (has_heard(client, desk)) return;
      io_.run_one_for(std::chrono::seconds(1));
    }
  }

  void listen_all() {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      auto& desk = desks_[i];
      if (!desk.connected || !desk.hearing.unasked) continue;
      SCOPED_TRACE(fmt::format("what client {} hears", i));
      auto& client = *clients_[i];
      listen(client, desk);
    }
  }

 private:
  static bool has_heard(Client& client, const Desk& desk) {
    const auto& letters = desk.mailbox->letters;
    if (!learn_arrived(client, desk)) return false;
    const bool same = std::ranges::all_of(client.view, [&](const auto& known) {
      const auto found = letters.find(known.uid);
      return found != letters.end() && (!known.flags || *known.flags == found->second.flags);
    });
    return same && results_are_right(client, desk);
  }

  void listen(Client& client, Desk& desk) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (true) {
      const auto before = client.view.size();
      const auto said = client.read(desk.hearing.delayed && !client.idling, false);
      if (desk.mailbox != nullptr && !desk.hearing.messages) {
        EXPECT_TRUE(client.view.size() == before && !said.expunged && said.fetched.empty());
      }
      for (const auto& one : said.fetched) EXPECT_TRUE(desk.hearing.flags || !one.flags);
      const auto untold = what_is_untold(client, desk);
      if (untold.empty() || testing::Test::HasFailure()) return;
      if (std::chrono::steady_clock::now() > until) {
        ADD_FAILURE() << untold << "\n" << client.trace;
        return;
      }
      io_.run_one_for(std::chrono::seconds(1));
    }
  }

  // Nothing: all that it wants to hear was told.
  std::string what_is_untold(Client& client, Desk& desk) {
    if (desk.mailbox != nullptr && desk.hearing.messages) {
      const auto& letters = desk.mailbox->letters;
      if (!learn_arrived(client, desk)) return "arrivals";
      if (!letters.empty()) desk.told = std::max(desk.told, letters.rbegin()->first);
      std::size_t here = 0;
      for (const auto& known : client.view) {
        const auto found = letters.find(known.uid);
        if (found == letters.end()) {
          if (!desk.hearing.delayed || client.idling) return fmt::format("uid {} is gone", known.uid);
          continue;
        }
        ++here;
        if (!desk.hearing.flags) continue;
        if (!known.flags || *known.flags != found->second.flags) return fmt::format("flags of uid {}", known.uid);
      }
      EXPECT_EQ(here, letters.size());
      if (!results_are_right(client, desk)) return "a result";
    }
    if (!desk.hearing.others) return {};
    for (const auto& mailbox : mailboxes_) {
      if (&mailbox == desk.mailbox) continue;
      auto& told = client.statuses[mailbox.name];
      if (told["MESSAGES"] != mailbox.letters.size() || told["UIDNEXT"] != mailbox.uid_next ||
          (desk.hearing.modseqs && told["HIGHESTMODSEQ"] != mailbox.modseq)) {
        return "the status of " + mailbox.name;
      }
    }
    return {};
  }
};

}  // namespace pabal::server::imap
