#include "imap/flags.hpp"

#include <gtest/gtest.h>

#include "imap/date.hpp"

namespace pabal::imap {
namespace {

TEST(Flags, Adding) {
  FlagList flags;
  for (const auto* flag : {"\\seen", "\\DELETED", "$Forwarded", "$forwarded", "$Draft"})
    EXPECT_TRUE(add_flag(flags, flag));
  for (const auto* flag : {"\\Recent", "\\*", "\\Foo", "", "a b", "a\\b", "a(", "a%", "\xC3\xBC"}) {
    EXPECT_FALSE(add_flag(flags, flag)) << flag;
  }
  EXPECT_TRUE(add_flag(flags, std::string(kLongestKeyword, 'k')));
  EXPECT_FALSE(add_flag(flags, std::string(kLongestKeyword + 1, 'k')));
  std::string out;
  append_flags(out, flags.system, {}, true);
  EXPECT_EQ(out, "\\Deleted \\Seen \\Draft \\Recent");
  EXPECT_EQ(flags.keywords.size(), 2U);
  EXPECT_EQ(flags.keywords.front(), "$Forwarded");
}

TEST(Flags, Jmap) {
  EXPECT_EQ(jmap_keyword("\\SEEN"), "$seen");
  EXPECT_EQ(jmap_keyword("\\Answered"), "$answered");
  EXPECT_EQ(jmap_keyword("\\Deleted"), std::nullopt);
  EXPECT_EQ(jmap_keyword("\\Recent"), std::nullopt);
  EXPECT_EQ(jmap_keyword("$Forwarded"), "$forwarded");
  EXPECT_EQ(imap_flag("$flagged"), "\\Flagged");
  EXPECT_EQ(imap_flag("$junk"), "$junk");
}

std::string day(std::string_view text) {
  const auto found = parse_date(text);
  if (!found) return "wrong";
  const std::chrono::year_month_day date(*found);
  return fmt::format("{}-{}-{}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

TEST(Date, Days) {
  EXPECT_EQ(day("1-Feb-1994"), "1994-2-1");
  EXPECT_EQ(day("01-feb-1994"), "1994-2-1");
  EXPECT_EQ(day("29-Feb-2024"), "2024-2-29");
  for (const auto* wrong : {"29-Feb-2023", "0-Jan-2000", "32-Jan-2000", "1-Foo-2000", "1-Jan-00", "1-Jan-20000",
                            "1-Jan", "", "--", "001-Jan-2000", "-1-Jan-2000", "1-1-2000"}) {
    EXPECT_EQ(day(wrong), "wrong") << wrong;
  }
}

TEST(Date, Times) {
  const auto again = [](std::string_view text) {
    const auto date = parse_date_time(text);
    return date ? format_date_time(date->time, date->offset_minutes) : std::string("wrong");
  };
  EXPECT_EQ(again("17-Jul-1996 02:44:25 -0700"), "17-Jul-1996 02:44:25 -0700");
  EXPECT_EQ(again(" 7-Feb-1994 21:52:25 -0800"), " 7-Feb-1994 21:52:25 -0800");
  EXPECT_EQ(again("7-Feb-1994 21:52:25 +0930"), " 7-Feb-1994 21:52:25 +0930");
  EXPECT_EQ(again("31-Dec-2016 23:59:60 +0000"), " 1-Jan-2017 00:00:00 +0000");
  EXPECT_EQ(again("01-Jan-1950 00:00:00 +0000"), " 1-Jan-1950 00:00:00 +0000");
  for (const auto* wrong :
       {"", "17-Jul-1996", "17-Jul-1996 02:44:25", "17-Jul-1996 24:44:25 -0700", "17-Jul-1996 02:60:25 -0700",
        "17-Jul-1996 02:44:25 0700", "17-Jul-1996  02:44:25 -0700", " 17-Jul-1996 02:44:25 -0700",
        "17-Jul-1996 02:44:25 -0760", "17-Jul-1996T02:44:25 -0700"}) {
    EXPECT_EQ(again(wrong), "wrong") << wrong;
  }
  const auto moment = parse_date_time("17-Jul-1996 23:44:25 -0700");
  ASSERT_TRUE(moment);
  EXPECT_EQ(day_of(moment->time, moment->offset_minutes), *parse_date("17-Jul-1996"));
  EXPECT_EQ(day_of(moment->time, 0), *parse_date("18-Jul-1996"));
}

}  // namespace
}  // namespace pabal::imap
