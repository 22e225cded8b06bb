// Sessions over a real store: what they read is what was delivered, ids last, and removing is all or nothing.
#include <gtest/gtest.h>

#include "codec/base64.hpp"
#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "pop3/multiline.hpp"
#include "server/pop3/server.hpp"
#include "server/pop3/store_testing.hpp"

namespace pabal::server::pop3 {
namespace {

std::string run(StoreWorld& world, const std::string& commands, Limits limits = {},
                const std::string& before_login = "") {
  ScriptedLogins logins;
  const auto mailboxes = mailboxes_of(*world.store);
  Server server(logins, *mailboxes, world.clock, world.metrics, limits);
  net::MemoryStream stream({.input = {before_login + "USER alice@seoul.example\r\nPASS demo\r\n" + commands},
                            .peer = net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000)});
  net::run_to_end(server.serve(&stream, {.id = "test", .log = Log()}, {}));
  const auto out = stream.take_written();
  // Without the greeting and USER's answer.
  return out.substr(out.find("\r\n", out.find("\r\n") + 2) + 2);
}

std::string letter(std::size_t number, std::size_t lines) {
  auto out = fmt::format("Subject: {}\r\n\r\n", number);
  for (std::size_t i = 0; i < lines; ++i) out += fmt::format("{}line {}\r\n", i % 5 == 0 ? "." : "", i);
  return out;
}

TEST(OverStore, LettersComeAsTheyWereDelivered) {
  StoreWorld world;
  std::string expected;
  std::string commands;
  std::string sizes;
  std::size_t octets = 0;
  // From small ones in rows to big ones in files.
  const std::size_t lines[] = {0, 1, 10, 500, 20'000, 400'000};
  for (std::size_t i = 0; i < std::size(lines); ++i) {
    const auto content = letter(i, lines[i]);
    world.deliver(content);
    const auto whole = std::string(StoreWorld::kPrefix) + content;
    commands += fmt::format("RETR {}\r\n", i + 1);
    expected += fmt::format("+OK {} octets\r\n{}", whole.size(), pabal::pop3::dot_stuffed(whole));
    sizes += fmt::format("{} {}\r\n", i + 1, whole.size());
    octets += whole.size();
  }
  const auto summary = fmt::format("+OK 6 messages ({} octets)\r\n", octets);
  EXPECT_EQ(run(world, "LIST\r\n"), summary + summary + sizes + ".\r\n");
  EXPECT_EQ(run(world, commands), summary + expected);
  world.reopen();
  EXPECT_EQ(run(world, commands, {.window_bytes = 1000}), summary + expected);
  EXPECT_EQ(run(world, "TOP 6 1\r\n"),
            summary + "+OK the top of the message follows\r\nX: y\r\nSubject: 5\r\n\r\n..line 0\r\n.\r\n");
}

// RFC 3030: what came as binary goes out in lines, whatever its size; the store has it as it came.
TEST(OverStore, BinaryLettersGoInLines) {
  using namespace std::string_view_literals;
  for (const std::size_t size : {0UL, 100'000UL}) {
    for (const std::string before : {"", "UTF8\r\n"}) {
      StoreWorld world;
      const auto body = std::string("a\nb\0.\r\n.\r\n"sv) + std::string(size, 'z') + "\r";
      world.deliver("Content-Transfer-Encoding: binary\r\n\r\n" + body);
      const auto out = run(world, "LIST 1\r\nRETR 1\r\nTOP 1 0\r\n", {}, before);
      EXPECT_FALSE(out.contains('\0'));
      EXPECT_TRUE(out.contains("\r\nContent-Transfer-Encoding: base64\r\n\r\n")) << out.substr(0, 400);
      auto encoded = out.substr(out.find("\r\n\r\n") + 4);
      encoded.resize(encoded.find("\r\n.\r\n"));
      std::erase_if(encoded, [](char c) { return c == '\r' || c == '\n'; });
      EXPECT_EQ(codec::decode_base64(encoded).value_or(""), body);
      const auto listed = fmt::format("+OK 1 {}\r\n", 6 + 37 + body.size());
      EXPECT_TRUE(out.contains(listed)) << listed << out.substr(0, 400);
    }
  }
}

// RFC 6856: a part's header counts as the letter's own.
TEST(OverStore, APartsRawHeaderIsMadeAsciiToo) {
  for (const std::size_t size : {0UL, 100'000UL}) {
    StoreWorld world;
    const auto content = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Description: 안녕\r\n\r\n" +
                         std::string(size, 'z') + "안쪽\r\n--b--\r\n";
    world.deliver(content);
    const auto ascii = run(world, "RETR 1\r\n");
    EXPECT_TRUE(ascii.contains("Content-Description: =?utf-8?B?7JWI64WV?=\r\n")) << ascii.substr(0, 400);
    EXPECT_TRUE(ascii.contains("안쪽\r\n--b--\r\n"));
    EXPECT_TRUE(run(world, "RETR 1\r\n", {}, "UTF8\r\n").contains(content));
  }
}

TEST(OverStore, UniqueIdsLastAndAreNeverUsedAgain) {
  StoreWorld world;
  for (std::size_t i = 0; i < 3; ++i) world.deliver(letter(i, 1));
  const auto first = run(world, "UIDL 2\r\nUIDL 3\r\nDELE 3\r\nQUIT\r\n");
  world.reopen();
  world.deliver(letter(9, 1));
  const auto second = run(world, "UIDL 2\r\nUIDL 3\r\n");
  const auto line = [](const std::string& out, std::string_view number) {
    const auto at = out.find("+OK " + std::string(number) + " ", out.find("\r\n"));
    return out.substr(at, out.find("\r\n", at) - at);
  };
  EXPECT_EQ(line(first, "2"), line(second, "2"));
  EXPECT_NE(line(first, "3"), line(second, "3"));
}

TEST(OverStore, DeletedAtQuitAlone) {
  StoreWorld world;
  for (std::size_t i = 0; i < 3; ++i) world.deliver(letter(i, 1));
  run(world, "DELE 1\r\nDELE 3\r\n");
  EXPECT_EQ(world.letters(), 3U);
  const auto out = run(world, "DELE 1\r\nDELE 3\r\nQUIT\r\n");
  EXPECT_TRUE(out.ends_with("+OK goodbye, 2 messages removed\r\n"));
  EXPECT_EQ(world.letters(), 1U);
  world.reopen();
  EXPECT_EQ(world.letters(), 1U);
  EXPECT_TRUE(world.store->check()->empty());
}

TEST(OverStore, AnotherSessionRemovesWhatThisOneReads) {
  StoreWorld world;
  for (std::size_t i = 0; i < 3; ++i) world.deliver(letter(i, 100));
  ScriptedLogins logins;
  const auto mailboxes = mailboxes_of(*world.store);
  Server server(logins, *mailboxes, world.clock, world.metrics, {.read_ahead = 1});
  net::MemoryStream stream({.input = {"USER alice@seoul.example\r\nPASS demo\r\n"},
                            .ends = false,
                            .peer = net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000)});
  asio::io_context io(1);
  asio::co_spawn(io.get_executor(), server.serve(&stream, {.id = "test", .log = Log()}, {}), [](std::exception_ptr) {});
  // The store's pool answers when it can.
  for (int i = 0; i < 1000 && stream.written().find("+OK 3 messages") == std::string::npos; ++i) {
    io.run_for(std::chrono::milliseconds(10));
  }
  EXPECT_NE(stream.take_written().find("+OK 3 messages"), std::string::npos);
  run(world, "DELE 2\r\nQUIT\r\n");
  stream.feed("RETR 1\r\nRETR 2\r\nRETR 3\r\nDELE 2\r\nQUIT\r\n");
  io.restart();
  io.run();
  const auto out = stream.take_written();
  EXPECT_TRUE(out.starts_with("+OK "));
  EXPECT_NE(out.find("-ERR the message has been removed by another session\r\n+OK "), std::string::npos);
  EXPECT_TRUE(out.ends_with("+OK goodbye, 1 messages removed\r\n"));
  EXPECT_EQ(world.letters(), 2U);
}

}  // namespace
}  // namespace pabal::server::pop3
