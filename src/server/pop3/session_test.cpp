// What dialogues can't show: faults of stream and store, big messages, pipelining, several sessions, endings.
#include <gtest/gtest.h>

#include "net/give_way.hpp"
#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "pop3/multiline.hpp"
#include "server/pop3/scripted_services.hpp"
#include "server/pop3/server.hpp"

namespace pabal::server::pop3 {
namespace {

const std::string kLogin = "USER alice@seoul.example\r\nPASS demo\r\n";
const std::string kGreeting = "+OK Pabal POP3 at your service\r\n";

net::Endpoint loopback() { return net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000); }

// A world of one mailbox and a server.
struct World {
  explicit World(Limits limits = {}) : server(logins, mailboxes, clock, metrics, limits) {}

  std::string run(net::MemoryStream& stream, Policy policy = {}) {
    net::run_to_end(server.serve(&stream, {.id = "test", .log = Log::to_lines(lines)}, std::move(policy)));
    EXPECT_EQ(mailboxes.alive, 0U);
    return stream.take_written();
  }
  std::string run(std::vector<std::string> input, std::size_t piece_limit = SIZE_MAX) {
    net::MemoryStream stream({.input = std::move(input), .piece_limit = piece_limit, .peer = loopback()});
    return run(stream);
  }
  /// What comes behind the greeting and the login.
  std::string after_login(std::string input) {
    auto out = run({kLogin + std::move(input)});
    const auto password = out.find("\r\n", kGreeting.size());
    const auto login = out.find("\r\n", password + 2);
    return out.substr(login + 2);
  }

  ScriptedLogins logins;
  ScriptedMailboxes mailboxes;
  RealClock clock;
  Metrics metrics;
  std::shared_ptr<std::vector<std::string>> lines = std::make_shared<std::vector<std::string>>();
  Server server;
};

std::string letter(std::size_t size) {
  std::string out = "Subject: test\r\n\r\n";
  for (std::size_t line = 0; out.size() + 20 < size; ++line) {
    out += line % 7 == 0 ? "." : "";
    out += "line " + std::to_string(line) + "\r\n";
  }
  return out;
}

std::string retrieved(const std::string& message) {
  return "+OK " + std::to_string(message.size()) + " octets\r\n" + pabal::pop3::dot_stuffed(message);
}

TEST(Session, BigMessagesPassInWindows) {
  for (const bool in_memory : {true, false}) {
    World world({.window_bytes = 1000});
    world.mailboxes.in_memory = in_memory;
    const auto message = letter(100'000);
    world.mailboxes.add(message);
    EXPECT_EQ(world.after_login("RETR 1\r\nQUIT\r\n"), retrieved(message) + "+OK goodbye\r\n");
    const auto top = world.after_login("TOP 1 3\r\n");
    EXPECT_EQ(top, "+OK the top of the message follows\r\nSubject: test\r\n\r\n..line 0\r\nline 1\r\nline 2\r\n.\r\n");
    EXPECT_EQ(world.after_login("TOP 1 4294967295\r\n"),
              "+OK the top of the message follows\r\n" + pabal::pop3::dot_stuffed(message));
  }
}

TEST(Session, PipelinedRepliesLeaveTogether) {
  World world;
  const auto message = letter(1000);
  for (int i = 0; i < 20; ++i) world.mailboxes.add(message);
  std::string input = kLogin;
  std::string expected;
  for (int i = 1; i <= 20; ++i) {
    input += "RETR " + std::to_string(i) + "\r\n";
    expected += retrieved(message);
  }
  net::MemoryStream stream({.input = {input + "QUIT\r\n"}, .peer = loopback()});
  const auto out = world.run(stream);
  EXPECT_TRUE(out.ends_with(expected + "+OK goodbye\r\n"));
  // The greeting, and all the rest; and two fills.
  EXPECT_LE(stream.operations(), 4U);
  // All were opened at once.
  EXPECT_EQ(world.mailboxes.opened, 1U);
}

TEST(Session, ManyRepliesDoNotPileUp) {
  World world({.window_bytes = 10'000});
  world.mailboxes.add(letter(1000));
  std::string input = kLogin;
  for (int i = 0; i < 100; ++i) input += "RETR 1\r\n";
  net::MemoryStream stream({.input = {input}, .peer = loopback()});
  const auto out = world.run(stream);
  EXPECT_GT(out.size(), 90'000U);
  EXPECT_GE(stream.operations(), 9U);
}

TEST(Session, QuitThatFailsRemovesNothingAndSaysSo) {
  World world;
  world.mailboxes.add("one\r\n");
  world.mailboxes.add("two\r\n");
  world.mailboxes.before = [](std::string_view operation) -> Result<void> {
    if (operation == "expunge") return fail(ErrorKind::io, "disk full");
    return {};
  };
  EXPECT_EQ(world.after_login("DELE 1\r\nDELE 2\r\nQUIT\r\nNOOP\r\n"),
            "+OK message 1 is marked for removal\r\n+OK message 2 is marked for removal\r\n"
            "-ERR [SYS/TEMP] no message was removed, try again later\r\n");
  EXPECT_EQ(world.mailboxes.letters.size(), 2U);
}

TEST(Session, MailboxThatCanNotBeOpened) {
  World world;
  bool broken = true;
  world.mailboxes.before = [&broken](std::string_view operation) -> Result<void> {
    if (operation == "list" && std::exchange(broken, false)) return fail(ErrorKind::io, "disk");
    return {};
  };
  const auto out = world.run({kLogin + "STAT\r\n" + kLogin + "STAT\r\n"});
  EXPECT_EQ(out, kGreeting +
                     "+OK send the password\r\n-ERR [SYS/TEMP] the mailbox is not available at the moment\r\n"
                     "-ERR not in this state\r\n+OK send the password\r\n+OK 0 messages (0 octets)\r\n+OK 0 0\r\n");
}

TEST(Session, LoginThatIsUnavailableIsNoFailure) {
  World world;
  world.logins.unavailable = true;
  std::string input;
  for (int i = 0; i < 10; ++i) input += kLogin;
  const auto out = world.run({input + "QUIT\r\n"});
  EXPECT_NE(out.find("-ERR [SYS/TEMP] login is not possible at the moment"), std::string::npos);
  EXPECT_TRUE(out.ends_with("+OK goodbye\r\n"));
}

TEST(Session, AMessageThatCanNotBeReadIsRefusedBeforeItBegins) {
  World world({.window_bytes = 1000});
  world.mailboxes.in_memory = false;
  const auto message = letter(500);
  world.mailboxes.add(message);
  world.mailboxes.damaged_from = 0;
  EXPECT_EQ(
      world.after_login("RETR 1\r\nSTAT\r\n"),
      "-ERR [SYS/TEMP] the message cannot be read at the moment\r\n+OK 1 " + std::to_string(message.size()) + "\r\n");
  world.mailboxes.before = [](std::string_view operation) -> Result<void> {
    if (operation == "open") return fail(ErrorKind::io, "disk");
    return {};
  };
  EXPECT_EQ(world.after_login("RETR 1\r\nTOP 1 1\r\n"),
            "-ERR [SYS/TEMP] the message cannot be read at the moment\r\n"
            "-ERR [SYS/TEMP] the message cannot be read at the moment\r\n");
}

TEST(Session, DamageInTheMiddleNeverLooksLikeTheWholeMessage) {
  World world({.window_bytes = 1000});
  // So big that it goes out as it is, without a look at all of it first.
  const auto message = letter(33U << 20);
  world.mailboxes.add(message);
  world.mailboxes.damaged_from = 5'500;
  const auto out = world.after_login("RETR 1\r\nSTAT\r\n");
  EXPECT_TRUE(out.starts_with("+OK " + std::to_string(message.size()) + " octets\r\nSubject"));
  EXPECT_EQ(out.find("\r\n.\r\n"), std::string::npos);
  EXPECT_EQ(out.find("-ERR"), std::string::npos);
}

TEST(Session, DamageIsFoundBeforeTheFirstOctetLeaves) {
  for (const std::size_t size : {10'000U, 200'000U}) {
    World world({.window_bytes = 1000});
    world.mailboxes.add(letter(size));
    world.mailboxes.damaged_from = size - 500;
    EXPECT_EQ(world.after_login("RETR 1\r\n"), "-ERR [SYS/TEMP] the message cannot be read at the moment\r\n");
  }
}

TEST(Session, NthStreamOperationFails) {
  for (std::size_t nth = 1;; ++nth) {
    World world({.window_bytes = 500});
    world.mailboxes.add(letter(3000));
    world.mailboxes.add("two\r\n");
    std::vector<std::string> input = {"USER alice@seoul.example\r\n", "PASS demo\r\n", "RETR 1\r\nLIST\r\n",
                                      "DELE 2\r\n", "QUIT\r\n"};
    net::MemoryStream stream({.input = input, .peer = loopback()});
    stream.fail_at(nth, nth % 2 == 0 ? ErrorKind::io : ErrorKind::closed);
    world.run(stream);
    EXPECT_TRUE(stream.is_closed());
    if (stream.operations() < nth) {
      EXPECT_EQ(world.mailboxes.letters.size(), 1U);
      EXPECT_GT(nth, 10U);
      break;
    }
  }
}

TEST(Session, NthStoreOperationFails) {
  for (std::size_t nth = 1;; ++nth) {
    World world({.window_bytes = 500, .read_ahead = 1});
    world.mailboxes.in_memory = false;
    for (int i = 0; i < 3; ++i) world.mailboxes.add(letter(900));
    std::size_t count = 0;
    world.mailboxes.before = [&](std::string_view) -> Result<void> {
      if (++count == nth) return fail(ErrorKind::io, "disk");
      return {};
    };
    const auto out = world.run({kLogin + "RETR 1\r\nRETR 2\r\nTOP 3 0\r\nDELE 1\r\nDELE 2\r\nQUIT\r\n"});
    const bool said_removed = out.find("2 messages removed") != std::string::npos;
    EXPECT_EQ(world.mailboxes.letters.size(), said_removed ? 1U : 3U) << nth;
    if (count < nth) {
      EXPECT_TRUE(said_removed);
      break;
    }
  }
}

TEST(Session, TwoSessionsOnOneMailbox) {
  World world({.read_ahead = 1});
  world.mailboxes.add("one\r\n");
  world.mailboxes.add("two\r\n");
  net::MemoryStream first({.ends = false, .peer = loopback()});
  net::MemoryStream second({.ends = false, .peer = loopback()});
  asio::io_context io(1);
  const auto begin = [&](net::MemoryStream& stream) {
    asio::co_spawn(io.get_executor(), world.server.serve(&stream, {.id = "test", .log = Log()}, {}),
                   [](std::exception_ptr thrown) {
                     if (thrown) std::rethrow_exception(thrown);
                   });
  };
  const auto say = [&](net::MemoryStream& stream, std::string line) {
    stream.feed(std::move(line));
    io.restart();
    io.poll();
    return stream.take_written();
  };
  begin(first);
  begin(second);
  say(first, kLogin);
  say(second, kLogin);
  EXPECT_EQ(say(first, "DELE 1\r\n"), "+OK message 1 is marked for removal\r\n");
  // Marks are the session's own.
  EXPECT_EQ(say(second, "RETR 1\r\n"), "+OK 5 octets\r\none\r\n.\r\n");
  world.mailboxes.add("three\r\n");
  EXPECT_EQ(say(first, "QUIT\r\n"), "+OK goodbye, 1 messages removed\r\n");
  // The other keeps its numbers; the letter is gone, the new one does not show.
  EXPECT_EQ(say(second, "RETR 1\r\n"), "-ERR the message has been removed by another session\r\n");
  EXPECT_EQ(say(second, "STAT\r\n"), "+OK 2 10\r\n");
  EXPECT_EQ(say(second, "RETR 2\r\n"), "+OK 5 octets\r\ntwo\r\n.\r\n");
  EXPECT_EQ(say(second, "RETR 3\r\n"), "-ERR no such message\r\n");
  // Removing again what is gone does no harm.
  say(second, "DELE 1\r\n");
  EXPECT_EQ(say(second, "QUIT\r\n"), "+OK goodbye, 1 messages removed\r\n");
  EXPECT_EQ(world.mailboxes.letters.size(), 2U);
  EXPECT_EQ(world.mailboxes.alive, 0U);
}

TEST(Session, LinesThatAreTooLong) {
  World world;
  const std::string reply = "-ERR the line is too long\r\n";
  // 255 octets with CRLF are a line (RFC 2449 §4), one more is none.
  const std::string longest = "USER " + std::string(248, 'a') + "\r\n";
  EXPECT_EQ(world.run({longest}), kGreeting + "+OK send the password\r\n");
  EXPECT_EQ(world.run({"USER " + std::string(249, 'a') + "\r\nQUIT\r\n"}), kGreeting + reply + "+OK goodbye\r\n");
  for (const std::size_t piece : {1U, 100U, 100'000U}) {
    EXPECT_EQ(world.run({std::string(50'000, 'x') + "\r\nQUIT\r\n"}, piece), kGreeting + reply + "+OK goodbye\r\n");
  }
  // A response may be longer; an endless one ends the connection.
  EXPECT_EQ(world.run({"AUTH PLAIN\r\n", std::string(12'000, 'A') + "\r\n", "QUIT\r\n"}),
            kGreeting + "+ \r\n-ERR [AUTH] wrong name or password\r\n+OK goodbye\r\n");
  EXPECT_EQ(world.run({"AUTH PLAIN\r\n", std::string(13'000, 'A') + "\r\n", "QUIT\r\n"}),
            kGreeting + "+ \r\n-ERR authentication cancelled\r\n");
}

TEST(Session, TooManyErrorsEndTheSession) {
  World world({.max_errors = 3});
  EXPECT_EQ(
      world.run({"A\r\nB\r\nC\r\nQUIT\r\n"}),
      kGreeting + "-ERR unknown command\r\n-ERR unknown command\r\n-ERR unknown command\r\n-ERR too many errors\r\n");
}

TEST(Session, WhatWasInjectedBeforeTlsIsThrownAway) {
  World world;
  net::MemoryStream stream({.input = {"STLS\r\nUSER mallory\r\n", "CAPA\r\n", "QUIT\r\n"}});
  const auto out = world.run(stream, {.starttls = true, .allow_plaintext_auth = false, .tls = nullptr});
  EXPECT_EQ(out.find("send the password"), std::string::npos);
  EXPECT_TRUE(out.ends_with("+OK goodbye\r\n"));
}

TEST(Session, OrderlyStopFinishesTheCommandAndSaysGoodbye) {
  World world;
  world.mailboxes.add("one\r\n");
  net::MemoryStream stream({.ends = false, .peer = loopback()});
  asio::io_context io(1);
  asio::co_spawn(io.get_executor(), world.server.serve(&stream, {.id = "test", .log = Log()}, {}),
                 [](std::exception_ptr) {});
  stream.feed(kLogin + "DELE 1\r\n");
  io.poll();
  EXPECT_EQ(stream.take_written().find("-ERR"), std::string::npos);
  stream.interrupt();
  io.restart();
  io.run();
  EXPECT_EQ(stream.take_written(), "-ERR [SYS/TEMP] the server is stopping, come back soon\r\n");
  EXPECT_TRUE(stream.is_closed());
  EXPECT_EQ(world.mailboxes.letters.size(), 1U);
}

TEST(Session, IdleSessionsGiveBackAndThenEndWithoutAWord) {
  World world({.idle_timeout = std::chrono::milliseconds(800), .relax_after = std::chrono::milliseconds(200)});
  for (int i = 0; i < 10; ++i) world.mailboxes.add("letter\r\n");
  net::MemoryStream stream({.input = {kLogin + "RETR 1\r\n"}, .ends = false, .peer = loopback()});
  asio::io_context io(1);
  asio::co_spawn(io.get_executor(), world.server.serve(&stream, {.id = "test", .log = Log()}, {}),
                 [](std::exception_ptr) {});
  io.poll();
  EXPECT_EQ(world.mailboxes.alive, 9U);
  io.run_for(std::chrono::milliseconds(300));
  EXPECT_EQ(world.mailboxes.alive, 0U);
  EXPECT_FALSE(stream.is_closed());
  const auto before = stream.take_written();
  io.run();
  EXPECT_EQ(stream.take_written(), "");
  EXPECT_TRUE(stream.is_closed());
}

TEST(Session, LoginTakesNoLongerThanAllowed) {
  World world({.login_timeout = std::chrono::milliseconds(30)});
  net::MemoryStream stream({.ends = false, .peer = loopback()});
  EXPECT_EQ(world.run(stream), kGreeting);
}

TEST(Session, CommandsBeforeTheLoginAreCounted) {
  World world({.max_commands_before_login = 3});
  const std::string name = "USER alice@seoul.example\r\n";
  const std::string taken = "+OK send the password\r\n";
  EXPECT_EQ(world.run({name + name + name + name + name}),
            kGreeting + taken + taken + taken + "-ERR too many errors\r\n");
  EXPECT_EQ(world.run({name + name + name + "QUIT\r\n"}), kGreeting + taken + taken + taken + "+OK goodbye\r\n");
  // Behind it they are not.
  EXPECT_TRUE(world.after_login("NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nQUIT\r\n").ends_with("+OK goodbye\r\n"));
}

Async<> count_turns(const net::MemoryStream* stream, std::size_t* turns) {
  while (!stream->is_closed()) {
    ++*turns;
    co_await net::give_way();
  }
}

// A peer that never makes us wait lets the others of the thread have their turns all the same.
TEST(Session, APipelineWithoutEndGivesWay) {
  World world;
  std::string input = kLogin;
  for (int i = 0; i < 10'000; ++i) input += "NOOP\r\n";
  net::MemoryStream stream({.input = {input}, .peer = loopback()});
  asio::io_context io(1);
  std::size_t turns = 0;
  asio::co_spawn(io.get_executor(), world.server.serve(&stream, {.id = "test", .log = Log()}, {}),
                 [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  asio::co_spawn(io.get_executor(), count_turns(&stream, &turns),
                 [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  io.run();
  EXPECT_GE(turns, 100U);
}

TEST(Session, ListingsOfBigMailboxesPassInWindows) {
  World world({.window_bytes = 4096});
  std::string expected = "+OK 20000 messages (60000 octets)\r\n";
  for (int i = 1; i <= 20'000; ++i) {
    world.mailboxes.add("x\r\n");
    expected += std::to_string(i) + " 3\r\n";
  }
  EXPECT_EQ(world.after_login("LIST\r\n"), expected + ".\r\n");
}

TEST(Session, GoingThroughTheMailboxOpensInBatches) {
  World world({.read_ahead = 10});
  for (int i = 0; i < 100; ++i) world.mailboxes.add("x\r\n");
  std::string input;
  for (int i = 1; i <= 100; ++i) input += "RETR " + std::to_string(i) + "\r\n";
  world.after_login(input);
  EXPECT_EQ(world.mailboxes.opened, 10U);
  // Backwards nothing is opened ahead; each message is opened when it is asked for.
  world.mailboxes.opened = 0;
  input.clear();
  for (int i = 100; i >= 1; --i) input += "RETR " + std::to_string(i) + "\r\n";
  world.after_login(input);
  EXPECT_EQ(world.mailboxes.opened, 100U);
}

// The log lines of logins are those of the session.
TEST(Session, WhatALoginIsToldAboutTheClient) {
  for (const auto* login : {"USER alice@seoul.example\r\nPASS demo\r\n", "AUTH PLAIN =\r\n"}) {
    World world;
    net::MemoryStream stream({.input = {login}, .peer = loopback()});
    world.run(stream);
    EXPECT_EQ(world.logins.client.session, "test");
    EXPECT_TRUE(world.logins.client.abandoned());
    EXPECT_EQ(world.logins.client.protocol, "pop3");
    EXPECT_EQ(world.logins.client.address, "127.0.0.1");
  }
}

TEST(Session, PasswordsAndNamesNeverReachTheLog) {
  World world;
  world.run({"USER alice@seoul.example\r\nPASS secret-word\r\n" + kLogin + "QUIT\r\n"});
  EXPECT_FALSE(world.lines->empty());
  for (const auto& line : *world.lines) {
    EXPECT_EQ(line.find("secret-word"), std::string::npos) << line;
    EXPECT_EQ(line.find("demo"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace pabal::server::pop3
