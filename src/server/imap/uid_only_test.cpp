// UIDONLY (RFC 9586): no message number comes any more.
#include <gtest/gtest.h>

#include "server/imap/session_world.hpp"

namespace pabal::server::imap {
namespace {

constexpr std::string_view kSelected =
    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent $Junk $NotJunk $Phishing)\r\n";

// The examples of RFC 9586 §3.1 to §3.5.
TEST(ImapUidOnly, TellsUidsAlone) {
  SessionWorld c;
  for (int i = 0; i < 4; ++i) c.world.deliver("A: b\r\n\r\n");
  static_cast<void>(c.in_inbox("a UID STORE 1 +FLAGS (\\Deleted)\r\nb EXPUNGE\r\n"));
  const auto out = c.in_inbox(
      "a ENABLE UIDONLY\r\nb FETCH 1 FLAGS\r\nc UID FETCH 2:3 (FLAGS)\r\nd UID FETCH 2 (UID RFC822.SIZE)\r\n"
      "e UID STORE 3:4 +FLAGS (\\Deleted)\r\nf UID SEARCH 1:2\r\ng UID SEARCH UID 1:2\r\nh SEARCH ALL\r\n"
      "i STORE 1 +FLAGS (\\Seen)\r\nj COPY 1 Trash\r\nk MOVE 1 Trash\r\nl UID EXPUNGE 4\r\nm UID MOVE 3 Trash\r\n"
      "n UID REPLACE 2 INBOX {8+}\r\nA: c\r\n\r\n\r\no REPLACE 1 INBOX {8+}\r\nA: c\r\n\r\n\r\n");
  EXPECT_EQ(out,
            "* ENABLED UIDONLY\r\na OK Done.\r\nb BAD [UIDREQUIRED] message numbers are off (UIDONLY)\r\n"
            "* 2 UIDFETCH (FLAGS ())\r\n* 3 UIDFETCH (FLAGS ())\r\nc OK Done.\r\n"
            "* 2 UIDFETCH (UID 2 RFC822.SIZE 14)\r\nd OK Done.\r\n"
            "* 3 UIDFETCH (FLAGS (\\Deleted))\r\n* 4 UIDFETCH (FLAGS (\\Deleted))\r\ne OK Done.\r\n"
            "f BAD [UIDREQUIRED] message numbers are off (UIDONLY)\r\n* SEARCH 2\r\ng OK Done.\r\n"
            "h BAD [UIDREQUIRED] message numbers are off (UIDONLY)\r\ni BAD [UIDREQUIRED] message numbers are off "
            "(UIDONLY)\r\nj BAD [UIDREQUIRED] message numbers are off (UIDONLY)\r\nk BAD [UIDREQUIRED] message numbers "
            "are off (UIDONLY)\r\n* VANISHED 4\r\nl OK Done.\r\n* OK [COPYUID V 3 1] Moved.\r\n* VANISHED 3\r\n"
            "m OK Moved.\r\n* OK [APPENDUID V 5] The replacement is there.\r\n* VANISHED 2\r\n* 1 EXISTS\r\n"
            "* 1 RECENT\r\nn OK Replaced.\r\no BAD [UIDREQUIRED] message numbers are off (UIDONLY)\r\n");
  const auto selected = c.say("a ENABLE UIDONLY\r\nb SELECT INBOX\r\n");
  EXPECT_NE(selected.find(kSelected), std::string::npos) << selected;
  EXPECT_EQ(selected.find("UNSEEN"), std::string::npos) << selected;
}

}  // namespace
}  // namespace pabal::server::imap
