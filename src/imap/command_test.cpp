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

TEST(Command, Mailboxes) {
  check({
      {"a SELECT inbox", "a SELECT <INBOX>"},
      {"a SELECT \"a b\"", "a SELECT <a b>"},
      {"a EXAMINE {5}\r\na/b/c", "a EXAMINE <a/b/c>"},
      {"a SELECT INBOX (CONDSTORE)", "a SELECT <INBOX> condstore"},
      {"A02 SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
       "A02 SELECT <INBOX> qresync 67890007 20050715194045000 known 41,43:211,214:541"},
      {"A03 SELECT INBOX (QRESYNC (67890007 90060115194045000 41:211,214:541))",
       "A03 SELECT <INBOX> qresync 67890007 90060115194045000 known 41:211,214:541"},
      {"a SELECT INBOX (QRESYNC (1 2 1:3 (1,3 5,9)) CONDSTORE)",
       "a SELECT <INBOX> condstore qresync 1 2 known 1:3 match 1,3=5,9"},
      {"a SELECT INBOX (QRESYNC (1 2 (1,3 5,9)))", "a SELECT <INBOX> qresync 1 2 match 1,3=5,9"},
      {"a SELECT INBOX (QRESYNC (1 2 1:* ))", "a BAD only numbers may be in this set"},
      {"a SELECT INBOX (QRESYNC (1 2 $))", "a BAD only numbers may be in this set"},
      {"a SELECT INBOX (QRESYNC (1 2 (1:3 5,9)))", "a BAD as many numbers as UIDs are needed"},
      {"a SELECT INBOX (QRESYNC (0 2))", "a BAD 0 can't be meant"},
      {"a SELECT INBOX (UTF8)", "a BAD unknown parameter"},
      {"a SELECT INBOX ()", "a BAD unknown parameter"},
      {"a SELECT \"\"", "a NO [CANNOT] not a mailbox name: empty"},
      {"a SELECT a//b", "a NO [CANNOT] not a mailbox name: an empty level"},
      {"a SELECT a/", "a NO [CANNOT] not a mailbox name: an empty level"},
      {"a SELECT a&b", "a NO [CANNOT] not a mailbox name: not modified UTF-7"},
      {"a SELECT \"\xEC\x95\x94\"", "a NO [CANNOT] not a mailbox name: not modified UTF-7"},
      {"a SELECT &vPSwuA-", "a SELECT <\xEB\xB3\xB4\xEB\x82\xB8>"},
      {"a SELECT a b", "a BAD too many arguments"},
      {"a CREATE a/b/", "a CREATE <a/b> for children"},
      {"a CREATE \"a%\"", "a NO [CANNOT] a name with %, * or # can't be given"},
      {"a CREATE #news", "a NO [CANNOT] a name with %, * or # can't be given"},
      {"a CREATE a*", "a BAD wrong arguments"},
      {"t2 CREATE MySpecial (USE (\\Drafts \\sent))", "t2 CREATE <MySpecial> use \\Drafts|\\Sent"},
      {"a CREATE x (USE ())", "a CREATE <x>"},
      {"a CREATE x (FOO ())", "a BAD unknown parameter"},
      {"a DELETE a", "a DELETE <a>"},
      {"a RENAME INBOX \"old mail\"", "a RENAME <INBOX> <old mail>"},
      {"a RENAME a", "a BAD arguments are missing"},
      {"a SUBSCRIBE #news.comp", "a SUBSCRIBE <#news.comp>"},
      {"a UNSUBSCRIBE b", "a UNSUBSCRIBE <b>"},
      {"a STATUS blurdybloop (UIDNEXT MESSAGES)", "a STATUS <blurdybloop> 3"},
      {"a STATUS x (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE RECENT HIGHESTMODSEQ MAILBOXID APPENDLIMIT "
       "DELETED-STORAGE)",
       "a STATUS <x> 2047"},
      {"a STATUS x ()", "a BAD unknown item of STATUS"},
      {"a STATUS x MESSAGES", "a BAD \"(\" is missing"},
  });
  check({{"a SELECT \"\xEC\x95\x94\"", "a SELECT <\xEC\x95\x94>"},
         {"a SELECT a&b", "a SELECT <a&b>"},
         // Decomposed Hangul is the same name.
         {"a SELECT \"\xE1\x84\x8B\xE1\x85\xA1\xE1\x86\xB7\"", "a SELECT <\xEC\x95\x94>"}},
        {.utf8 = true});
}

TEST(Command, List) {
  check({
      {"A101 LIST \"\" \"\"", "A101 LIST [] "},
      {"A202 LIST ~/Mail/ %", "A202 LIST [~/Mail/] %"},
      {"a LIST \"\" *", "a LIST [] *"},
      {"a LIST \"\" (\"INBOX\" \"Drafts\" Sent/%)", "a LIST extended [] INBOX|Drafts|Sent/%"},
      {"A03 LIST () \"\" \"%\" RETURN (CHILDREN)", "A03 LIST extended [] % >children"},
      {"A04 LIST (REMOTE) \"\" \"%\" RETURN (CHILDREN)", "A04 LIST extended remote [] % >children"},
      {"A05 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" *", "A05 LIST extended subscribed recursive [] *"},
      {"a LIST (RECURSIVEMATCH) \"\" *", "a BAD RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE"},
      {"a LIST (REMOTE RECURSIVEMATCH) \"\" *", "a BAD RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE"},
      {"a LIST (SPECIAL-USE) \"\" % RETURN (SPECIAL-USE SUBSCRIBED)",
       "a LIST extended special-use [] % >subscribed >special-use"},
      {"A01 LIST \"\" % RETURN (STATUS (MESSAGES UNSEEN))", "A01 LIST extended [] % >status 9"},
      {"a LIST \"\" % RETURN (SUBSCRIBED STATUS (SIZE) MYRIGHTS)",
       "a LIST extended [] % >subscribed >myrights >status 32"},
      {"a LIST \"\" % RETURN (METADATA (\"/shared/vendor/cmu/cyrus-imapd/color\"))",
       "a LIST extended [] % >metadata /shared/vendor/cmu/cyrus-imapd/color"},
      {"a LIST \"\" % RETURN (METADATA /private/x)", "a LIST extended [] % >metadata /private/x"},
      {"a LIST \"\" % RETURN (METADATA (/private/x /Private/X /private/x))",
       "a LIST extended [] % >metadata /private/x"},
      {"a LIST \"\" % RETURN ()", "a LIST extended [] %"},
      {"a LIST \"\" % RETURN (FOO)", "a BAD unknown return option"},
      {"a LIST (FOO) \"\" %", "a BAD unknown selection option"},
      {"a LIST \"\" ()", "a BAD a pattern is missing"},
      {"a LIST \"\"", "a BAD arguments are missing"},
      {"a LIST \"\" {1}\r\n*", "a LIST [] *"},
      {"a LSUB \"#news.\" \"comp.mail.*\"", "a LSUB subscribed [#news.] comp.mail.*"},
      {"a LSUB \"\" (a b)", "a BAD a pattern is missing"},
  });
}

TEST(Command, Fetch) {
  check({
      {"a FETCH 2:4 ALL", "a FETCH 2:4 flags,internaldate,size,envelope"},
      {"a FETCH 1 FAST", "a FETCH 1 flags,internaldate,size"},
      {"a FETCH 1 full", "a FETCH 1 flags,internaldate,size,envelope,body"},
      {"a FETCH 1 (ALL)", "a BAD unknown item of FETCH"},
      {"A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
       "A654 FETCH 2:4 flags,body[HEADER.FIELDS (DATE FROM)]"},
      {"a FETCH 1,2,* (FLAGS flags)", "a FETCH 1,2,* flags"},
      {"a FETCH 1 BODY[]", "a FETCH 1 body[]"},
      {"a FETCH 1 BODY", "a FETCH 1 body"},
      {"a FETCH 1 (BODYSTRUCTURE UID ENVELOPE INTERNALDATE RFC822.SIZE)",
       "a FETCH 1 bodystructure,uid,envelope,internaldate,size"},
      {"a FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT)", "a FETCH 1 rfc822,rfc822.header,rfc822.text"},
      {"a FETCH 1 BODY.PEEK[1.2.3.MIME]<0.2048>", "a FETCH 1 body.peek[1.2.3.MIME]<0.2048>"},
      {"a FETCH 1 BODY[4.2.2.HEADER]", "a FETCH 1 body[4.2.2.HEADER]"},
      {"a FETCH 1 BODY[TEXT]<3.1>", "a FETCH 1 body[TEXT]<3.1>"},
      {"a FETCH 1 BODY[TEXT]<3.0>", "a BAD 0 can't be meant"},
      {"a FETCH 1 BODY[TEXT]<3>", "a FETCH 1 body[TEXT]<3.9223372036854775807>"},
      {"a FETCH 1 BODY[TEXT]<3.>", "a BAD a number is missing"},
      {"a FETCH 1 BODY[MIME]", "a BAD MIME needs a part"},
      {"a FETCH 1 BODY[1.]", "a BAD not a section"},
      {"a FETCH 1 BODY[0]", "a BAD 0 can't be meant"},
      {"a FETCH 1 BODY[1.HEADER.FIELDS.NOT (X-A \"b c\")]", "a FETCH 1 body[1.HEADER.FIELDS.NOT (X-A \"b c\")]"},
      {"a FETCH 1 BODY[HEADER.FIELDS ()]", "a BAD a word or string is missing"},
      {"a FETCH 1 BODY[HEADERS]", "a BAD \"]\" is missing"},
      {"a FETCH 1 BODY [TEXT]", "a BAD too many arguments"},
      {"a FETCH 1 (BINARY[1] BINARY.PEEK[2.1]<0.5> BINARY.SIZE[3])",
       "a FETCH 1 binary[1],binary.peek[2.1]<0.5>,binary.size[3]"},
      {"a FETCH 1 BINARY[]", "a FETCH 1 binary[]"},
      {"a FETCH 1 (BINARY[1.TEXT] BINARY.SIZE[2.MIME])", "a FETCH 1 binary[1.TEXT],binary.size[2.MIME]"},
      {"a FETCH 1 BINARY[MIME]", "a BAD MIME needs a part"},
      {"a FETCH 1 BINARY.SIZE[3]<0.1>", "a BAD wrong arguments"},
      {"a FETCH 1 (MODSEQ EMAILID THREADID SAVEDATE)", "a FETCH 1 modseq,emailid,threadid,savedate"},
      {"a FETCH 1 (PREVIEW (LAZY))", "a FETCH 1 preview lazy"},
      {"a FETCH 1 PREVIEW", "a FETCH 1 preview"},
      {"a FETCH 1 (PREVIEW (EAGER))", "a BAD unknown modifier of PREVIEW"},
      {"s100 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345)", "s100 UID FETCH 1:* flags changedsince 12345"},
      {"s100 UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)",
       "s100 UID FETCH 300:500 flags changedsince 12345 vanished"},
      {"a FETCH 1 (FLAGS) (CHANGEDSINCE 12345 VANISHED)", "a BAD VANISHED needs UID FETCH and CHANGEDSINCE"},
      {"a UID FETCH 1 (FLAGS) (VANISHED)", "a BAD VANISHED needs UID FETCH and CHANGEDSINCE"},
      {"10 UID FETCH 25900:26600 (FLAGS) (PARTIAL -1:-30)", "10 UID FETCH 25900:26600 flags partial -1:-30"},
      {"a FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)", "a BAD a number is too large"},
      {"a FETCH 1 FLAGS ()", "a BAD unknown modifier"},
      {"a FETCH 0 FLAGS", "a BAD not a set of messages"},
      {"a FETCH $ FLAGS", "a FETCH $ flags"},
      {"a FETCH 1: FLAGS", "a BAD not a set of messages"},
      {"a FETCH 4294967296 FLAGS", "a BAD not a set of messages"},
      {"a FETCH 1 ()", "a BAD unknown item of FETCH"},
      {"a FETCH 1", "a BAD arguments are missing"},
      {"a FETCH FLAGS", "a BAD not a set of messages"},
  });
  EXPECT_EQ(dump_parsed("a FETCH 1 BODY[1" + std::string(200, '.') + "1]"), "a BAD not a section");
  std::string deep = "1";
  for (int i = 0; i < 200; ++i) deep += ".1";
  EXPECT_EQ(dump_parsed("a FETCH 1 BODY[" + deep + "]"), "a BAD a section is too deep");
}

TEST(Command, StoreAndCopy) {
  check({
      {"A003 STORE 2:4 +FLAGS (\\Deleted)", "A003 STORE 2:4 +(\\Deleted)"},
      {"a STORE 1 FLAGS (\\seen $Forwarded work)", "a STORE 1 =(\\Seen $Forwarded work)"},
      {"a STORE 1 -FLAGS.SILENT \\Seen \\Draft", "a STORE 1 -(\\Seen \\Draft) silent"},
      {"a STORE 1 FLAGS ()", "a STORE 1 =()"},
      {"a STORE 1 FLAGS (\\Recent)", "a BAD a flag that can't be set"},
      {"a STORE 1 FLAGS (\\Foo)", "a BAD a flag that can't be set"},
      {"a STORE 1 FLAGS ($seen Work work)", "a STORE 1 =(\\Seen Work)"},
      {"a STORE 1 FLAGS (a]b)", "a BAD a space is missing"},
      {"d105 STORE 7,5,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)",
       "d105 STORE 7,5,9 +(\\Deleted) silent unchangedsince 320162338"},
      {"a STORE 1 (UNCHANGEDSINCE 0) FLAGS ()", "a STORE 1 =() unchangedsince 0"},
      {"a STORE 1 (FOO 0) FLAGS ()", "a BAD unknown modifier"},
      {"a STORE 1 FLAG ()", "a BAD FLAGS is missing"},
      {"a STORE 1 FLAGS", "a BAD arguments are missing"},
      {"a UID STORE $ FLAGS (x)", "a UID STORE $ =(x)"},
      {"A003 COPY 2:4 MEETING", "A003 COPY 2:4 <MEETING>"},
      {"a UID MOVE 42:69 foo", "a UID MOVE 42:69 <foo>"},
      {"a COPY 1", "a BAD arguments are missing"},
  });
}

TEST(Command, Search) {
  check({
      {"a SEARCH ALL", "a SEARCH all"},
      {"A282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
       "A282 SEARCH and(\\Flagged since:1994-02-01 not(from[Smith]))"},
      {"A283 SEARCH TEXT \"string not in mailbox\"", "A283 SEARCH text[string not in mailbox]"},
      {"A284 SEARCH CHARSET UTF-8 TEXT {6}\r\n\xD0\xB0\xD0\xB1\xD0\xB2",
       "A284 SEARCH charset UTF-8 text[\xD0\xB0\xD0\xB1\xD0\xB2]"},
      {"a SEARCH CHARSET EUC-KR SUBJECT {4}\r\n\xBE\xCF\xC8\xA3",
       "a SEARCH charset EUC-KR subject[\xEC\x95\x94\xED\x98\xB8]"},
      {"a SEARCH CHARSET X-NONE ALL", "a NO [BADCHARSET (UTF-8 US-ASCII)] unknown charset"},
      {"a SEARCH TEXT {1}\r\n\xFF", "a BAD search text that is not in its charset"},
      {"a SEARCH OR SEEN (DELETED UNDRAFT) 1:3", "a SEARCH and(or(\\Seen and(\\Deleted not(\\Draft))) 1:3)"},
      {"a SEARCH NEW OLD RECENT", "a SEARCH and(and(recent not(\\Seen)) not(recent) recent)"},
      {"a SEARCH ANSWERED DELETED DRAFT FLAGGED UNANSWERED UNDELETED UNFLAGGED UNSEEN",
       "a SEARCH and(\\Answered \\Deleted \\Draft \\Flagged not(\\Answered) not(\\Deleted) not(\\Flagged) "
       "not(\\Seen))"},
      {"a SEARCH KEYWORD $Junk UNKEYWORD x KEYWORD $seen", "a SEARCH and($Junk not(x) \\Seen)"},
      {"a SEARCH KEYWORD \\Seen", "a BAD a keyword is missing"},
      {"a SEARCH BCC a CC b TO c BODY d HEADER x-y \"\"", "a SEARCH and(bcc[a] cc[b] to[c] body[d] header[x-y][])"},
      {"a SEARCH BEFORE 1-Jan-2000 ON \"02-Jan-2000\" SENTBEFORE 3-Jan-2000 SENTON 4-jan-2000 SENTSINCE 5-Jan-2000",
       "a SEARCH and(before:2000-01-01 on:2000-01-02 sentbefore:2000-01-03 senton:2000-01-04 sentsince:2000-01-05)"},
      {"a SEARCH SAVEDBEFORE 1-Jan-2000 SAVEDON 1-Jan-2000 SAVEDSINCE 1-Jan-2000 SAVEDATESUPPORTED",
       "a SEARCH and(savedbefore:2000-01-01 savedon:2000-01-01 savedsince:2000-01-01 savedatesupported)"},
      {"a SEARCH ON 30-Feb-2000", "a BAD not a date"},
      {"a SEARCH ON 1/1/2000", "a BAD not a date"},
      {"a SEARCH LARGER 0 SMALLER 9223372036854775807", "a SEARCH and(larger:0 smaller:9223372036854775807)"},
      {"a SEARCH OLDER 3600 YOUNGER 1", "a SEARCH and(older:3600 younger:1)"},
      {"a SEARCH OLDER 0", "a BAD 0 can't be meant"},
      {"a SEARCH UID 1:* $", "a SEARCH and(uid:1:* $)"},
      {"a SEARCH UIDAFTER 7 UIDBEFORE 25", "a SEARCH and(uid:8:4294967295 uid:1:24)"},
      {"a SEARCH UIDAFTER 4294967295 UIDBEFORE 1", "a SEARCH and(not(all) not(all))"},
      {"a SEARCH UIDAFTER 0", "a BAD 0 can't be meant"},
      {"a SEARCH UIDBEFORE *", "a BAD a number is missing"},
      {"a SEARCH MODSEQ 620162338", "a SEARCH modseq:620162338"},
      {"a SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338", "a SEARCH modseq:620162338//flags/\\draft"},
      {"a SEARCH MODSEQ \"/flags/\\\\draft\" none 6", "a BAD priv, shared or all"},
      {"a SEARCH EMAILID M6d99ac3275bb4e THREADID T-_1", "a SEARCH and(emailid[M6d99ac3275bb4e] threadid[T-_1])"},
      {"a SEARCH EMAILID a.b", "a BAD not an object id"},
      {"a SEARCH FILTER on-the-road", "a SEARCH filter[on-the-road]"},
      {"A1 SEARCH FUZZY (SUBJECT \"IMAP break\" FROM x)", "A1 SEARCH fuzzy(and(subject[IMAP break] from[x]))"},
      {"A282 SEARCH RETURN (MIN COUNT) FLAGGED", "A282 SEARCH return(min count) \\Flagged"},
      {"a SEARCH RETURN () FLAGGED", "a SEARCH return(all) \\Flagged"},
      {"a SEARCH RETURN (SAVE MAX ALL UPDATE CONTEXT RELEVANCY) ALL",
       "a SEARCH return(max all save update context relevancy) all"},
      {"B01 UID SEARCH RETURN (PARTIAL -1:-100) UNDELETED UNKEYWORD $Junk",
       "B01 UID SEARCH return(partial -1:-100) and(not(\\Deleted) not($Junk))"},
      {"a SEARCH RETURN (PARTIAL 23500:24000) ALL", "a SEARCH return(partial 23500:24000) all"},
      {"a SEARCH RETURN (PARTIAL 1:-2) ALL", "a BAD not a range"},
      {"a SEARCH RETURN (ALL PARTIAL 1:2) ALL", "a BAD PARTIAL and ALL exclude each other"},
      {"a SEARCH RETURN (FOO) ALL", "a BAD unknown result option"},
      {"a SEARCH RETURN (MIN)", "a BAD arguments are missing"},
      {"a SEARCH", "a BAD arguments are missing"},
      {"a SEARCH NOT", "a BAD arguments are missing"},
      {"a SEARCH OR ALL", "a BAD arguments are missing"},
      {"a SEARCH ()", "a BAD unknown search key"},
      {"a SEARCH (ALL", "a BAD \")\" is missing"},
      {"a SEARCH ALL)", "a BAD wrong arguments"},
      {"a SEARCH ALLX", "a BAD unknown search key"},
      {"a SEARCH ALL  ", "a SEARCH all"},
  });
  check({{"a UID SEARCH 1:3", "a BAD [UIDREQUIRED] message numbers are off (UIDONLY)"},
         {"a UID SEARCH $ UID 3", "a UID SEARCH and($ uid:3)"}},
        {.uid_only = true});
}

// No nesting breaks anything, and none beyond the limit is taken.
TEST(Command, DeepSearch) {
  const auto nested = [](std::size_t depth, std::string_view open, std::string_view close) {
    std::string text = "a SEARCH ";
    for (std::size_t i = 0; i < depth; ++i) text += open;
    text += "ALL";
    for (std::size_t i = 0; i < depth; ++i) text += close;
    return dump_parsed(text);
  };
  EXPECT_EQ(nested(kDeepestSearch, "(", ")"), "a SEARCH all");
  for (const std::size_t depth : {kDeepestSearch + 1, std::size_t{20'000}}) {
    EXPECT_EQ(nested(depth, "(", ")"), "a BAD a search nested too deeply");
    EXPECT_EQ(nested(depth, "NOT ", ""), "a BAD a search nested too deeply");
    EXPECT_EQ(nested(depth, "OR SEEN ", ""), "a BAD a search nested too deeply");
    EXPECT_EQ(nested(depth, "FUZZY (", ")"), "a BAD a search nested too deeply");
  }
  std::string many = "a SEARCH";
  for (std::size_t i = 0; i <= kMostSearchKeys; ++i) many += " ALL";
  EXPECT_EQ(dump_parsed(many), "a BAD too many search keys");
}

TEST(Command, FetchAsksForSoMuchAtMost) {
  const auto parts = [](std::size_t count, std::string_view before, std::string_view after) {
    std::string all(before);
    for (std::size_t i = 1; i <= count; ++i) all += fmt::format("{}BODY.PEEK[{}]", i == 1 ? "" : " ", i);
    return dump_parsed(all.append(after));
  };
  const auto fits = parts(kMostFetchItems, "a FETCH 1 (", ")");
  EXPECT_TRUE(fits.starts_with("a FETCH ")) << fits.substr(0, 100);
  EXPECT_EQ(parts(kMostFetchItems, "a FETCH 1 (", " BODY.PEEK[7])"), fits) << "again is no more";
  for (const std::string_view before :
       {"a FETCH 1 (", "a UID FETCH 1 (", "a NOTIFY SET (selected (MessageExpunge MessageNew ("}) {
    EXPECT_EQ(parts(kMostFetchItems + 1, before, ")"), "a NO [LIMIT] too many items");
    EXPECT_EQ(parts(20 * kMostFetchItems, before, ""), "a NO [LIMIT] too many items") << before;
  }
}

TEST(Command, SortAndThread) {
  check({
      {"A282 SORT (SUBJECT) UTF-8 SINCE 1-Feb-1994", "A282 SORT by subject charset UTF-8 since:1994-02-01"},
      {"A283 SORT (SUBJECT REVERSE DATE) UTF-8 ALL", "A283 SORT by subject -date charset UTF-8 all"},
      {"a UID SORT RETURN (PARTIAL 1:10) (REVERSE ARRIVAL CC FROM SIZE TO DISPLAYFROM DISPLAYTO RELEVANCY) US-ASCII "
       "ALL",
       "a UID SORT return(partial 1:10) by -arrival cc from size to displayfrom displayto relevancy charset US-ASCII "
       "all"},
      {"a SORT (DATE REVERSE DATE) UTF-8 ALL", "a SORT by date charset UTF-8 all"},
      {"a SORT () UTF-8 ALL", "a BAD unknown sort criterion"},
      {"a SORT (REVERSE) UTF-8 ALL", "a BAD a space is missing"},
      {"a SORT (DATE) X-NONE ALL", "a NO [BADCHARSET (UTF-8 US-ASCII)] unknown charset"},
      {"a SORT (DATE) ALL", "a NO [BADCHARSET (UTF-8 US-ASCII)] unknown charset"},
      {"A283 THREAD ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000",
       "A283 THREAD orderedsubject charset UTF-8 since:2000-03-05"},
      {"a UID THREAD REFERENCES UTF-8 ALL", "a UID THREAD references charset UTF-8 all"},
      {"a THREAD REFS US-ASCII ALL", "a THREAD refs charset US-ASCII all"},
      {"a THREAD FOO US-ASCII ALL", "a BAD unknown threading algorithm"},
      {"tag1 ESEARCH IN (mailboxes \"folder1\" subtree \"folder2\") unseen",
       "tag1 ESEARCH in mailboxes<folder1> in subtree<folder2> not(\\Seen)"},
      {"tag2 ESEARCH IN (mailboxes (a \"b c\") subtree-one x personal subscribed inboxes selected) RETURN (MIN) ALL",
       "tag2 ESEARCH in mailboxes<a><b c> in subtree-one<x> in personal in subscribed in inboxes in selected "
       "return(min) all"},
      {"a ESEARCH ALL", "a ESEARCH all"},
      {"a ESEARCH IN (selected-delayed) ALL", "a BAD unknown mailbox filter"},
      {"a ESEARCH IN () ALL", "a BAD unknown mailbox filter"},
  });
}

TEST(Command, Notify) {
  check({
      {"a NOTIFY NONE", "a NOTIFY none"},
      {"a NOTIFY SET STATUS (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From To Subject)]) MessageExpunge)) "
       "(subtree Lists (MessageNew MessageExpunge FlagChange))",
       "a NOTIFY status selected:new(uid,body.peek[HEADER.FIELDS (From To Subject)])expunge, "
       "subtree<Lists>:new()expunge,flag,"},
      {"a NOTIFY SET (selected (MessageNew (UID FLAGS UID UID FLAGS) MessageExpunge))",
       "a NOTIFY selected:new(uid,flags)expunge,"},
      {"a NOTIFY SET (personal (MailboxName SubscriptionChange)) (inboxes NONE)",
       "a NOTIFY personal:name,subscription, inboxes:"},
      {"a NOTIFY SET (selected-delayed (MessageNew MessageExpunge FooBar))",
       "a NOTIFY selected-delayed:new()expunge,?FooBar"},
      {"a NOTIFY SET (mailboxes (a b) (MailboxMetadataChange ServerMetadataChange))",
       "a NOTIFY mailboxes<a><b>:metadata,servermetadata,"},
      {"a NOTIFY SET (selected (MessageNew))", "a BAD MessageNew and MessageExpunge need each other"},
      {"a NOTIFY SET (selected (FlagChange))", "a BAD FlagChange needs MessageNew and MessageExpunge"},
      {"a NOTIFY SET (subtree-one x NONE)", "a BAD unknown mailbox filter"},
      {"a NOTIFY SET (selected NONE) (selected-delayed NONE)", "a BAD the selected mailbox is named twice"},
      {"a NOTIFY SET (selected (MailboxName))", "a BAD only events of messages belong to the selected mailbox"},
      {"a NOTIFY SET (inboxes (MessageNew (UID) MessageExpunge))",
       "a BAD items are for messages of the selected mailbox"},
      {"a NOTIFY SET", "a BAD arguments are missing"},
      {"a NOTIFY FOO", "a BAD SET or NONE"},
  });
}

TEST(Command, RightsQuotaMetadata) {
  check({
      {"a GETACL INBOX", "a GETACL <INBOX>"},
      {"a SETACL INBOX/Drafts John lrQswicda", "a BAD rights are lower-case letters and digits"},
      {"a SETACL INBOX/Drafts Byron lrswikda", "a SETACL <INBOX/Drafts> [Byron] =lrswikda"},
      {"a SETACL x y +te", "a SETACL <x> [y] +te"},
      {"a SETACL x y -te", "a SETACL <x> [y] -te"},
      {"a SETACL x y \"\"", "a SETACL <x> [y] ="},
      {"a DELETEACL x \"-a b\"", "a DELETEACL <x> [-a b]"},
      {"a LISTRIGHTS ~/Mail/saved smith", "a LISTRIGHTS <~/Mail/saved> [smith]"},
      {"a MYRIGHTS INBOX", "a MYRIGHTS <INBOX>"},
      {"a GETQUOTA \"!partition/sda4\"", "a GETQUOTA [!partition/sda4]"},
      {"a GETQUOTAROOT INBOX", "a GETQUOTAROOT <INBOX>"},
      {"a SETQUOTA \"\" (STORAGE 512 message 1000)", "a SETQUOTA [] STORAGE=512 MESSAGE=1000"},
      {"a SETQUOTA \"\" ()", "a SETQUOTA []"},
      {"a SETQUOTA \"\" (STORAGE 9223372036854775808)", "a BAD a number is too large"},
      {"a GETMETADATA \"\" /Shared/comment", "a GETMETADATA <> /shared/comment"},
      {"a GETMETADATA INBOX (/shared/comment /private/comment)",
       "a GETMETADATA <INBOX> /shared/comment|/private/comment"},
      {"a GETMETADATA \"INBOX\" (MAXSIZE 1024) (/shared/comment)", "a GETMETADATA <INBOX> max 1024 /shared/comment"},
      {"a GETMETADATA (DEPTH 1 MAXSIZE 5) INBOX (/private/filters/values)",
       "a GETMETADATA <INBOX> max 5 depth 1 /private/filters/values"},
      {"a GETMETADATA (DEPTH infinity) \"\" /private/a", "a GETMETADATA <> depth infinity /private/a"},
      {"a GETMETADATA (DEPTH 2) \"\" /private/a", "a BAD 0, 1 or infinity"},
      {"a GETMETADATA \"\" shared", "a BAD not a metadata entry"},
      {"a GETMETADATA \"\" /a//b", "a BAD not a metadata entry"},
      {"a GETMETADATA \"\" \"/a/*\"", "a BAD not a metadata entry"},
      {"a SETMETADATA INBOX (/private/comment {33}\r\nMy new comment across\r\ntwo lines.)",
       "a SETMETADATA <INBOX> /private/comment=[My new comment across\\r\\ntwo lines.]"},
      {std::string("a SETMETADATA \"\" (/shared/a NIL /shared/b ~{2}\r\nx\0)", 51),
       "a SETMETADATA <> /shared/a=NIL /shared/b=[x\\0]"},
      {"a SETMETADATA \"\" ()", "a BAD a word or string is missing"},
  });
}

TEST(Command, Urls) {
  check({
      {"a GENURLAUTH \"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred\" internal",
       "a GENURLAUTH [imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred] INTERNAL"},
      {"a GENURLAUTH x", "a BAD arguments are missing"},
      {"a RESETKEY", "a RESETKEY <> "},
      {"a RESETKEY INBOX internal", "a RESETKEY <INBOX> INTERNAL"},
      {"a URLFETCH imap://x \"imap://y\"", "a URLFETCH [imap://x] [imap://y]"},
      {"A001 URLFETCH (\"imap://z\" BODYPARTSTRUCTURE BINARY) (w BODY) v",
       "A001 URLFETCH [imap://z]() binary structure [w]() body [v]"},
      {"a URLFETCH (x FOO)", "a BAD unknown parameter"},
      {"a UIDBATCHES 2000", "a UIDBATCHES 2000"},
      {"a uidbatches 500 2:2 ", "a UIDBATCHES 500 batches 2:2"},
      {"a UIDBATCHES 2000 4:1", "a BAD [CLIENTBUG] batches from the highest to the lowest"},
      {"a UIDBATCHES", "a BAD arguments are missing"},
      {"a UIDBATCHES 0", "a BAD 0 can't be meant"},
      {"a UIDBATCHES 500 4", "a BAD a character is missing"},
      {"a UIDBATCHES 500 1:*", "a BAD a number is missing"},
      {"a UIDBATCHES 500 1:2,4:5", "a BAD wrong arguments"},
  });
}

// Every prefix of a command, and every one with an octet in the place of another, is a command or an error, never more.
TEST(Command, PrefixesAndDamage) {
  const std::string_view commands[] = {
      "a LOGIN {3}\r\njoe \"se cret\"",
      "a SELECT INBOX (QRESYNC (67890007 200 41,43:211 (1,2 3,4)) CONDSTORE)",
      "a LIST (SUBSCRIBED) \"\" (a% b*) RETURN (CHILDREN STATUS (MESSAGES))",
      "a UID FETCH 1:*,3 (FLAGS BODY.PEEK[1.2.HEADER.FIELDS (a \"b\")]<0.5> PREVIEW (LAZY)) (CHANGEDSINCE 5 VANISHED)",
      "a STORE 1 (UNCHANGEDSINCE 3) -FLAGS.SILENT (\\Seen x)",
      "a SEARCH RETURN (MIN PARTIAL 1:2) CHARSET UTF-8 OR (NOT SEEN) HEADER a {1}\r\nb MODSEQ \"x\" all 3 UID $",
      "a SORT (REVERSE DATE) UTF-8 FUZZY TEXT x",
      "a NOTIFY SET STATUS (mailboxes (a b) (MailboxName)) (selected (MessageNew (FLAGS) MessageExpunge))",
      "a SETMETADATA \"\" (/shared/a ~{1}\r\nx /shared/b NIL)",
      "a URLFETCH (\"imap://z\" BODY) y",
      "a SETQUOTA \"\" (STORAGE 5)",
      "a ID (\"name\" NIL)",
  };
  for (const auto command : commands) {
    for (std::size_t size = 0; size <= command.size(); ++size) {
      // In memory of its own, so that reading beyond its end is seen.
      const std::string prefix(command.substr(0, size));
      const auto parsed = parse_command(prefix, {});
      if (size == command.size()) EXPECT_TRUE(parsed) << prefix;
    }
    for (std::size_t at = 0; at < command.size(); ++at) {
      for (const char c : {' ', '(', ')', '"', '{', '\0', '\r', '*', '9', '\xFF'}) {
        std::string damaged(command);
        damaged[at] = c;
        const auto parsed = parse_command(damaged, {});
        if (!parsed) EXPECT_FALSE(parsed.error().refusal.text.english().empty());
      }
    }
  }
}

}  // namespace
}  // namespace pabal::imap
