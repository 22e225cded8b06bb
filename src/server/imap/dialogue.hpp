// For tests: whole sessions as text, one account after the other, over a real store.
#pragma once
#include <regex>
#include <string>

#include <gtest/gtest.h>

#include "account/scripted_logins.hpp"
#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "server/imap/server.hpp"
#include "store/store_world.hpp"

namespace pabal::server::imap {

/// What a session says to `commands` behind the answer to its login; UIDVALIDITYs and dates are masked.
inline std::string dialogue(store::StoreWorld& world, const std::string& user, const std::string& commands,
                            Limits limits = {}) {
  account::ScriptedLogins logins;
  Server server(logins, *world.store, world.clock, world.metrics, limits);
  net::MemoryStream stream({.input = {"l LOGIN " + user + "@seoul.example demo\r\n" + commands},
                            .peer = net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000)});
  net::run_to_end(server.serve(&stream, {.id = "test", .log = Log()}, {}));
  auto out = stream.take_written();
  out.erase(0, out.find("\r\n", out.find("\r\nl OK") + 2) + 2);
  return std::regex_replace(out, std::regex(R"((UIDVALIDITY|COPYUID|APPENDUID) \d+)"), "$1 V");
}

inline std::string alice(store::StoreWorld& world, const std::string& commands) {
  return dialogue(world, "alice", commands);
}
inline std::string bob(store::StoreWorld& world, const std::string& commands) {
  return dialogue(world, "bob", commands);
}

inline void expect_in(const std::string& out, std::string_view part) {
  EXPECT_NE(out.find(part), std::string::npos) << "missing: " << part << "\nin: " << out;
}
inline void expect_not_in(const std::string& out, std::string_view part) {
  EXPECT_EQ(out.find(part), std::string::npos) << "unwanted: " << part << "\nin: " << out;
}

}  // namespace pabal::server::imap
