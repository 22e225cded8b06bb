// CONTEXT=SEARCH and CONTEXT=SORT (RFC 5267 §4): the situations of its examples, several sessions on one mailbox, and a
// client that keeps its results by what it is told beside one that asks anew.
#include "server/imap/contexts.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "server/imap/live_world.hpp"

namespace pabal::server::imap {
namespace {

class ImapContexts : public ::testing::Test {
 protected:
  LiveWorld mail;

  void letter(std::string_view subject) { mail.world.deliver(fmt::format("Subject: {}\r\n\r\nbody\r\n", subject)); }
  void letters(int count) {
    for (int i = 0; i < count; ++i) letter(fmt::format("{}", i + 1));
  }
};

// §4.2, §4.3, §4.3.1 to §4.3.5.
TEST_F(ImapContexts, ResultsFollowFlags) {
  letters(4);
  const auto a = mail.begin();
  EXPECT_EQ(mail.say(a, "a1 SEARCH RETURN (CONTEXT COUNT) UNDELETED"),
            "* ESEARCH (TAG \"a1\") COUNT 4\r\na1 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "a2 SEARCH RETURN (CONTEXT) UNDELETED"), "* ESEARCH (TAG \"a2\") ALL 1:4\r\na2 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "b1 UID SEARCH RETURN (UPDATE COUNT) DELETED KEYWORD $Junk"),
            "* ESEARCH (TAG \"b1\") UID COUNT 0\r\nb1 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "b2 SEARCH RETURN (UPDATE) UNSEEN"), "* ESEARCH (TAG \"b2\")\r\nb2 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "b1 SEARCH RETURN (UPDATE COUNT) ALL"), "b1 BAD The tag is in use.\r\n");
  EXPECT_EQ(mail.say(a, "b1 SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL"), "b1 BAD The tag is in use.\r\n");
  EXPECT_EQ(mail.say(a, "b1 ESEARCH RETURN (UPDATE COUNT) ALL"), "b1 BAD The tag is in use.\r\n");
  EXPECT_EQ(mail.say(a, "b3 STORE 2:3 +FLAGS.SILENT (\\Deleted $Junk)"),
            "* ESEARCH (TAG \"b1\") UID ADDTO (0 2:3)\r\nb3 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "b4 STORE 3 -FLAGS ($Junk)"),
            "* 3 FETCH (FLAGS (\\Deleted \\Recent))\r\n* ESEARCH (TAG \"b1\") UID REMOVEFROM (0 3)\r\nb4 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "b5 STORE 1 FLAGS (\\Seen)"),
            "* 1 FETCH (FLAGS (\\Seen \\Recent))\r\n* ESEARCH (TAG \"b2\") REMOVEFROM (0 1)\r\nb5 OK Done.\r\n");
  // What leaves a result goes before the numbers move.
  EXPECT_EQ(
      mail.say(a, "b6 EXPUNGE"),
      "* ESEARCH (TAG \"b1\") UID REMOVEFROM (0 2)\r\n* ESEARCH (TAG \"b2\") REMOVEFROM (0 2:3)\r\n* 3 EXPUNGE\r\n"
      "* 2 EXPUNGE\r\nb6 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "b7 CANCELUPDATE \"b1\" \"nobody\""), "b7 NO There is no such result.\r\n");
  EXPECT_EQ(mail.say(a, "b8 CANCELUPDATE \"b2\""), "b8 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "b9 CANCELUPDATE \"b2\""), "b9 NO There is no such result.\r\n");
  EXPECT_EQ(mail.say(a, "c1 STORE 1 -FLAGS.SILENT (\\Seen)"), "c1 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "c2 STORE 1 +FLAGS.SILENT (\\Deleted $Junk)"),
            "* ESEARCH (TAG \"b1\") UID ADDTO (0 1)\r\nc2 OK Done.\r\n");
  // They are of the open mailbox.
  EXPECT_NE(mail.say(a, "c3 SELECT INBOX").find("c3 OK"), std::string::npos);
  EXPECT_EQ(mail.say(a, "c4 STORE 1 -FLAGS.SILENT (\\Deleted)"), "c4 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "c5 CANCELUPDATE \"b1\""), "c5 NO There is no such result.\r\n");
  EXPECT_EQ(mail.say(a, "c6 UNSELECT"), "c6 OK Closed.\r\n");
  EXPECT_EQ(mail.say(a, "c7 CANCELUPDATE \"b1\""), "c7 BAD no mailbox is selected\r\n");
}

TEST_F(ImapContexts, OthersChangesAndArrivals) {
  letters(3);
  const auto a = mail.begin("e ENABLE IMAP4rev2");
  const auto b = mail.begin();
  EXPECT_EQ(mail.say(a, "a1 SEARCH RETURN (UPDATE ALL) UNSEEN"), "* ESEARCH (TAG \"a1\") ALL 1:3\r\na1 OK Done.\r\n");
  static_cast<void>(mail.say(b, "x STORE 1 +FLAGS.SILENT (\\Deleted)"));
  static_cast<void>(mail.say(b, "x STORE 2 +FLAGS.SILENT (\\Seen)"));
  static_cast<void>(mail.say(b, "x EXPUNGE"));
  letter("new");
  // Numbers stay while a FETCH is answered, and so the removal waits; the result has lost it all the same.
  EXPECT_EQ(
      mail.say(a, "a2 FETCH 3 UID"),
      "* 3 FETCH (UID 3)\r\n* ESEARCH (TAG \"a1\") REMOVEFROM (0 1)\r\n* 4 EXISTS\r\n* 2 FETCH (FLAGS (\\Seen))\r\n"
      "* ESEARCH (TAG \"a1\") REMOVEFROM (0 2)\r\n* ESEARCH (TAG \"a1\") ADDTO (0 4)\r\na2 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "a3 NOOP"), "* 1 EXPUNGE\r\na3 OK Done.\r\n");
  // In IDLE.
  mail.send(a, "a4 IDLE");
  static_cast<void>(mail.hear_until(a, "+ idling\r\n"));
  static_cast<void>(mail.say(b, "x UID STORE 3 +FLAGS.SILENT (\\Seen)"));
  EXPECT_EQ(mail.hear_until(a, "REMOVEFROM (0 2)\r\n"),
            "* 2 FETCH (FLAGS (\\Seen))\r\n* ESEARCH (TAG \"a1\") REMOVEFROM (0 2)\r\n");
  letter("newer");
  EXPECT_EQ(mail.hear_until(a, "ADDTO (0 4)\r\n"), "* 4 EXISTS\r\n* ESEARCH (TAG \"a1\") ADDTO (0 4)\r\n");
  mail.send(a, "DONE");
  EXPECT_EQ(mail.hear_until(a, "a4 OK Done.\r\n"), "a4 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "a5 SEARCH RETURN (ALL) UNSEEN"), "* ESEARCH (TAG \"a5\") ALL 3:4\r\na5 OK Done.\r\n");
}

// COMPARATOR is about searches that come; a result keeps what it was made by, and so do its places in a SORT.
TEST_F(ImapContexts, TextsAreComparedAsTheyWere) {
  letter("b one");
  letter("D one");
  const auto a = mail.begin();
  EXPECT_EQ(mail.say(a, "a1 SEARCH RETURN (UPDATE COUNT) SUBJECT ONE"),
            "* ESEARCH (TAG \"a1\") COUNT 2\r\na1 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "a2 SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 SUBJECT ONE"),
            "* ESEARCH (TAG \"a2\") ALL 1:2\r\na2 OK Done.\r\n");
  static_cast<void>(mail.say(a, "a3 COMPARATOR i;octet"));
  letter("C one");
  const auto out = mail.say(a, "a4 NOOP");
  EXPECT_NE(out.find("* ESEARCH (TAG \"a1\") ADDTO (0 3)\r\n* ESEARCH (TAG \"a2\") ADDTO (2 3)\r\n"), std::string::npos)
      << out;
}

// What a program names by number, "*" and "$" is what it was.
TEST_F(ImapContexts, NumbersMeanWhatTheyMeant) {
  letters(4);
  const auto a = mail.begin("e ENABLE IMAP4rev2");
  static_cast<void>(mail.say(a, "a0 SEARCH RETURN (SAVE) 2"));
  static_cast<void>(mail.say(a, "a1 SEARCH RETURN (UPDATE) 3:* SEEN"));
  static_cast<void>(mail.say(a, "a2 UID SEARCH RETURN (UPDATE) UID 4:* SEEN"));
  static_cast<void>(mail.say(a, "a3 SEARCH RETURN (UPDATE) $ SEEN"));
  static_cast<void>(mail.say(a, "a4 SEARCH RETURN (UPDATE) 9 SEEN"));
  static_cast<void>(mail.say(a, "b1 STORE 1 +FLAGS.SILENT (\\Deleted)"));
  static_cast<void>(mail.say(a, "b2 EXPUNGE"));
  letter("5");
  EXPECT_EQ(mail.say(a, "b3 NOOP"), "* 4 EXISTS\r\nb3 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "b4 STORE 1:* +FLAGS.SILENT (\\Seen)"),
            "* ESEARCH (TAG \"a1\") ADDTO (0 2:3)\r\n* ESEARCH (TAG \"a2\") UID ADDTO (0 4)\r\n"
            "* ESEARCH (TAG \"a3\") ADDTO (0 1)\r\nb4 OK Done.\r\n");
}

TEST_F(ImapContexts, SortedResultsHavePlaces) {
  for (const auto* subject : {"m", "c", "x", "g"}) letter(subject);
  const auto a = mail.begin("e ENABLE IMAP4rev2");
  const auto b = mail.begin();
  EXPECT_EQ(mail.say(a, "a1 UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 UNSEEN"),
            "* ESEARCH (TAG \"a1\") UID ALL 2,4,1,3\r\na1 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "a2 SORT RETURN (UPDATE PARTIAL 1:2) (REVERSE SIZE SUBJECT) UTF-8 ALL"),
            "* ESEARCH (TAG \"a2\") PARTIAL (1:2 2,4)\r\na2 OK Done.\r\n");
  // d goes behind c, h and i behind g, z to the end.
  for (const auto* subject : {"z", "i", "d", "h"}) letter(subject);
  EXPECT_EQ(mail.say(a, "a3 NOOP"),
            "* 8 EXISTS\r\n* ESEARCH (TAG \"a1\") UID ADDTO (2 7 4 8,6 8 5)\r\n"
            "* ESEARCH (TAG \"a2\") ADDTO (2 7 4 8,6 8 5)\r\na3 OK Done.\r\n");
  // Now 2,7,4,8,6,1,3,5.
  static_cast<void>(mail.say(b, "x NOOP"));
  static_cast<void>(mail.say(b, "x UID STORE 2,4,8,5 +FLAGS.SILENT (\\Seen)"));
  const auto out = mail.say(a, "a4 NOOP");
  EXPECT_NE(out.find("* ESEARCH (TAG \"a1\") UID REMOVEFROM (1 2 2 4,8 5 5)\r\n"), std::string::npos) << out;
  // Several at one place, and equal keys by their UIDs.
  static_cast<void>(mail.say(b, "x UID STORE 5,2,4,8 -FLAGS.SILENT (\\Seen)"));
  letter("m");
  letter("g");
  const auto back = mail.say(a, "a5 NOOP");
  EXPECT_NE(back.find("* ESEARCH (TAG \"a1\") UID ADDTO (1 2 3 4,10,8 8 9 10 5)\r\n"), std::string::npos) << back;
  static_cast<void>(mail.say(b, "x UID STORE 1:6 +FLAGS.SILENT (\\Deleted)"));
  static_cast<void>(mail.say(b, "x EXPUNGE"));
  const auto gone = mail.say(a, "a6 NOOP");
  EXPECT_NE(gone.find("* ESEARCH (TAG \"a1\") UID REMOVEFROM (1 2 2 4 4 6,1 5 3,5)\r\n"), std::string::npos) << gone;
  EXPECT_EQ(mail.say(a, "a7 UID SORT RETURN (ALL) (SUBJECT) UTF-8 UNSEEN"),
            "* ESEARCH (TAG \"a7\") UID ALL 7,10,8:9\r\na7 OK Done.\r\n");
}

// §4.3.1.
TEST_F(ImapContexts, TooManyAreRefused) {
  letters(1);
  const auto a = mail.begin();
  for (std::size_t i = 0; i < kMostContexts; ++i) {
    EXPECT_EQ(mail.say(a, fmt::format("t{} SEARCH RETURN (UPDATE COUNT) SEEN", i)),
              fmt::format("* ESEARCH (TAG \"t{0}\") COUNT 0\r\nt{0} OK Done.\r\n", i));
  }
  EXPECT_EQ(mail.say(a, "b2 UID SORT RETURN (UPDATE COUNT) (DATE) UTF-8 SEEN"),
            "* ESEARCH (TAG \"b2\") UID COUNT 0\r\n* NO [NOUPDATE \"b2\"] Too many results are kept up to date.\r\n"
            "b2 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "b3 CANCELUPDATE \"t3\" \"t4\""), "b3 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "b4 SEARCH RETURN (UPDATE) ALL"), "* ESEARCH (TAG \"b4\")\r\nb4 OK Done.\r\n");
  // The clock is no change that anybody tells.
  EXPECT_EQ(mail.say(a, "b5 SEARCH RETURN (UPDATE) NOT YOUNGER 60"),
            "* ESEARCH (TAG \"b5\")\r\n* NO [NOUPDATE \"b5\"] What the clock changes is not told.\r\nb5 OK Done.\r\n");
  // Programs count.
  std::string text(20'000, 'x');
  std::string out;
  const auto c = mail.begin();
  const std::string big = fmt::format("OR SUBJECT {} (", text);
  std::string keys;
  for (int i = 0; i < 8'000; ++i) keys += "SEEN ";
  keys.back() = ')';
  for (int i = 0; i < 8; ++i) out += mail.say(c, fmt::format("t{} SEARCH RETURN (UPDATE) {}{}", i, big, keys));
  EXPECT_NE(out.find("t0 OK Done."), std::string::npos);
  EXPECT_EQ(out.find("[NOUPDATE \"t0\"]"), std::string::npos);
  EXPECT_NE(out.find("[NOUPDATE \"t7\"]"), std::string::npos) << out;
}

// RFC 7377: with the mailbox's name; with QRESYNC removals have no numbers, and REMOVEFROM still comes first.
TEST_F(ImapContexts, BesideOtherExtensions) {
  letters(3);
  const auto a = mail.begin("e ENABLE QRESYNC");
  const auto out = mail.say(a, "a1 ESEARCH IN (selected) RETURN (UPDATE COUNT) UNDELETED");
  EXPECT_TRUE(out.ends_with(") UID COUNT 3\r\na1 OK Done.\r\n")) << out;
  const auto begin = out.substr(0, out.find(" COUNT"));
  EXPECT_TRUE(begin.starts_with("* ESEARCH (TAG \"a1\" MAILBOX INBOX UIDVALIDITY ")) << out;
  static_cast<void>(mail.say(a, "a2 SEARCH RETURN (UPDATE) ALL"));
  const auto marked = mail.say(a, "a3 STORE 2 +FLAGS.SILENT (\\Deleted)");
  EXPECT_NE(marked.find(begin + " REMOVEFROM (0 2)\r\n"), std::string::npos) << marked;
  const auto gone = mail.say(a, "a4 EXPUNGE");
  EXPECT_TRUE(gone.starts_with("* ESEARCH (TAG \"a2\") REMOVEFROM (0 2)\r\n* VANISHED 2\r\n")) << gone;
  EXPECT_EQ(mail.say(a, "a5 ESEARCH IN (personal) RETURN (UPDATE) ALL"), "a5 BAD Only for the open mailbox.\r\n");
  // RFC 9586: without numbers there is nothing to be said of a result in numbers.
  static_cast<void>(mail.say(a, "a6 ENABLE UIDONLY"));
  const auto unnumbered = mail.say(a, "a7 UID STORE 3 +FLAGS.SILENT (\\Deleted)");
  EXPECT_NE(unnumbered.find(begin + " REMOVEFROM (0 3)\r\n"), std::string::npos) << unnumbered;
  EXPECT_EQ(mail.say(a, "a8 UID EXPUNGE 3").find("TAG \"a2\""), std::string::npos);
}

// A client that does what it is told has what it would get by asking.
class Kept {
 public:
  Kept(std::string tag, bool sorted) : tag_(std::move(tag)), sorted_(sorted) {}
  std::vector<std::uint32_t> uids;

  void take(const std::string& out) {
    const std::string begin = fmt::format("* ESEARCH (TAG \"{}\") UID", tag_);
    for (auto at = out.find(begin); at != std::string::npos; at = out.find(begin, at + 1)) {
      const auto line = out.substr(at + begin.size(), out.find("\r\n", at) - at - begin.size());
      if (line.starts_with(" ALL ")) {
        uids = list(line.substr(5));
      } else {
        items(line);
      }
    }
  }

 private:
  static std::vector<std::uint32_t> list(const std::string& text) {
    std::vector<std::uint32_t> out;
    std::size_t at = 0;
    while (at < text.size()) {
      std::size_t used = 0;
      const auto first = std::stoul(text.substr(at), &used);
      at += used;
      auto last = first;
      if (at < text.size() && text[at] == ':') {
        last = std::stoul(text.substr(at + 1), &used);
        at += used + 1;
      }
      for (auto uid = first; uid <= last; ++uid) out.push_back(static_cast<std::uint32_t>(uid));
      ++at;
    }
    return out;
  }
  void items(const std::string& line) {
    for (std::size_t at = 0; at < line.size();) {
      const auto open = line.find('(', at);
      const auto close = line.find(')', open);
      const bool adds = line.substr(at, open - at) == " ADDTO ";
      EXPECT_TRUE(adds || line.substr(at, open - at) == " REMOVEFROM ") << line;
      std::vector<std::string> words;
      for (auto from = open + 1; from <= close;) {
        const auto end = std::min(line.find(' ', from), close);
        words.push_back(line.substr(from, end - from));
        from = end + 1;
      }
      ASSERT_EQ(words.size() % 2, 0U) << line;
      for (std::size_t i = 0; i < words.size(); i += 2) apply(adds, std::stoul(words[i]), list(words[i + 1]));
      at = close + 1;
    }
  }
  void apply(bool adds, std::size_t position, const std::vector<std::uint32_t>& some) {
    EXPECT_EQ(position == 0, !sorted_);
    if (position == 0) {
      for (const auto uid : some) {
        const auto place = std::ranges::lower_bound(uids, uid);
        const bool there = place != uids.end() && *place == uid;
        EXPECT_EQ(there, !adds) << uid;
        if (adds) {
          uids.insert(place, uid);
        } else if (there) {
          uids.erase(place);
        }
      }
      return;
    }
    const auto place = static_cast<std::ptrdiff_t>(position - 1);
    if (adds) {
      ASSERT_LE(position - 1, uids.size());
      uids.insert(uids.begin() + place, some.begin(), some.end());
      return;
    }
    ASSERT_LE(position - 1 + some.size(), uids.size());
    EXPECT_TRUE(std::equal(some.begin(), some.end(), uids.begin() + place));
    uids.erase(uids.begin() + place, uids.begin() + place + static_cast<std::ptrdiff_t>(some.size()));
  }

  std::string tag_;
  bool sorted_;
};

TEST_F(ImapContexts, WhatIsToldIsWhatASearchGives) {
  const struct {
    std::string tag;
    std::string command;
  } kinds[] = {{"k0", "UID SEARCH RETURN ({}ALL) UNSEEN"},
               {"k1", "UID SEARCH RETURN ({}ALL) OR SUBJECT 1 FLAGGED"},
               {"k2", "UID SORT RETURN ({}ALL) (REVERSE SUBJECT) UTF-8 UNSEEN"},
               {"k3", "UID SORT RETURN ({}ALL) (SIZE SUBJECT) UTF-8 NOT FLAGGED"}};
  letters(12);
  const auto a = mail.begin();
  const auto b = mail.begin();
  std::vector<Kept> kept;
  for (const auto& kind : kinds) {
    kept.emplace_back(kind.tag, kind.command.starts_with("UID SORT"));
    kept.back().take(mail.say(a, kind.tag + " " + fmt::format(fmt::runtime(kind.command), "UPDATE ")));
  }
  SeededRandom random(7);
  const char* const flags[] = {"\\Seen", "\\Flagged", "\\Deleted", "(\\Seen \\Flagged)"};
  for (int step = 0; step < 120; ++step) {
    for (auto many = 1 + random.below(4); many > 0; --many) {
      const auto who = random.below(3) == 0 ? a : b;
      std::string out;
      const auto what = random.below(8);
      if (what == 0) {
        letter(fmt::format("{}", random.below(40)));
      } else if (what == 1) {
        out = mail.say(who, "x EXPUNGE");
      } else if (what == 2) {
        out = mail.say(who, "x COPY 1:2 INBOX");
        out += mail.say(who, "x STORE 1:9 +FLAGS.SILENT (\\Deleted)");
      } else {
        const auto first = 1 + random.below(60);
        out = mail.say(who, fmt::format("x UID STORE {}:{} {}FLAGS{} {}", first, first + random.below(6),
                                        random.below(2) == 0 ? "+" : "-", random.below(2) == 0 ? ".SILENT" : "",
                                        flags[random.below(4)]));
      }
      if (who != a) continue;
      for (auto& one : kept) one.take(out);
    }
    const auto out = mail.say(a, random.below(3) == 0 ? "x FETCH * FLAGS" : "x NOOP");
    for (auto& one : kept) one.take(out);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      Kept fresh("q", false);
      const auto answer = mail.say(a, "q " + fmt::format(fmt::runtime(kinds[i].command), ""));
      for (auto& one : kept) one.take(answer);
      fresh.take(answer);
      ASSERT_EQ(kept[i].uids, fresh.uids) << "step " << step << ": " << kinds[i].command;
    }
  }
}

}  // namespace
}  // namespace pabal::server::imap
