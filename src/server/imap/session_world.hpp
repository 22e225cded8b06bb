// For tests of extensions: sessions of one user over a real store, as text.
#pragma once
#include <regex>
#include <string>

#include "account/scripted_logins.hpp"
#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "server/imap/server.hpp"
#include "store/store_world.hpp"

namespace pabal::server::imap {

class SessionWorld {
 public:
  store::StoreWorld world;
  Limits limits = {};
  std::size_t piece_limit = SIZE_MAX;

  /// All that a session of `input` says.
  [[nodiscard]] std::string run(std::string input) {
    account::ScriptedLogins logins;
    Server server(logins, *world.store, world.clock, world.metrics, limits, "mail.seoul.example");
    net::MemoryStream stream({.input = {std::move(input)},
                              .piece_limit = piece_limit,
                              .peer = net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000)});
    net::run_to_end(server.serve(&stream, {.id = "test", .log = Log()}, {}));
    return stream.take_written();
  }
  /// What is said to `commands` behind the answer to a login; UIDVALIDITYs are masked.
  [[nodiscard]] std::string say(const std::string& commands) {
    auto out = run("l LOGIN alice@seoul.example demo\r\n" + commands);
    out.erase(0, out.find("\r\n", out.find("\r\nl OK") + 2) + 2);
    return std::regex_replace(out, std::regex(R"((UIDVALIDITY|COPYUID|APPENDUID) \d+)"), "$1 V");
  }
  /// The same with INBOX open; without the answer to SELECT.
  [[nodiscard]] std::string in_inbox(const std::string& commands) {
    auto out = say("s SELECT INBOX\r\n" + commands);
    return out.substr(out.find("\r\n", out.find("\r\ns OK") + 2) + 2);
  }
  [[nodiscard]] std::uint32_t inbox_validity() {
    auto found = run_blocking(world.store->find_mailbox(store::StoreWorld::alice(), "INBOX"));
    return found ? found->uid_validity : 0;
  }
};

}  // namespace pabal::server::imap
