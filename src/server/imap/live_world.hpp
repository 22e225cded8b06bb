// For tests: several sessions at once over a real store, command by command.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "account/scripted_logins.hpp"
#include "net/memory_stream.hpp"
#include "server/imap/server.hpp"
#include "store/store_world.hpp"

namespace pabal::server::imap {

class LiveWorld {
  asio::io_context io_{1};  // first: what the others hold of it goes before it

 public:
  store::StoreWorld world;
  Limits limits = {};

  LiveWorld() = default;
  ~LiveWorld() {
    for (auto& stream : streams_) stream->end();
    while (running_ > 0 && io_.run_one_for(std::chrono::seconds(10)) != 0) {
    }
    EXPECT_EQ(running_, 0U);
  }
  LiveWorld(const LiveWorld&) = delete;
  LiveWorld& operator=(const LiveWorld&) = delete;

  /// A session of alice or bob. Its number.
  std::size_t login(const std::string& user) {
    if (!server_) {
      server_ =
          std::make_unique<Server>(logins_, *world.store, world.clock, world.metrics, limits, "mail.seoul.example");
    }
    const auto number = streams_.size();
    auto& stream = *streams_.emplace_back(std::make_unique<net::MemoryStream>(net::MemoryStream::Options{
        .ends = false, .peer = net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000)}));
    ++running_;
    asio::co_spawn(io_.get_executor(), server_->serve(&stream, {.id = "test", .log = Log()}, {}),
                   [this](const std::exception_ptr& thrown) {
                     EXPECT_FALSE(thrown);
                     --running_;
                   });
    static_cast<void>(say(number, fmt::format("l LOGIN {}@seoul.example demo", user)));
    return number;
  }
  /// A session of alice's with INBOX open.
  std::size_t begin(const std::string& before_select = {}) {
    const auto number = login("alice");
    if (!before_select.empty()) static_cast<void>(say(number, before_select));
    static_cast<void>(say(number, "s SELECT INBOX"));
    return number;
  }

  /// All that is said from a command to its tagged answer.
  std::string say(std::size_t number, const std::string& command) {
    send(number, command);
    const auto tag = command.substr(0, command.find(' '));
    return hear(number, [&](const std::string& out) {
      const auto line = out.starts_with(tag + ' ') ? 0 : out.find("\r\n" + tag + ' ');
      return line != std::string::npos && out.ends_with("\r\n");
    });
  }
  void send(std::size_t number, const std::string& line) { streams_[number]->feed(line + "\r\n"); }
  /// What is said until it ends like this.
  std::string hear_until(std::size_t number, std::string_view end) {
    return hear(number, [&](const std::string& out) { return out.ends_with(end); });
  }
  /// What is said until `done` takes it.
  template <class Done>
  std::string hear(std::size_t number, Done done) {
    auto& stream = *streams_[number];
    while (!done(stream.written())) {
      if (io_.run_one_for(std::chrono::seconds(20)) == 0) {
        ADD_FAILURE() << "nothing comes behind: " << stream.written();
        break;
      }
    }
    return stream.take_written();
  }

 private:
  account::ScriptedLogins logins_;
  std::unique_ptr<Server> server_;
  std::vector<std::unique_ptr<net::MemoryStream>> streams_;
  std::size_t running_ = 0;
};

}  // namespace pabal::server::imap
