#include "imap/response.hpp"

#include <gtest/gtest.h>

namespace pabal::imap {
namespace {

template <class Write>
std::string written(Write write) {
  std::string out;
  write(out);
  return out;
}

TEST(Response, StatusLines) {
  const auto line = [](std::string_view tag, std::string_view code, std::string_view text) {
    return written([&](std::string& out) { append_tagged(out, tag, Condition::ok, code, text); });
  };
  EXPECT_EQ(line("a1", "", "done"), "a1 OK done\r\n");
  EXPECT_EQ(line("a1", "UIDNEXT 4", "done"), "a1 OK [UIDNEXT 4] done\r\n");
  EXPECT_EQ(line("", "", ""), "* OK -\r\n");
  EXPECT_EQ(line("a b", "", "x"), "* OK x\r\n");
  // No value makes a line of its own, nor a code.
  EXPECT_EQ(line("a", "", "x\r\n* BYE gone"), "a OK x  * BYE gone\r\n");
  EXPECT_EQ(line("a", "", "[ALERT] x"), "a OK - [ALERT] x\r\n");
  EXPECT_EQ(line("a", "BADEVENT (x]\r\n)", "y"), "a OK [BADEVENT (x)  )] y\r\n");
  EXPECT_EQ(line("a\r\nb", "", "x"), "* OK x\r\n");
  EXPECT_EQ(line("a", "", "\xFFx\xEC"), "a OK ?x?\r\n");
  EXPECT_EQ(line("a", "", "\xEC\x95\x94"), "a OK \xEC\x95\x94\r\n");
  EXPECT_EQ(written([](std::string& out) { append_continue(out, "go\r\non"); }), "+ go  on\r\n");
  const Refusal refusals[] = {{Refusal::Status::bad, "", "unknown command"}, {Refusal::Status::bye, "X", "too large"}};
  EXPECT_EQ(written([&](std::string& out) { append_refusal(out, "", refusals[0]); }), "* BAD unknown command\r\n");
  EXPECT_EQ(written([&](std::string& out) { append_refusal(out, "t", refusals[1]); }), "* BYE [X] too large\r\n");
  EXPECT_EQ(written([&](std::string& out) { append_refusal(out, "t", refusals[0], "낱말"); }), "t BAD 낱말\r\n");
}

TEST(Response, Strings) {
  const auto astring = [](std::string_view text, ImapForm form) {
    return written([&](std::string& out) { append_astring(out, text, form); });
  };
  const ImapForm ascii;
  const ImapForm utf8{.rev2 = true, .utf8 = true};
  EXPECT_EQ(astring("abc", ascii), "abc");
  EXPECT_EQ(astring("", ascii), "\"\"");
  EXPECT_EQ(astring("nil", ascii), "\"nil\"");
  EXPECT_EQ(astring("a b", ascii), "\"a b\"");
  EXPECT_EQ(astring("a\"\\b", ascii), "\"a\\\"\\\\b\"");
  EXPECT_EQ(astring("a\r\nb", ascii), "{4}\r\na\r\nb");
  EXPECT_EQ(astring("\xEC\x95\x94", ascii), "{3}\r\n\xEC\x95\x94");
  EXPECT_EQ(astring("\xEC\x95\x94", utf8), "\"\xEC\x95\x94\"");
  EXPECT_EQ(written([](std::string& out) { append_nstring(out, std::nullopt, {}); }), "NIL");
  EXPECT_EQ(written([](std::string& out) { append_literal_size(out, 18446744073709551615U, true); }),
            "~{18446744073709551615}\r\n");
  const auto name = MailboxName::parse("\xEB\xB3\xB4\xEB\x82\xB8 \xED\x8E\xB8\xEC\xA7\x80\xED\x95\xA8");
  ASSERT_TRUE(name);
  EXPECT_EQ(written([&](std::string& out) { append_mailbox(out, *name, ascii); }), "\"&vPSwuA- &07jJwNVo-\"");
  EXPECT_EQ(written([&](std::string& out) { append_mailbox(out, *name, utf8); }),
            "\"\xEB\xB3\xB4\xEB\x82\xB8 \xED\x8E\xB8\xEC\xA7\x80\xED\x95\xA8\"");
}

TEST(Response, Data) {
  const ImapForm form;
  const std::uint32_t some[] = {2, 3, 5};
  EXPECT_EQ(written([&](std::string& out) { append_search(out, "SEARCH", some); }), "* SEARCH 2 3 5\r\n");
  EXPECT_EQ(written([&](std::string& out) { append_search(out, "SORT", some, 917); }), "* SORT 2 3 5 (MODSEQ 917)\r\n");
  EXPECT_EQ(written([&](std::string& out) { append_search(out, "SEARCH", {}, 917); }), "* SEARCH\r\n");
  const std::uint32_t ordered[] = {4, 5, 6, 2, 9, 8};
  EXPECT_EQ(written([&](std::string& out) { append_ordered(out, ordered); }), "4:6,2,9,8");

  SearchResult result;
  EXPECT_EQ(written([&](std::string& out) { append_esearch(out, "A1", false, result, form); }),
            "* ESEARCH (TAG \"A1\")\r\n");
  result.min = 2;
  result.max = 47;
  result.count = 25;
  result.all = NumberSet{{2, 3}, {47, 47}};
  result.modseq = 1236;
  EXPECT_EQ(written([&](std::string& out) { append_esearch(out, "A1", true, result, form); }),
            "* ESEARCH (TAG \"A1\") UID MIN 2 MAX 47 COUNT 25 ALL 2:3,47 MODSEQ 1236\r\n");
  SearchResult partial;
  partial.partial = {{1, 100, true}, {}};
  const SearchedMailbox mailbox{*MailboxName::parse("a b"), 7};
  EXPECT_EQ(written([&](std::string& out) { append_esearch(out, "x", true, partial, form, &mailbox); }),
            "* ESEARCH (TAG \"x\" MAILBOX \"a b\" UIDVALIDITY 7) UID PARTIAL (-1:-100 NIL)\r\n");

  EXPECT_EQ(written([&](std::string& out) { append_list(out, "LIST", "\\HasNoChildren", "a/b", "", form); }),
            "* LIST (\\HasNoChildren) \"/\" a/b\r\n");
  EXPECT_EQ(written([&](std::string& out) { append_list(out, "LIST", "\\Noselect", "", "", form); }),
            "* LIST (\\Noselect) \"/\" \"\"\r\n");
  EXPECT_EQ(written([&](std::string& out) { append_vanished(out, {{1, 3}, {5, 5}}, true); }),
            "* VANISHED (EARLIER) 1:3,5\r\n");
  EXPECT_EQ(written([&](std::string& out) { append_vanished(out, {}); }), "");
  EXPECT_EQ(written([&](std::string& out) { append_count(out, 23, "EXISTS"); }), "* 23 EXISTS\r\n");
  const std::string keywords[] = {"$Junk"};
  EXPECT_EQ(written([&](std::string& out) { append_flag_list(out, kSeen | kAnswered, keywords, true); }),
            "(\\Answered \\Seen $Junk \\Recent)");
  const auto time = SystemTime(std::chrono::seconds(837596665));
  EXPECT_EQ(written([&](std::string& out) { append_date_time(out, time, -420); }), "\"17-Jul-1996 02:44:25 -0700\"");
  EXPECT_EQ(append_uid_code(38505, {{3955, 3957}}), "APPENDUID 38505 3955:3957");
  EXPECT_EQ(copy_uid_code(38505, "304,319:320", "3956:3958"), "COPYUID 38505 304,319:320 3956:3958");
}

}  // namespace
}  // namespace pabal::imap
