#include "imap/command.hpp"

#include <gtest/gtest.h>

#include "imap/command_dump.hpp"

namespace pabal::imap {
namespace {

using testing::dump_parsed;

struct Case {
  std::string octets;
  std::string expected;
};

void check(const std::vector<Case>& cases, const ParseRules& rules = {}) {
  for (const auto& [octets, expected] : cases) EXPECT_EQ(dump_parsed(octets, rules), expected) << octets;
}

// What is no command at all, and the commands without arguments.
TEST(Command, Plain) {
  check({
      {"a NOOP", "a NOOP"},
      {"a noop  ", "a NOOP"},
      {"a NOOP x", "a BAD too many arguments"},
      {"a NOOPx", "a BAD unknown command"},
      {"A88345", "* BAD a command begins with a tag and a space"},
      {"A88345 ", "A88345 BAD a command is missing"},
      {"", "* BAD a command begins with a tag and a space"},
      {" NOOP", "* BAD a command begins with a tag and a space"},
      {"((( NOOP", "* BAD a command begins with a tag and a space"},
      {"a+ NOOP", "* BAD a command begins with a tag and a space"},
      {"* NOOP", "* BAD a command begins with a tag and a space"},
      {"a] CAPABILITY", "a] CAPABILITY"},
      {"a  NOOP", "a BAD a command is missing"},
      {"a UID NOOP", "a BAD unknown command"},
      {"a UID", "a BAD unknown command"},
      {"a BOGUS x", "a BAD unknown command"},
      {"a CHECK", "a CHECK"},
      {"a CLOSE", "a CLOSE"},
      {"a UNSELECT", "a UNSELECT"},
      {"a EXPUNGE", "a EXPUNGE"},
      {"a EXPUNGE 1", "a BAD too many arguments"},
      {"a UID EXPUNGE 3000:3002", "a UID EXPUNGE 3000:3002"},
      {"a UID EXPUNGE", "a BAD arguments are missing"},
      {"a IDLE", "a IDLE"},
      {"a LOGOUT", "a LOGOUT"},
      {"a NAMESPACE", "a NAMESPACE"},
      {"a STARTTLS", "a STARTTLS"},
      {"a UNAUTHENTICATE", "a UNAUTHENTICATE"},
      {"a APPEND INBOX", "a BAD a message is missing"},
      {std::string("a LOGIN a\0b c", 13), "a BAD a space is missing"},
  });
}

TEST(Command, Login) {
  check({
      {"a LOGIN joe secret", "a LOGIN [joe] [secret]"},
      {"a LOGIN \"joe\" \"se \\\"cr\\\\et\"", "a LOGIN [joe] [se \"cr\\et]"},
      {"a LOGIN \"joe\" \"s\\ecret\"", "a BAD a quoted string is wrong"},
      {"a LOGIN \"joe", "a BAD a quoted string is wrong"},
      {"a LOGIN {3}\r\njoe {6+}\r\nsecret", "a LOGIN [joe] [secret]"},
      {"a LOGIN {3}\njoe {0}\r\n", "a LOGIN [joe] []"},
      {"a LOGIN {4}\r\njoe", "a BAD a literal is not whole"},
      {"a LOGIN {3}joe x", "a BAD a string is missing"},
      {"a LOGIN ~{3}\r\njoe x", "a BAD a space is missing"},
      {"a LOGIN joe{3} x", "a BAD a space is missing"},
      {std::string("a LOGIN {3}\r\nj\0e x", 18), "a BAD NUL in a literal"},
      {"a LOGIN \"\" \"\"", "a LOGIN [] []"},
      {"a LOGIN joe", "a BAD arguments are missing"},
      {"a LOGIN a]b c]", "a LOGIN [a]b] [c]]"},
      {"a LOGIN joe \"\xEC\x95\x94\"", "a LOGIN [joe] [\xEC\x95\x94]"},
      {"a LOGIN joe \"\xFF\"", "a BAD a quoted string is not UTF-8"},
      {"a LOGIN joe {1}\r\n\xFF", "a LOGIN [joe] [\xFF]"},
      {"a AUTHENTICATE plain", "a AUTHENTICATE PLAIN"},
      {"a AUTHENTICATE PLAIN =", "a AUTHENTICATE PLAIN [=]"},
      {"a AUTHENTICATE PLAIN AHRlc3QAdGVzdA==", "a AUTHENTICATE PLAIN [AHRlc3QAdGVzdA==]"},
      {"a AUTHENTICATE", "a BAD arguments are missing"},
      {"a AUTHENTICATE PLAIN a b", "a BAD too many arguments"},
      {"a ENABLE condstore IMAP4rev2", "a ENABLE CONDSTORE|IMAP4REV2"},
      {"a ENABLE", "a BAD arguments are missing"},
      {"a COMPRESS deflate", "a COMPRESS DEFLATE"},
      {"a LANGUAGE", "a LANGUAGE "},
      {"a LANGUAGE ko \"en\"", "a LANGUAGE ko|en"},
      {"a COMPARATOR i;unicode-casemap", "a COMPARATOR i;unicode-casemap"},
      {"a CANCELUPDATE \"x1\" \"x2\"", "a CANCELUPDATE x1|x2"},
      {"a ID NIL", "a ID"},
      {"a ID ()", "a ID"},
      {"a023 ID (\"name\" \"sodr\" \"version\" \"19.34\" \"vendor\" NIL)",
       "a023 ID name=sodr version=19.34 vendor=NIL"},
      {"a ID (\"name\")", "a BAD a space is missing"},
  });
}

}  // namespace
}  // namespace pabal::imap
