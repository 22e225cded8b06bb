// Searches over a real store, for tests: what a client hears, as lines.
#pragma once
#include <string>
#include <vector>

#include "account/scripted_logins.hpp"
#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "server/imap/server.hpp"
#include "store/store_world.hpp"

namespace pabal::server::imap {

class SearchCase {
 public:
  explicit SearchCase(const store::StoreOptions& options = {}) : world(options) {}

  store::StoreWorld world;

  /// A letter of a header without Date and a body.
  void letter(std::string_view header, std::string_view body = "") {
    world.deliver(fmt::format("{}\r\n\r\n{}\r\n", header, body));
  }
  /// What is said to commands in INBOX ("a …", lines with CRLF), without the answers to LOGIN and SELECT.
  [[nodiscard]] std::string say(const std::string& commands, const Limits& limits = {}) {
    account::ScriptedLogins logins;
    Server server(logins, *world.store, world.clock, world.metrics, limits);
    net::MemoryStream stream({.input = {"l LOGIN alice@seoul.example demo\r\nl SELECT INBOX\r\n" + commands},
                              .piece_limit = SIZE_MAX,
                              .peer = net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000)});
    net::run_to_end(server.serve(&stream, {.id = "test", .log = Log()}, {}));
    auto out = stream.take_written();
    const auto selected = out.find("\r\nl OK [READ-WRITE]");
    out.erase(0, out.find("\r\n", selected + 2) + 2);
    return out;
  }
  /// The untagged line that a command gives, without "* " and its end.
  [[nodiscard]] std::string ask(const std::string& command) {
    const auto out = say("a " + command + "\r\n");
    if (!out.starts_with("* ") || !out.ends_with("\r\na OK Done.\r\n")) return out;
    return out.substr(2, out.find("\r\n") - 2);
  }
};

}  // namespace pabal::server::imap
