// Sessions under hostile networks: input cut anywhere, and every operation of the stream failing once.
#include <gtest/gtest.h>

#include "net/give_way.hpp"
#include "net/test_support.hpp"
#include "server/smtp/dialogue.hpp"

namespace pabal::server::smtp {
namespace {

/// A session with everything in it, as pieces that a polite client would send.
std::vector<std::string> eventful() {
  return {
      "EHLO x.example\r\n",
      "STARTTLS\r\n",
      "EHLO x.example\r\n",
      "AUTH PLAIN\r\n",
      "AGJvYkBidXNhbi5leGFtcGxlAHNlY3JldA==\r\n",
      "MAIL FROM:<bob@busan.example>\r\nRCPT TO:<carol@busan.example>\r\nRCPT TO:<nobody@busan.example>\r\nDATA\r\n",
      "From: bob@busan.example\r\n\r\ntext\r\n..\r\n.\r\n",
      "MAIL FROM:<>\r\nRCPT TO:<bob@busan.example>\r\nBDAT 25\r\nFrom: bob@busan.example\r\nBDAT 6 LAST\r\n\r\nabcd",
      "MAIL FROM:<bob@busan.example>\r\nRCPT TO:<full@busan.example>\r\nDATA\r\n",
      "From: bob@busan.example\r\n\r\n.\r\n",
      "RSET\r\nVRFY x\r\nNONSENSE\r\nQUIT\r\n",
  };
}

struct Run {
  std::string said;
  std::size_t operations = 0;
  std::size_t delivered = 0;
};

Run run(std::vector<std::string> pieces, std::size_t fail_at = 0, ErrorKind kind = ErrorKind::closed) {
  World world({}, {.starttls = true});
  net::MemoryStream stream({.input = std::move(pieces)});
  if (fail_at != 0) stream.fail_at(fail_at, kind);
  net::run_to_end(world.serve(stream));
  EXPECT_TRUE(stream.is_closed());
  return {.said = stream.written(), .operations = stream.operations(), .delivered = world.mda.kept.size()};
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

constexpr std::string_view kPromise = "250 2.0.0 Ok: ";

TEST(Session, TheEventfulOne) {
  const auto whole = run(eventful());
  EXPECT_EQ(whole.delivered, 2U);
  EXPECT_EQ(count(whole.said, kPromise), 2U);
  EXPECT_TRUE(whole.said.ends_with("221 2.0.0 mail.busan.example Bye\r\n")) << whole.said;
}

// RFC 3461's word of success goes to whoever MAIL FROM names: only where it is known to be theirs.
TEST(Session, OnlyWhoIsKnownIsToldOfSuccess) {
  const auto notify = [](std::string_view sender) {
    Settings settings;
    settings.relay = true;
    World world(settings);
    net::MemoryStream stream({.input = {"EHLO x.example\r\n",
                                        fmt::format("MAIL FROM:<{}>\r\n"
                                                    "RCPT TO:<bob@busan.example> NOTIFY=SUCCESS,DELAY\r\n"
                                                    "RCPT TO:<carol@busan.example> NOTIFY=SUCCESS\r\nDATA\r\n",
                                                    sender),
                                        "From: a@judged.example\r\n\r\ntext\r\n.\r\n", "QUIT\r\n"}});
    net::run_to_end(world.serve(stream));
    return world.mda.kept.empty() ? stream.written() : world.mda.kept.front().notify;
  };
  EXPECT_EQ(notify("good@judged.example"), "SUCCESS,DELAY SUCCESS ");
  EXPECT_EQ(notify("stranger@judged.example"), "DELAY NEVER ");
  EXPECT_EQ(notify("ours@trusted.example"), "SUCCESS,DELAY SUCCESS ");
}

// The nth read, write or handshake fails, for every n: no promise without a delivery, and no harm.
TEST(Session, EveryOperationFailsOnce) {
  const auto whole = run(eventful());
  ASSERT_GT(whole.operations, 20U);
  for (const auto kind : {ErrorKind::closed, ErrorKind::timeout, ErrorKind::io}) {
    for (std::size_t n = 1; n <= whole.operations; ++n) {
      const auto broken = run(eventful(), n, kind);
      EXPECT_LE(count(broken.said, kPromise), broken.delivered) << "operation " << n;
      EXPECT_LE(broken.delivered, 2U);
      EXPECT_TRUE(whole.said.starts_with(broken.said) || broken.said.contains("\r\n421 4.4.2 ")) << broken.said;
    }
  }
}

// The input ends anywhere.
TEST(Session, EveryPrefix) {
  const auto whole = run(eventful());
  const auto pieces = eventful();
  for (std::size_t piece = 0; piece < pieces.size(); ++piece) {
    for (std::size_t n = 0; n < pieces[piece].size(); ++n) {
      std::vector<std::string> cut(pieces.begin(), pieces.begin() + static_cast<std::ptrdiff_t>(piece));
      if (n > 0) cut.push_back(pieces[piece].substr(0, n));
      const auto ended = run(std::move(cut));
      EXPECT_EQ(count(ended.said, kPromise), ended.delivered);
      EXPECT_TRUE(whole.said.starts_with(ended.said)) << ended.said;
    }
  }
}

// A message is delivered only if its end came: cut anywhere before, nothing is.
TEST(Session, HalfAMessageIsNone) {
  const std::string text = "Subject: x\r\n\r\na\r\n.b\r\n.\r\n";
  for (std::size_t n = 0; n <= text.size(); ++n) {
    const auto ended =
        run({"EHLO x\r\n", "MAIL FROM:<>\r\nRCPT TO:<bob@busan.example>\r\nDATA\r\n", text.substr(0, n)});
    EXPECT_EQ(ended.delivered, n == text.size() ? 1U : 0U) << n;
  }
}

// What is refused for its sender leaves a trace, under the id that the reply tells.
TEST(Session, ARefusalForTheSenderIsNoted) {
  World world;
  net::MemoryStream stream(
      {.input = {
           "EHLO x\r\n", "MAIL FROM:<forged@judged.example>\r\nRCPT TO:<bob@busan.example>\r\nDATA\r\n",
           "Subject: x\r\n\r\n.\r\n", "MAIL FROM:<slow@judged.example>\r\nRCPT TO:<bob@busan.example>\r\nDATA\r\n",
           "Subject: x\r\n\r\n.\r\n", "MAIL FROM:<good@judged.example>\r\nRCPT TO:<bob@busan.example>\r\nDATA\r\n",
           "Subject: x\r\n\r\n.\r\n"}});
  net::run_to_end(world.serve(stream));
  ASSERT_EQ(world.refused.size(), 2U);
  const auto& letter = world.refused.front();
  EXPECT_TRUE(stream.written().contains("550 5.7.1 This is not from judged.example (" + letter.id + ")\r\n"));
  EXPECT_EQ(letter.reply, "550 5.7.1 This is not from judged.example (" + letter.id + ")");
  EXPECT_EQ(letter.sender, "forged@judged.example");
  EXPECT_EQ(letter.recipients, std::vector<std::string>{"bob@busan.example"});
  EXPECT_EQ(letter.judged.at("found").as_string(), "forged");
  EXPECT_EQ(letter.origin.helo, "x");
  EXPECT_FALSE(letter.again);
  EXPECT_TRUE(world.refused.back().again);
}

// The look-ups begin with the first recipient; who sends nothing has them only so often.
TEST(Session, ChecksBeginWithARecipient) {
  World world;
  std::string mails;
  for (int i = 0; i < 10; ++i) {
    mails +=
        "MAIL FROM:<good@judged.example>\r\nRSET\r\nMAIL FROM:<good@judged.example>\r\n"
        "RCPT TO:<nobody@busan.example>\r\nRSET\r\n";
  }
  for (int i = 0; i < 10; ++i) {
    mails +=
        "MAIL FROM:<good@judged.example>\r\nRCPT TO:<bob@busan.example>\r\nRCPT TO:<carol@busan.example>\r\nRSET\r\n";
  }
  const std::string letter = "MAIL FROM:<good@judged.example>\r\nRCPT TO:<bob@busan.example>\r\nDATA\r\n";
  net::MemoryStream stream({.input = {"EHLO x\r\n", mails, letter, "Subject: x\r\n\r\n.\r\n",
                                      "MAIL FROM:<good@judged.example>\r\n", "RCPT TO:<bob@busan.example>\r\n"}});
  net::run_to_end(world.serve(stream));
  EXPECT_EQ(world.judges.begun, 5U) << "three in vain, one for the letter, one after it";
  EXPECT_EQ(world.mda.kept.size(), 1U);
}

TEST(Session, ATimeoutIsToldAndEndsIt) {
  World world;
  net::MemoryStream stream({.input = {"EHLO x\r\n"}});
  stream.fail_at(4, ErrorKind::timeout);  // greeting, fill, reply, fill
  net::run_to_end(world.serve(stream));
  EXPECT_FALSE(stream.written().contains("421")) << "a stream that failed is failed for good";
  EXPECT_EQ(stream.timeout(), world.settings.command_timeout);
}

TEST(Session, ASilentPeerHearsTheTimeout) {
  World world({.command_timeout = std::chrono::milliseconds(5)});
  net::MemoryStream stream({.input = {"EHLO x\r\n"}, .ends = false});
  net::run_to_end(world.serve(stream));
  EXPECT_TRUE(stream.written().ends_with("421 4.4.2 mail.busan.example Timeout, closing the connection\r\n"));
}

TEST(Session, SessionTimeIsLimited) {
  World world({.max_session_time = std::chrono::milliseconds(5)});
  net::MemoryStream stream({.ends = false});
  net::run_to_end(world.serve(stream));
  EXPECT_TRUE(stream.written().ends_with("421 4.4.2 mail.busan.example Timeout, closing the connection\r\n"));
}

// Says the same again every minute, until it is hung up on.
Async<> talk_on(net::MemoryStream* stream, ManualClock* clock, std::string words, int* minutes) {
  while (!stream->is_closed() && *minutes < 1000) {
    stream->feed(words);
    clock->advance(std::chrono::minutes(1));
    ++*minutes;
    for (int turns = 0; turns < 4; ++turns) co_await net::give_way();
  }
}

TEST(Session, SessionTimeIsLimitedForTheTalkative) {
  const std::string to_bob = "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@busan.example>\r\n";
  const std::pair<std::string, std::string> cases[] = {
      {"EHLO x\r\n", "NOOP\r\n"},
      {"EHLO x\r\n", "N"},
      {to_bob + "DATA\r\n", "text\r\n"},
      {to_bob + "BDAT 10000\r\n", "text\r\n"},
      {"EHLO x\r\nBDAT 10000\r\n", "text\r\n"},
  };
  for (const auto& [beginning, words] : cases) {
    World world({.max_session_time = std::chrono::minutes(20), .strict_pipelining = false});
    net::MemoryStream stream({.input = {beginning}, .ends = false});
    asio::io_context io(1);
    int minutes = 0;
    asio::co_spawn(io.get_executor(), world.serve(stream),
                   [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
    asio::co_spawn(io.get_executor(), talk_on(&stream, &world.clock, words, &minutes),
                   [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
    io.run();
    EXPECT_LE(minutes, 25) << beginning << words;
    EXPECT_TRUE(stream.written().ends_with("421 4.4.2 mail.busan.example The session has lasted too long\r\n"))
        << stream.written();
    EXPECT_TRUE(world.mda.kept.empty());
  }
}

Async<> count_turns(const net::MemoryStream* stream, std::size_t* turns) {
  while (!stream->is_closed()) {
    ++*turns;
    co_await net::give_way();
  }
}

// A peer that never makes us wait lets the others of the thread have their turns all the same.
TEST(Session, APipelineWithoutEndGivesWay) {
  World world({.max_commands_without_mail = 100'000});
  std::string group;
  for (int i = 0; i < 10'000; ++i) group += "NOOP\r\n";
  net::MemoryStream stream({.input = {"EHLO x\r\n", group}});
  asio::io_context io(1);
  std::size_t turns = 0;
  asio::co_spawn(io.get_executor(), world.serve(stream),
                 [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  asio::co_spawn(io.get_executor(), count_turns(&stream, &turns),
                 [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  io.run();
  EXPECT_GE(turns, 100U);
}

TEST(Session, WhoTalksBeforeTheGreetingIsRefused) {
  World world({.greeting_delay = std::chrono::milliseconds(5)});
  net::MemoryStream early({.input = {"EHLO x\r\n"}});
  net::run_to_end(world.serve(early));
  EXPECT_EQ(early.written(), "554 5.5.0 You talk before the greeting\r\n");

  net::MemoryStream patient({.ends = false});
  asio::io_context io(1);
  asio::co_spawn(io.get_executor(), world.serve(patient), [](std::exception_ptr) {});
  io.run_for(std::chrono::milliseconds(50));
  EXPECT_EQ(patient.written(), "220 mail.busan.example ESMTP Pabal\r\n");
  patient.end();
  io.run();
}

// Replies of a group go out together, once the input has run dry.
TEST(Session, AGroupIsAnsweredInOneWrite) {
  const auto single = run({"EHLO x\r\n", "NOOP\r\n", "NOOP\r\n", "NOOP\r\n"});
  const auto group = run({"EHLO x\r\n", "NOOP\r\nNOOP\r\nNOOP\r\n"});
  EXPECT_EQ(single.said, group.said);
  EXPECT_EQ(single.operations - group.operations, 4U);  // two fills and two writes
}

// All orders of a group of commands: as many replies as commands, whatever they are.
TEST(Session, EveryOrderOfAGroup) {
  std::vector<std::string> commands = {
      "MAIL FROM:<a@seoul.example>", "RCPT TO:<bob@busan.example>", "RSET", "NOOP", "BDAT 3\r\na\r\n", "BDAT 0 LAST"};
  std::ranges::sort(commands);
  do {
    std::string group;
    for (const auto& command : commands) group += command.starts_with("BDAT 3") ? command : command + "\r\n";
    const auto ended = run({"EHLO x\r\n", group});
    const auto replies = ended.said.substr(ended.said.find("250 HELP\r\n") + 10);
    EXPECT_EQ(count(replies, "\r\n"), commands.size()) << group << replies;
    EXPECT_EQ(count(replies, kPromise), ended.delivered);
  } while (std::ranges::next_permutation(commands).found);
}

// A store that answers for the wrong number of recipients has promised nothing.
class OddMda final : public delivery::Mda {
 public:
  [[nodiscard]] Async<delivery::Answer> deliver(delivery::Letter /*letter*/) override { co_return delivery::Answer(); }
};

TEST(Session, NoAnswerIsNoPromise) {
  World world;
  OddMda mda;
  Services services = world.server.services();
  services.mda = &mda;
  Server server(world.settings, {}, services, world.limits);
  net::MemoryStream stream({.input = {"EHLO x\r\n", "MAIL FROM:<>\r\nRCPT TO:<bob@busan.example>\r\nBDAT 0 LAST\r\n"}});
  net::run_to_end(server.talk(stream, "session", Log()));
  EXPECT_TRUE(stream.written().ends_with("451 4.3.0 local error in processing\r\n")) << stream.written();
}

// An exception ends its connection alone.
class ThrowingMda final : public delivery::Mda {
 public:
  [[nodiscard]] Async<delivery::Answer> deliver(delivery::Letter /*letter*/) override {
    throw std::runtime_error("a bug");
  }
};

TEST(Session, AnExceptionEndsTheConnectionAlone) {
  World world;
  ThrowingMda mda;
  Services services = world.server.services();
  services.mda = &mda;
  Server server(world.settings, {}, services, world.limits);
  auto lines = std::make_shared<std::vector<std::string>>();
  net::MemoryStream stream({.input = {"EHLO x\r\n", "MAIL FROM:<>\r\nRCPT TO:<bob@busan.example>\r\nBDAT 0 LAST\r\n"}});
  net::run_to_end(server.talk(stream, "session", Log::to_lines(lines)));
  EXPECT_TRUE(stream.is_closed());
  EXPECT_FALSE(stream.written().contains(kPromise));
  EXPECT_TRUE(lines->back().starts_with("session ended by an exception"));
}

// One line for a message, and never a word of its text or a password.
TEST(Session, WhatIsLogged) {
  World world({}, {.starttls = true});
  auto lines = std::make_shared<std::vector<std::string>>();
  world.log = Log::to_lines(lines);
  net::MemoryStream stream({.input = eventful()});
  net::run_to_end(world.serve(stream));
  std::size_t messages = 0;
  for (const auto& line : *lines) {
    if (line.starts_with("message ")) ++messages;
    EXPECT_FALSE(line.contains("secret")) << line;
    EXPECT_FALSE(line.contains("AGJvYkBid")) << line;
    EXPECT_FALSE(line.contains("text")) << line;
  }
  EXPECT_EQ(messages, 3U);
}

// The log lines of logins are those of the session.
TEST(Session, WhatALoginIsToldAboutTheClient) {
  for (const auto protocol : {smtp_protocol::smtp, smtp_protocol::submission}) {
    World world({}, {.protocol = protocol, .starttls = true});
    net::MemoryStream stream({.input = eventful()});
    net::run_to_end(world.serve(stream));
    const auto& client = world.accounts.client;
    EXPECT_EQ(client.session, "session");
    EXPECT_TRUE(client.abandoned());  // the script is at its end
    EXPECT_EQ(client.protocol, protocol == smtp_protocol::smtp ? "smtp" : "submission");
    EXPECT_EQ(client.address, "192.0.2.1");
    EXPECT_EQ(client.tls_exporter, std::string(32, 'e'));
    EXPECT_TRUE(client.encrypted);
  }
}

}  // namespace
}  // namespace pabal::server::smtp
