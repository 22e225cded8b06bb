// Sessions over a real store, in memory streams, for the tests of what is said word by word.
#pragma once
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "account/scripted_logins.hpp"
#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "server/imap/server.hpp"
#include "store/store_world.hpp"

namespace pabal::server::imap {

using store::StoreWorld;

inline constexpr std::string_view kLogin = "l LOGIN alice@seoul.example demo\r\n";
inline constexpr std::string_view kLetter =
    "From: Bob <bob@busan.example>\r\nTo: alice@seoul.example\r\nSubject: =?UTF-8?B?7YyM67Cc?= one\r\n"
    "Date: Sun, 22 Nov 2026 10:00:00 +0900\r\nMessage-ID: <1@busan.example>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello Alice\r\n--b\r\nContent-Type: text/plain\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n";

inline std::string run(StoreWorld& world, std::vector<std::string> input, std::size_t piece_limit = SIZE_MAX,
                       Limits limits = {}) {
  account::ScriptedLogins logins;
  Server server(logins, *world.store, world.clock, world.metrics, limits);
  net::MemoryStream stream({.input = std::move(input),
                            .piece_limit = piece_limit,
                            .peer = net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000)});
  net::run_to_end(server.serve(&stream, {.id = "test", .log = Log()}, {}));
  return stream.take_written();
}

// Behind the answer to the login, with what differs from run to run masked.
inline std::string say(StoreWorld& world, const std::string& commands, std::size_t piece_limit = SIZE_MAX,
                       Limits limits = {}) {
  auto out = run(world, {std::string(kLogin) + commands}, piece_limit, limits);
  out.erase(0, out.find("\r\n", out.find("\r\nl OK") + 2) + 2);
  out = std::regex_replace(out, std::regex(R"((UIDVALIDITY|COPYUID|APPENDUID) \d+)"), "$1 V");
  return std::regex_replace(out, std::regex(R"("\d\d-\w\w\w-\d{4} \d\d:\d\d:\d\d \+0000")"), "\"D\"");
}

}  // namespace pabal::server::imap
