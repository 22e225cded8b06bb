// URLAUTH (RFC 4467), URLAUTH=BINARY (RFC 5524), URL-PARTIAL (RFC 5550): the situations of their examples, and whatever
// an authorization could be stretched by.
#include "server/imap/url_auth.hpp"

#include <gtest/gtest.h>

#include "server/imap/live_world.hpp"
#include "server/imap/session_world.hpp"
#include "server/imap/url_token.hpp"

namespace pabal::server::imap {
namespace {

using namespace std::string_literals;

constexpr std::string_view kMail =
    "Subject: peace\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
    "boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b\r\n"
    "Content-Type: text/plain\r\n\r\nSi vis pacem, para bellum.\r\n\r\n--b\r\nContent-Type: image/png\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b\r\nContent-Type: x/y\r\nContent-Transfer-Encoding: "
    "x-odd\r\n\r\nzz\r\n--b--\r\n";

// Alice's session and Bob's, one after the other, as text.
class ImapUrlAuth : public ::testing::Test {
 protected:
  SessionWorld c;

  void SetUp() override { c.world.deliver(kMail); }
  std::string alice(const std::string& commands) { return c.say(commands); }
  std::string bob(const std::string& commands) {
    auto out = c.run("l LOGIN bob@seoul.example demo\r\n" + commands);
    out.erase(0, out.find("\r\n", out.find("\r\nl OK") + 2) + 2);
    return out;
  }
  static std::string url(std::string_view rest) {
    return fmt::format("imap://alice%40seoul.example@mail.seoul.example/INBOX/;UID=1{}", rest);
  }
  // Authorized by Alice; nothing where it was refused.
  std::string authorize(const std::string& rump) {
    const auto out = alice(fmt::format("a GENURLAUTH \"{}\" INTERNAL\r\n", rump));
    const auto begin = out.find('"') + 1;
    if (!out.starts_with("* GENURLAUTH \"") || !out.ends_with("\r\na OK Done.\r\n")) return {};
    return out.substr(begin, out.find('"', begin) - begin);
  }
  // What a session hears of a URL: the octets, or NIL.
  static std::string data(const std::string& out, const std::string& url) {
    const auto begin = fmt::format("* URLFETCH \"{}\" ", url);
    const std::string end = "\r\na OK Done.\r\n";
    if (!out.starts_with(begin) || !out.ends_with(end)) return out;
    return out.substr(begin.size(), out.size() - begin.size() - end.size());
  }
  std::string to_bob(const std::string& url) { return data(bob(fmt::format("a URLFETCH \"{}\"\r\n", url)), url); }
  std::string to_alice(const std::string& url) { return data(alice(fmt::format("a URLFETCH \"{}\"\r\n", url)), url); }
};

TEST_F(ImapUrlAuth, IsMadeAndFetched) {
  EXPECT_NE(alice("a CAPABILITY\r\n").find(" URLAUTH URLAUTH=BINARY URL-PARTIAL "), std::string::npos);
  const auto rump = url("/;SECTION=2;URLAUTH=user+bob%40seoul.example");
  const auto whole = authorize(rump);
  EXPECT_TRUE(whole.starts_with(rump + ":internal:01")) << whole;
  EXPECT_EQ(whole.size(), rump.size() + 10 + 66);
  EXPECT_EQ(to_bob(whole), "{28}\r\nSi vis pacem, para bellum.\r\n");
  // For Bob alone.
  EXPECT_EQ(to_alice(whole), "NIL");
  // The same URL has the same token; several in one command; and with a mailbox open, which nothing is done to.
  EXPECT_EQ(authorize(rump), whole);
  const auto other = authorize(url(";URLAUTH=anonymous"));
  const auto out = bob(fmt::format("s SELECT INBOX\r\na URLFETCH \"{}\" nonsense \"{}\"\r\n", whole, other));
  EXPECT_NE(out.find(fmt::format(
                "* URLFETCH \"{}\" {{28}}\r\nSi vis pacem, para bellum.\r\n\r\n* URLFETCH \"nonsense\" NIL\r\n"
                "* URLFETCH \"{}\" {{",
                whole, other)),
            std::string::npos)
      << out;
  EXPECT_NE(alice("s SELECT INBOX\r\nf FETCH 1 FLAGS\r\n").find("* 1 FETCH (FLAGS (\\Recent))"), std::string::npos);
}

TEST_F(ImapUrlAuth, WhoIsMeant) {
  const auto for_all = authorize(url("/;SECTION=1;URLAUTH=anonymous"));
  const auto for_users = authorize(url("/;SECTION=1;URLAUTH=authuser"));
  const auto for_alice = authorize(url("/;SECTION=1;URLAUTH=user+alice"));
  const auto to_submit = authorize(url("/;SECTION=1;URLAUTH=submit+alice%40seoul.example"));
  EXPECT_EQ(to_bob(for_all), "{5}\r\nfirst");
  EXPECT_EQ(to_bob(for_users), "{5}\r\nfirst");
  EXPECT_EQ(to_bob(for_alice), "NIL");
  EXPECT_EQ(to_alice(for_alice), "{5}\r\nfirst");
  EXPECT_EQ(to_bob(to_submit), "NIL");
  EXPECT_EQ(to_alice(to_submit), "NIL");
  c.limits.url_submitters = {"bob@seoul.example"};
  EXPECT_EQ(to_bob(to_submit), "{5}\r\nfirst");
  EXPECT_EQ(to_alice(to_submit), "NIL");
}

TEST_F(ImapUrlAuth, NothingIsStretched) {
  const auto whole = authorize(url("/;SECTION=1;EXPIRE=2999-01-01T00:00:00Z;URLAUTH=anonymous"));
  ASSERT_EQ(to_bob(whole), "{5}\r\nfirst");
  const auto with = [&](std::string_view part, std::string_view replacement) {
    auto text = whole;
    const auto at = text.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    return text.replace(at, part.size(), replacement);
  };
  EXPECT_EQ(to_bob(with("SECTION=1", "SECTION=2")), "NIL");
  EXPECT_EQ(to_bob(with("SECTION", "section")), "NIL");
  EXPECT_EQ(to_bob(with("/;SECTION=1", "")), "NIL");
  EXPECT_EQ(to_bob(with("2999", "2998")), "NIL");
  EXPECT_EQ(to_bob(with("UID=1", "UID=2")), "NIL");
  EXPECT_EQ(to_bob(with("anonymous", "authuser")), "NIL");
  EXPECT_EQ(to_bob(with("INBOX", "Drafts")), "NIL");
  EXPECT_EQ(to_bob(with("alice%40", "bob%40")), "NIL");
  EXPECT_EQ(to_bob(with("mail.seoul", "mail.busan")), "NIL");
  EXPECT_EQ(to_bob(with("internal", "XSAMPLE")), "NIL");
  // Every digit of the token counts, but not its case.
  const auto token = whole.rfind(':') + 1;
  for (auto at = token; at < whole.size(); ++at) {
    auto text = whole;
    text[at] = text[at] == '0' ? '1' : '0';
    ASSERT_EQ(to_bob(text), "NIL") << at - token;
  }
  EXPECT_EQ(to_bob(whole + "0"), "NIL");
  EXPECT_EQ(to_bob(whole.substr(0, whole.size() - 1)), "NIL");
  EXPECT_EQ(to_bob(whole.substr(0, token) + to_upper(whole.substr(token))), "{5}\r\nfirst");
  // Without a token nothing is given, to nobody.
  EXPECT_EQ(to_alice(url("/;SECTION=1;URLAUTH=anonymous")), "NIL");
  EXPECT_EQ(to_alice(url("/;SECTION=1")), "NIL");
  EXPECT_EQ(to_bob(authorize(url("/;SECTION=1;EXPIRE=2001-01-01T00:00:00Z;URLAUTH=anonymous"))), "NIL");
  EXPECT_EQ(to_bob(authorize(url("/;SECTION=9;URLAUTH=anonymous"))), "NIL");
  EXPECT_EQ(to_bob(authorize("imap://alice@mail.seoul.example/INBOX;UIDVALIDITY=1/;UID=1;URLAUTH=anonymous")), "NIL");
}

TEST_F(ImapUrlAuth, WhatCannotBeAuthorized) {
  const auto refused = [&](const std::string& rump, std::string_view mechanism = "INTERNAL") {
    return alice(fmt::format("a GENURLAUTH \"{}\" {}\r\n", rump, mechanism));
  };
  EXPECT_EQ(refused(url("")), "a BAD That is no URL to be authorized.\r\n");
  EXPECT_EQ(refused("nonsense"), "a BAD That is no URL to be authorized.\r\n");
  EXPECT_EQ(refused("imap://alice@mail.seoul.example/INBOX;URLAUTH=anonymous"),
            "a BAD That is no URL to be authorized.\r\n");
  EXPECT_EQ(refused(authorize(url(";URLAUTH=anonymous"))), "a BAD That is no URL to be authorized.\r\n");
  EXPECT_EQ(refused(url(";URLAUTH=anonymous"), "XSAMPLE"), "a BAD No such mechanism here.\r\n");
  EXPECT_EQ(refused("imap://alice@mail.busan.example/INBOX/;UID=1;URLAUTH=anonymous"),
            "a BAD That is another server's URL.\r\n");
  EXPECT_EQ(refused("imap://bob@mail.seoul.example/INBOX/;UID=1;URLAUTH=anonymous"),
            "a BAD That is another user's URL.\r\n");
  EXPECT_EQ(refused("imap://mail.seoul.example/INBOX/;UID=1;URLAUTH=anonymous"),
            "a BAD That is another user's URL.\r\n");
  EXPECT_EQ(refused("imap://alice@mail.seoul.example/Nowhere/;UID=1;URLAUTH=anonymous"),
            "a BAD The URL leads to nothing here.\r\n");
  EXPECT_EQ(c.run("a URLFETCH x\r\n").substr(c.run("").size()), "a BAD log in first\r\n");
}

TEST_F(ImapUrlAuth, KeysAreForgotten) {
  const auto in_inbox = url("/;SECTION=1;URLAUTH=anonymous");
  const std::string in_trash = "imap://alice@mail.seoul.example/Trash/;UID=1;URLAUTH=anonymous";
  EXPECT_NE(alice("s SELECT INBOX\r\na COPY 1 Trash\r\n").find("a OK [COPYUID"), std::string::npos);
  const auto first = authorize(in_inbox);
  const auto trashed = authorize(in_trash);
  EXPECT_EQ(alice("a RESETKEY INBOX\r\n"), "a OK [URLMECH INTERNAL] Done.\r\n");
  EXPECT_EQ(to_bob(first), "NIL");
  EXPECT_NE(to_bob(trashed), "NIL");
  const auto second = authorize(in_inbox);
  EXPECT_NE(second, first);
  EXPECT_EQ(to_bob(second), "{5}\r\nfirst");
  EXPECT_EQ(alice("a RESETKEY INBOX XSAMPLE\r\nb RESETKEY Nowhere\r\n"),
            "a OK [URLMECH INTERNAL] Done.\r\nb NO [NONEXISTENT] No such mailbox.\r\n");
  EXPECT_EQ(to_bob(second), "NIL");
  const auto third = authorize(in_inbox);
  // They are nobody's entries, and survive a restart.
  c.world.reopen();
  EXPECT_EQ(to_bob(third), "{5}\r\nfirst");
  const auto place = store::StoreWorld::alice();
  const auto inbox = run_blocking(c.world.store->find_mailbox(place, "INBOX"));
  EXPECT_TRUE(run_blocking(c.world.store->annotations(place, inbox->id, place.account)).value().empty());
  EXPECT_EQ(alice("a RESETKEY\r\n"), "a OK Done.\r\n");
  EXPECT_EQ(to_bob(third), "NIL");
  EXPECT_EQ(to_bob(trashed), "NIL");
  EXPECT_TRUE(c.world.store->check().value().empty());
  EXPECT_NE(alice("a DELETE Trash\r\n").find("a OK"), std::string::npos);
  EXPECT_TRUE(c.world.store->check().value().empty());
}

// RFC 5524 §4.
TEST_F(ImapUrlAuth, ExtendedForm) {
  const auto ask = [&](std::string_view rest, std::string_view items) {
    const auto whole = authorize(url(fmt::format("{};URLAUTH=anonymous", rest)));
    EXPECT_FALSE(whole.empty());
    return data(bob(fmt::format("a URLFETCH (\"{}\" {})\r\n", whole, items)), whole);
  };
  EXPECT_EQ(
      ask("/;SECTION=3", "BODYPARTSTRUCTURE BINARY"),
      "(BODYPARTSTRUCTURE (\"image\" \"png\" NIL NIL NIL \"BINARY\" 3 NIL NIL NIL NIL)) (BINARY ~{3}\r\n\0\1\2)"s);
  EXPECT_EQ(ask("/;SECTION=3", "BODYPARTSTRUCTURE BODY"),
            "(BODYPARTSTRUCTURE (\"image\" \"png\" NIL NIL NIL \"base64\" 4 NIL NIL NIL NIL)) (BODY {4}\r\nAAEC)");
  EXPECT_EQ(ask("/;SECTION=2", "BINARY"), "(BINARY {28}\r\nSi vis pacem, para bellum.\r\n)");
  EXPECT_EQ(ask("/;SECTION=2/;PARTIAL=3.3", "BINARY"), "(BINARY {3}\r\nvis)");
  EXPECT_EQ(ask("/;SECTION=2/;PARTIAL=3.3", "BODY"), "(BODY {3}\r\nvis)");
  EXPECT_EQ(ask("/;SECTION=4", "BINARY"), "(BINARY NIL)");
  EXPECT_EQ(ask("/;SECTION=4", "BODY"), "(BODY {2}\r\nzz)");
  EXPECT_EQ(ask("/;SECTION=9", "BODY"), "NIL");
  EXPECT_EQ(ask("/;SECTION=HEADER.FIELDS%20(Subject)", "BODY"), "(BODY {18}\r\nSubject: peace\r\n\r\n)");
  EXPECT_EQ(ask("/;SECTION=HEADER.FIELDS%20(Subject)", "BODYPARTSTRUCTURE BODY"),
            "(BODYPARTSTRUCTURE NIL) (BODY {18}\r\nSubject: peace\r\n\r\n)");
  EXPECT_EQ(ask("/;SECTION=HEADER", "BODYPARTSTRUCTURE"), "(BODYPARTSTRUCTURE NIL)");
  EXPECT_EQ(ask("/;SECTION=HEADER.FIELDS%20(Subject)", "BINARY"), "(BINARY {18}\r\nSubject: peace\r\n\r\n)");
  EXPECT_EQ(ask("/;SECTION=HEADER.FIELDS%20(Subject)/;PARTIAL=0.7", "BINARY"), "(BINARY {7}\r\nSubject)");
  const auto whole = authorize(url(";URLAUTH=anonymous"));
  EXPECT_EQ(bob(fmt::format("a URLFETCH (\"{}\" BINARY BODY)\r\n", whole)),
            "a BAD BINARY and BODY exclude each other.\r\n");
  const auto plain = data(bob(fmt::format("a URLFETCH (\"{}\")\r\n", whole)), whole);
  EXPECT_EQ(plain, fmt::format("{{{}}}\r\nX: y\r\n{}", kMail.size() + 6, kMail));
}

// The host may be the user's mail domain, with or without it in his name; others' domains lead nowhere.
TEST_F(ImapUrlAuth, NamesByTheMailDomain) {
  for (const std::string_view user : {"alice@seoul.example", "alice%40seoul.example@seoul.example"}) {
    const auto whole = authorize(fmt::format("imap://{}/INBOX/;UID=1/;SECTION=1;URLAUTH=user+bob@seoul.example", user));
    EXPECT_EQ(to_bob(whole), "{5}\r\nfirst") << user;
    EXPECT_EQ(to_alice(whole), "NIL");
  }
  for (const std::string_view user : {"alice@busan.example", "alice%40busan.example@busan.example",
                                      "alice%40seoul.example@busan.example", "bob@seoul.example"}) {
    EXPECT_EQ(authorize(fmt::format("imap://{}/INBOX/;UID=1;URLAUTH=anonymous", user)), "") << user;
  }
  const auto append = [&](std::string_view user) {
    return alice(fmt::format("a APPEND INBOX CATENATE (URL \"imap://{}/INBOX/;UID=1\")\r\n", user));
  };
  EXPECT_NE(append("alice@seoul.example").find("a OK [APPENDUID"), std::string::npos);
  EXPECT_NE(append("bob@seoul.example").find("a NO [BADURL"), std::string::npos);
}

// What is sent without its transfer encoding has the one that its octets need.
TEST_F(ImapUrlAuth, StructureOfWhatIsSent) {
  c.world.deliver(
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: "
      "base64\r\n\r\naGVsbG8NCndvcmxk\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n--b--\r\n");
  const auto ask = [&](int section) {
    const auto whole =
        authorize(fmt::format("imap://alice@seoul.example/INBOX/;UID=2/;SECTION={};URLAUTH=anonymous", section));
    return data(bob(fmt::format("a URLFETCH (\"{}\" BODYPARTSTRUCTURE BINARY)\r\n", whole)), whole);
  };
  EXPECT_EQ(ask(1),
            "(BODYPARTSTRUCTURE (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 12 0 NIL NIL NIL NIL)) "
            "(BINARY {12}\r\nhello\r\n"
            "world)");
  EXPECT_EQ(ask(2),
            "(BODYPARTSTRUCTURE (\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"8BIT\" 2 0 NIL NIL NIL NIL)) "
            "(BINARY {2}\r\n\xc3\xa9)");
}

// RFC 4469 §5: who was given a URL may put it into his own letter.
TEST_F(ImapUrlAuth, CatenateTakesThem) {
  EXPECT_TRUE(c.world.store->create_account({.account = AccountId{8}, .shard = ShardId{1}}, std::nullopt).has_value());
  const auto whole = authorize(url("/;SECTION=2;URLAUTH=user+bob"));
  const auto append = [&](const std::string& what) {
    return bob(
        fmt::format("a APPEND INBOX CATENATE (TEXT {{8+}}\r\nA: b\r\n\r\n URL \"{}\")\r\ns SELECT INBOX\r\n"
                    "f FETCH * BODY.PEEK[TEXT]\r\n",
                    what));
  };
  EXPECT_NE(append(whole).find("BODY[TEXT] {28}\r\nSi vis pacem, para bellum.\r\n)"), std::string::npos);
  auto forged = whole;
  forged.back() = forged.back() == '0' ? '1' : '0';
  EXPECT_TRUE(append(forged).starts_with("a NO [BADURL \"imap://alice")) << append(forged);
  EXPECT_TRUE(append(url("/;SECTION=2;URLAUTH=user+bob")).starts_with("a NO [BADURL"));
}

// §7, RESETKEY: who has the mailbox open hears of it.
TEST(ImapUrlKeys, OthersHear) {
  LiveWorld mail;
  mail.world.deliver(kMail);
  const auto a = mail.begin();
  const auto b = mail.begin();
  const auto opened = mail.say(a, "a1 EXAMINE INBOX");
  EXPECT_NE(opened.find("* OK [URLMECH INTERNAL] Mechanisms.\r\n"), std::string::npos) << opened;
  EXPECT_EQ(mail.say(a, "a2 RESETKEY Trash"), "a2 OK [URLMECH INTERNAL] Done.\r\n");
  EXPECT_EQ(mail.say(b, "b2 NOOP"), "b2 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "a3 RESETKEY INBOX"), "a3 OK [URLMECH INTERNAL] Done.\r\n");
  EXPECT_EQ(mail.say(b, "b3 NOOP"), "* OK [URLMECH INTERNAL] The key was reset.\r\nb3 OK Done.\r\n");
  EXPECT_EQ(mail.say(a, "a4 NOOP"), "a4 OK Done.\r\n");
}

// RFC 4231 §4.3 with our mark of the algorithm before it.
TEST(ImapUrlKeys, Token) {
  const std::string token = "015bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  EXPECT_EQ(url_token("Jefe", "what do ya want for nothing?"), token);
  EXPECT_TRUE(is_url_token("Jefe", "what do ya want for nothing?", token));
  EXPECT_FALSE(is_url_token("Jefe", "what do ya want for nothing", token));
  EXPECT_FALSE(is_url_token("jefe", "what do ya want for nothing?", token));
}

}  // namespace
}  // namespace pabal::server::imap
