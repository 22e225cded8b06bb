#include "imap/rules.hpp"

#include <gtest/gtest.h>

#include "imap/command_dump.hpp"

namespace pabal::imap {
namespace {

std::string refused(std::string_view line, const SessionFacts& facts) {
  const auto command = parse_command(line, {});
  if (!command) return "unparsable: " + testing::dump(command.error().refusal);
  const auto found = refusal(*command, facts);
  return found ? testing::dump(*found) : ".";
}

// Each command in the four states, everything on.
std::string row(std::string_view line) {
  std::string out;
  for (const auto state :
       {SessionState::not_authenticated, SessionState::authenticated, SessionState::selected, SessionState::logout}) {
    SessionFacts facts{.state = state, .features = Features::all()};
    facts.tls_available = true;
    facts.plaintext_allowed = true;
    facts.qresync = true;
    const auto found = refused(line, facts);
    out += found == "." ? "+" : found.starts_with("BAD ") ? "-" : "?";
  }
  return out;
}

TEST(Rules, States) {
  for (const auto* line : {"a CAPABILITY", "a NOOP", "a LOGOUT", "a ID NIL", "a LANGUAGE"}) {
    EXPECT_EQ(row(line), "+++-") << line;
  }
  for (const auto* line : {"a LOGIN a b", "a AUTHENTICATE PLAIN", "a STARTTLS"}) EXPECT_EQ(row(line), "+---") << line;
  for (const auto* line : {"a ENABLE CONDSTORE",
                           "a SELECT INBOX",
                           "a EXAMINE INBOX",
                           "a CREATE a",
                           "a DELETE a",
                           "a RENAME a b",
                           "a SUBSCRIBE a",
                           "a UNSUBSCRIBE a",
                           "a LIST \"\" *",
                           "a LSUB \"\" *",
                           "a NAMESPACE",
                           "a STATUS a (MESSAGES)",
                           "a IDLE",
                           "a GETACL a",
                           "a SETACL a b lr",
                           "a DELETEACL a b",
                           "a LISTRIGHTS a b",
                           "a MYRIGHTS a",
                           "a GETQUOTA \"\"",
                           "a GETQUOTAROOT a",
                           "a SETQUOTA \"\" ()",
                           "a GETMETADATA \"\" /shared/x",
                           "a SETMETADATA \"\" (/shared/x NIL)",
                           "a NOTIFY NONE",
                           "a COMPRESS DEFLATE",
                           "a COMPARATOR",
                           "a RESETKEY",
                           "a GENURLAUTH imap://x INTERNAL",
                           "a URLFETCH imap://x",
                           "a UNAUTHENTICATE",
                           "a ESEARCH IN (personal) ALL"}) {
    EXPECT_EQ(row(line), "-++-") << line;
  }
  for (const auto* line :
       {"a CHECK", "a CLOSE", "a UNSELECT", "a EXPUNGE", "a UID EXPUNGE 1", "a SEARCH ALL", "a FETCH 1 FLAGS",
        "a STORE 1 FLAGS ()", "a COPY 1 b", "a MOVE 1 b", "a SORT (DATE) UTF-8 ALL", "a THREAD REFS UTF-8 ALL",
        "a ESEARCH ALL", "a CANCELUPDATE \"x\""}) {
    EXPECT_EQ(row(line), "--+-") << line;
  }
}

TEST(Rules, PasswordsAndTls) {
  SessionFacts facts{.features = Features::all()};
  EXPECT_EQ(refused("a LOGIN a b", facts), "NO [PRIVACYREQUIRED] passwords in plain text only over TLS");
  EXPECT_EQ(refused("a STARTTLS", facts), "BAD TLS is not available here");
  facts.tls_available = true;
  EXPECT_EQ(refused("a STARTTLS", facts), ".");
  facts.tls = true;
  facts.plaintext_allowed = true;
  EXPECT_EQ(refused("a STARTTLS", facts), "BAD TLS is active already");
  EXPECT_EQ(refused("a LOGIN a b", facts), ".");
}

TEST(Rules, ReadOnlyAndUidOnly) {
  SessionFacts facts{.state = SessionState::selected, .features = Features::all(), .read_only = true};
  for (const auto* line :
       {"a STORE 1 FLAGS ()", "a UID STORE 1 FLAGS ()", "a EXPUNGE", "a UID EXPUNGE 1", "a MOVE 1 b"}) {
    EXPECT_EQ(refused(line, facts), "NO [NOPERM] the mailbox is read-only") << line;
  }
  for (const auto* line : {"a FETCH 1 FLAGS", "a COPY 1 b", "a CLOSE", "a SEARCH ALL"})
    EXPECT_EQ(refused(line, facts), ".");
  facts.read_only = false;
  facts.uid_only = true;
  for (const auto* line : {"a STORE 1 FLAGS ()", "a FETCH 1 FLAGS", "a COPY 1 b", "a MOVE 1 b", "a SEARCH ALL",
                           "a SORT (DATE) UTF-8 ALL"}) {
    EXPECT_EQ(refused(line, facts), "BAD [UIDREQUIRED] message numbers are off (UIDONLY)") << line;
  }
  for (const auto* line : {"a UID STORE 1 FLAGS ()", "a UID FETCH 1 FLAGS", "a UID SEARCH ALL", "a EXPUNGE"}) {
    EXPECT_EQ(refused(line, facts), ".") << line;
  }
}

// Nothing works whose feature is off; rev1's own commands do.
TEST(Rules, FeaturesOff) {
  SessionFacts facts{.state = SessionState::selected, .features = {}, .qresync = true};
  for (const auto* line : {"a ID NIL", "a IDLE", "a NAMESPACE", "a ENABLE X", "a UNSELECT", "a MOVE 1 b",
                           "a UID EXPUNGE 1", "a GETACL a", "a GETQUOTA \"\"", "a NOTIFY NONE", "a COMPRESS DEFLATE",
                           "a SORT (DATE) UTF-8 ALL", "a THREAD REFS UTF-8 ALL", "a ESEARCH ALL", "a LANGUAGE",
                           "a COMPARATOR", "a URLFETCH x", "a UNAUTHENTICATE", "a GETMETADATA \"\" /shared/a"}) {
    EXPECT_EQ(refused(line, facts), "BAD unknown command") << line;
  }
  for (const auto* line :
       {"a FETCH 1 (FLAGS MODSEQ)", "a FETCH 1 BINARY[1]", "a FETCH 1 PREVIEW", "a FETCH 1 EMAILID"}) {
    EXPECT_EQ(refused(line, facts), "BAD unknown item of FETCH") << line;
  }
  for (const auto* line : {"a SEARCH YOUNGER 5", "a SEARCH NOT (OR ALL FUZZY TEXT x)", "a SEARCH MODSEQ 4"}) {
    EXPECT_EQ(refused(line, facts), "BAD unknown search key") << line;
  }
  EXPECT_EQ(refused("a SEARCH RETURN (MIN) ALL", facts), "BAD unknown result option");
  EXPECT_EQ(refused("a SELECT a (CONDSTORE)", facts), "BAD unknown parameter");
  EXPECT_EQ(refused("a STORE 1 (UNCHANGEDSINCE 3) FLAGS ()", facts), "BAD unknown modifier");
  EXPECT_EQ(refused("a CREATE a (USE (\\Sent))", facts), "BAD unknown parameter");
  for (const auto* line : {"a FETCH 1 (FLAGS BODY[1.2])", "a SEARCH NOT OR SEEN TEXT x", "a LSUB \"\" *", "a CHECK"}) {
    EXPECT_EQ(refused(line, facts), ".") << line;
  }
}

TEST(Rules, Qresync) {
  SessionFacts facts{.state = SessionState::selected, .features = Features::all()};
  EXPECT_EQ(refused("a SELECT a (QRESYNC (1 2))", facts), "BAD QRESYNC needs ENABLE QRESYNC");
  EXPECT_EQ(refused("a UID FETCH 1 FLAGS (CHANGEDSINCE 3 VANISHED)", facts), "BAD VANISHED needs ENABLE QRESYNC");
  facts.qresync = true;
  EXPECT_EQ(refused("a SELECT a (QRESYNC (1 2))", facts), ".");
  EXPECT_EQ(refused("a UID FETCH 1 FLAGS (CHANGEDSINCE 3 VANISHED)", facts), ".");
  facts.uid_only = true;
  EXPECT_EQ(refused("a SELECT a (QRESYNC (1 2 1:3 (1 2)))", facts),
            "BAD [UIDREQUIRED] message numbers are off (UIDONLY)");
}

TEST(Capability, ByState) {
  const std::string_view mechanisms[] = {"SCRAM-SHA-256", "PLAIN"};
  CapabilityFacts facts;
  EXPECT_EQ(capabilities(facts), "IMAP4rev1 LITERAL+ LOGINDISABLED");
  facts.features = {Feature::rev2, Feature::id, Feature::idle, Feature::compress, Feature::append_limit, Feature::acl};
  facts.tls_available = true;
  facts.literal_minus = true;
  EXPECT_EQ(capabilities(facts), "IMAP4rev2 IMAP4rev1 LITERAL- ID STARTTLS LOGINDISABLED");
  facts.tls = true;
  facts.plaintext_allowed = true;
  facts.mechanisms = mechanisms;
  EXPECT_EQ(capabilities(facts), "IMAP4rev2 IMAP4rev1 LITERAL- ID SASL-IR AUTH=SCRAM-SHA-256 AUTH=PLAIN");
  facts.logged_in = true;
  EXPECT_EQ(capabilities(facts), "IMAP4rev2 IMAP4rev1 LITERAL- ACL RIGHTS=texk ID IDLE COMPRESS=DEFLATE APPENDLIMIT");
  facts.compressed = true;
  facts.append_limit = 50;
  facts.message_limit = 1000;
  facts.save_limit = 9;
  EXPECT_EQ(capabilities(facts),
            "IMAP4rev2 IMAP4rev1 LITERAL- ACL RIGHTS=texk ID IDLE APPENDLIMIT=50 MESSAGELIMIT=1000 SAVELIMIT=9");
}

// Every feature has words of its own, none is forgotten in the table.
TEST(Capability, EveryFeature) {
  for (std::size_t i = 0; i < kFeatures; ++i) {
    CapabilityFacts facts;
    facts.logged_in = true;
    const auto without = capabilities(facts);
    facts.features.set(static_cast<Feature>(i));
    EXPECT_GT(capabilities(facts).size(), without.size()) << i;
  }
}

}  // namespace
}  // namespace pabal::imap
