// For tests of mailboxes that others share: Bob at Alice's INBOX, with two letters in it.
#pragma once
#include <string>

#include "server/imap/dialogue.hpp"

namespace pabal::server::imap {

using store::StoreWorld;

inline const std::string kTheirs = "\"Other Users/alice@seoul.example/INBOX\"";

class SharedCase : public ::testing::Test {
 protected:
  SharedCase() {
    world.add_bob();
    world.deliver("Subject: one\r\n\r\n1\r\n");
    world.deliver("Subject: two\r\n\r\n2\r\n");
  }
  void give(const std::string& rights, const std::string& identifier = "bob") {
    expect_in(alice(world, "a SETACL INBOX " + identifier + " " + rights + "\r\n"), "a OK");
  }
  /// What Bob is told with it open, without the answer to SELECT.
  std::string in_theirs(const std::string& commands) {
    auto out = bob(world, "s SELECT " + kTheirs + "\r\n" + commands);
    return out.substr(out.find("\r\n", out.find("\r\ns OK") + 2) + 2);
  }
  StoreWorld world;
};

}  // namespace pabal::server::imap
