#include "codec/date.hpp"

#include <gtest/gtest.h>

namespace pabal::codec {
namespace {

using namespace std::chrono;

std::string dump(std::string_view text) {
  const auto date = parse_date(text);
  if (!date) return "no";
  return format_date(date->time, date->offset_minutes) + (date->zone_unknown ? " ?" : "");
}

TEST(Date, Writes) {
  const SystemTime t = sys_days(2026y / November / 22) + 3h + 34min + 21s + 999'999us;
  EXPECT_EQ(format_date(t), "Sun, 22 Nov 2026 03:34:21 +0000");
  EXPECT_EQ(format_date(t, 9 * 60), "Sun, 22 Nov 2026 12:34:21 +0900");
  EXPECT_EQ(format_date(t, -(3 * 60 + 30)), "Sun, 22 Nov 2026 00:04:21 -0330");
  EXPECT_EQ(format_date(t, -(4 * 60)), "Sat, 21 Nov 2026 23:34:21 -0400");
  EXPECT_EQ(format_date(SystemTime{}), "Thu, 01 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(format_date(SystemTime{} - 1us), "Wed, 31 Dec 1969 23:59:59 +0000");
  EXPECT_EQ(format_date(sys_days(2024y / February / 29)), "Thu, 29 Feb 2024 00:00:00 +0000");
  EXPECT_EQ(format_date(SystemTime::max()), "Fri, 31 Dec 9999 23:59:59 +0000");
  EXPECT_EQ(format_date(SystemTime::min()), "Sat, 01 Jan 0000 00:00:00 +0000");
}

TEST(Date, Table) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"Fri, 21 Nov 1997 09:55:06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"},
      {"21 Nov 1997 09:55:06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"},
      {"Mon, 21 Nov 1997 09:55:06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"},  // the wrong day's name
      {"Tue, 1 Jul 2003 10:52:37 +0200", "Tue, 01 Jul 2003 10:52:37 +0200"},
      {"fri, 21 NOV 1997 09:55:06 gmt", "Fri, 21 Nov 1997 09:55:06 +0000"},
      // RFC 5322 Appendix A.5 and A.6.2
      {"Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)",
       "Thu, 13 Feb 1969 23:32:00 -0330"},
      {"21 Nov 97 09:55:06 GMT", "Fri, 21 Nov 1997 09:55:06 +0000"},
      {"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"},
      {"(a (b) \\) c)1 Jan 2000 0:0:0 +0000", "Sat, 01 Jan 2000 00:00:00 +0000"},
      {"1Jan2000 00:00+0000", "Sat, 01 Jan 2000 00:00:00 +0000"},
      {"1 Jan 49 00:00 UT", "Fri, 01 Jan 2049 00:00:00 +0000"},
      {"1 Jan 50 00:00 UTC", "Sun, 01 Jan 1950 00:00:00 +0000"},
      {"1 Jan 101 00:00 Z", "Mon, 01 Jan 2001 00:00:00 +0000"},
      {"1 Jan 2000 00:00 EST", "Sat, 01 Jan 2000 00:00:00 -0500"},
      {"1 Jan 2000 00:00 PDT", "Sat, 01 Jan 2000 00:00:00 -0700"},
      {"1 Jan 2000 00:00 A", "Sat, 01 Jan 2000 00:00:00 +0000 ?"},
      {"1 Jan 2000 00:00 KST", "Sat, 01 Jan 2000 00:00:00 +0000 ?"},
      {"1 Jan 2000 00:00 -0000", "Sat, 01 Jan 2000 00:00:00 +0000 ?"},
      {"31 Dec 2016 23:59:60 +0000", "Sun, 01 Jan 2017 00:00:00 +0000"},
      {"29 Feb 2024 00:00:00 +0000", "Thu, 29 Feb 2024 00:00:00 +0000"},
      {"1 Jan 2000 00:00:00 +9959", "Sat, 01 Jan 2000 00:00:00 +9959"},
      {"29 Feb 2023 00:00:00 +0000", "no"},
      {"31 Apr 2023 00:00:00 +0000", "no"},
      {"0 Jan 2000 00:00 +0000", "no"},
      {"1 Jan 2000 24:00 +0000", "no"},
      {"1 Jan 2000 00:60 +0000", "no"},
      {"1 Jan 2000 00:00:61 +0000", "no"},
      {"1 Jan 2000 00:00 +0060", "no"},
      {"1 Jan 2000 00:00 +000", "no"},
      {"1 Jan 2000 00:00 +00000", "no"},
      {"1 Jan 2000 00:00", "no"},
      {"1 Jan 20000 00:00 +0000", "no"},
      {"1 Jan 0 00:00 +0000", "no"},
      {"1 January 2000 00:00 +0000", "no"},
      {"Sunday, 1 Jan 2000 00:00 +0000", "no"},
      {"Sat 1 Jan 2000 00:00 +0000", "no"},
      {"2000-01-01T00:00:00Z", "no"},
      {"1 Jan 2000 00:00 +0000 x", "no"},
      {"1 Jan 2000 00:00 +0000 (open", "no"},
      {"1 Jan 2000 00:00 +0000 (open \\", "no"},
      {"((((((((((((((((((((deep))))))))))))))))))))1 Jan 2000 00:00 +0000", "no"},
      {"", "no"},
      {",", "no"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(dump(text), expected) << text;
}

std::string dump_any(std::string_view text) {
  const auto date = parse_any_date(text);
  if (!date) return "no";
  return format_date(date->time, date->offset_minutes) + (date->zone_unknown ? " ?" : "");
}

TEST(Date, AsTheyCome) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      // right ones, as parse_date() has them
      {"Fri, 21 Nov 1997 09:55:06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"},
      {"1 Jan 101 00:00 Z", "Mon, 01 Jan 2001 00:00:00 +0000"},
      {"1 Jan 2000 00:00 -0000", "Sat, 01 Jan 2000 00:00:00 +0000 ?"},
      // zones
      {"1 Jan 2000 00:00 KST", "Sat, 01 Jan 2000 00:00:00 +0900"},
      {"1 Jan 2000 00:00:00 JST", "Sat, 01 Jan 2000 00:00:00 +0900"},
      {"1 Jan 2000 00:00:00 CEST", "Sat, 01 Jan 2000 00:00:00 +0200"},
      {"1 Jan 2000 00:00:00 IST", "Sat, 01 Jan 2000 00:00:00 +0530"},
      {"1 Jan 2000 00:00:00 XYZ", "Sat, 01 Jan 2000 00:00:00 +0000 ?"},
      {"1 Jan 2000 00:00:00 A", "Sat, 01 Jan 2000 00:00:00 +0000 ?"},
      {"1 Jan 2000 00:00:00", "Sat, 01 Jan 2000 00:00:00 +0000 ?"},
      {"1 Jan 2000 00:00:00 GMT+0900", "Sat, 01 Jan 2000 00:00:00 +0900"},
      {"1 Jan 2000 00:00:00 GMT-5", "Sat, 01 Jan 2000 00:00:00 -0500"},
      {"1 Jan 2000 00:00:00 +09:00", "Sat, 01 Jan 2000 00:00:00 +0900"},
      {"1 Jan 2000 00:00:00 +9", "Sat, 01 Jan 2000 00:00:00 +0900"},
      {"1 Jan 2000 00:00:00 +0900 (KST)", "Sat, 01 Jan 2000 00:00:00 +0900"},
      {"1 Jan 2000 00:00:00 -0500 (EST) EST", "Sat, 01 Jan 2000 00:00:00 -0500"},
      {"1 Jan 2000 00:00:00 +9999", "Sat, 01 Jan 2000 00:00:00 +0000 ?"},
      {"1 Jan 2000 00:00:00 +0900 (open", "Sat, 01 Jan 2000 00:00:00 +0900"},
      {"1 Jan 2000 00:00:00 \"GMT\"", "Sat, 01 Jan 2000 00:00:00 +0000"},
      {"Sat, 1 Jan 2000 00:00:00 0900", "Sat, 01 Jan 2000 00:00:00 +0900"},
      {"Sat, 1 Jan 2000 00:00:00 +-0500", "Sat, 01 Jan 2000 00:00:00 -0500"},
      {"Fri, 02 Aug 0102 23:37:59 +0800", "Fri, 02 Aug 2002 23:37:59 +0800"},
      {"Fri, 02 Aug 102 23:37:59 +0800", "Fri, 02 Aug 2002 23:37:59 +0800"},
      {"Tue, 029 Apr 2019 23:34:45 -0800 (PST)", "Mon, 29 Apr 2019 23:34:45 -0800"},
      {"2002/09/14 Sat 02:29:32 CDT", "Sat, 14 Sep 2002 02:29:32 -0500"},
      {"Wed, 15 Dec 2010    59:10 -0500", "no"},
      // names in full, commas missing or too many, the wrong day's name
      {"Saturday, 1 January 2000 00:00:00 +0000", "Sat, 01 Jan 2000 00:00:00 +0000"},
      {"Sat 1 Jan 2000 00:00:00 +0000", "Sat, 01 Jan 2000 00:00:00 +0000"},
      {"Sat,, 1, Jan, 2000, 00:00:00 +0000", "Sat, 01 Jan 2000 00:00:00 +0000"},
      {"Saturday, January 1, 2000 3:04 PM", "Sat, 01 Jan 2000 15:04:00 +0000 ?"},
      {"Mon, 5 Sept 2005 10:00:00 +0200", "Mon, 05 Sep 2005 10:00:00 +0200"},
      {"January 1st, 2000 12:30 am", "Sat, 01 Jan 2000 00:30:00 +0000 ?"},
      {"Xyz, 1 Jan 2000 00:00:00 +0000", "Sat, 01 Jan 2000 00:00:00 +0000"},
      // AM and PM
      {"1 Jan 2000 12:00:00 PM +0100", "Sat, 01 Jan 2000 12:00:00 +0100"},
      {"1 Jan 2000 12:00:00AM +0100", "Sat, 01 Jan 2000 00:00:00 +0100"},
      {"1 Jan 2000 1:02:03 pm", "Sat, 01 Jan 2000 13:02:03 +0000 ?"},
      {"1 Jan 2000 13:02:03 PM", "Sat, 01 Jan 2000 13:02:03 +0000 ?"},
      // asctime, date(1), ctime with a zone
      {"Sat Jan  1 01:02:03 2000", "Sat, 01 Jan 2000 01:02:03 +0000 ?"},
      {"Sat Jan  1 01:02:03 EST 2000", "Sat, 01 Jan 2000 01:02:03 -0500"},
      {"Sat Jan 1 01:02:03 2000 +0900", "Sat, 01 Jan 2000 01:02:03 +0900"},
      {"Sat, Jan 01 2000 01:02:03 GMT", "Sat, 01 Jan 2000 01:02:03 +0000"},
      // ISO 8601 and other numbers
      {"2000-01-02T03:04:05Z", "Sun, 02 Jan 2000 03:04:05 +0000"},
      {"2000-01-02T03:04:05.678+09:00", "Sun, 02 Jan 2000 03:04:05 +0900"},
      {"2000-01-02 03:04:05", "Sun, 02 Jan 2000 03:04:05 +0000 ?"},
      {"2000-01-02 03:04:05-0500", "Sun, 02 Jan 2000 03:04:05 -0500"},
      {"2000/01/02 03:04", "Sun, 02 Jan 2000 03:04:00 +0000 ?"},
      {"1/2/2000 03:04:05", "Sun, 02 Jan 2000 03:04:05 +0000 ?"},
      {"13/2/2000 03:04:05", "Sun, 13 Feb 2000 03:04:05 +0000 ?"},
      {"2.1.2000 03:04:05", "Sun, 02 Jan 2000 03:04:05 +0000 ?"},
      {"02-Jan-2000 03:04:05 +0000", "Sun, 02 Jan 2000 03:04:05 +0000"},
      {"2-Jan-00 03:04:05 +0000", "Sun, 02 Jan 2000 03:04:05 +0000"},
      {"Sun, 2 Jan 2000 03.04.05 +0000", "Sun, 02 Jan 2000 03:04:05 +0000"},
      {"2 Jan 2000", "Sun, 02 Jan 2000 00:00:00 +0000 ?"},
      {"2 Jan 2000 24:00:00 +0000", "Mon, 03 Jan 2000 00:00:00 +0000"},
      {"2 Jan 2000 3:4:5 +0000", "Sun, 02 Jan 2000 03:04:05 +0000"},
      // Korean
      {"2000년 1월 2일 오후 3:04:05", "Sun, 02 Jan 2000 15:04:05 +0000 ?"},
      {"2000년 1월 2일 (일) 15시 4분 5초 +0900", "Sun, 02 Jan 2000 15:04:05 +0900"},
      // none
      {"", "no"},
      {"yesterday", "no"},
      {"31 Apr 2000 00:00:00 +0000", "no"},
      {"1 Jan 2000 25:00:00 +0000", "no"},
      {"1 Jan 2000 00:61:00 +0000", "no"},
      {"12:00:00", "no"},
      {"99999 Jan 99999", "no"},
      {"((((((((", "no"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(dump_any(text), expected) << text;
    for (std::size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(dump_any(text.substr(0, n)).empty());
  }
}

TEST(Date, EveryPrefixIsRefused) {
  const std::string_view text = "Sun, 22 Nov 2026 03:34:21 +0000";
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_EQ(dump(text.substr(0, n)), "no") << n;
}

TEST(Date, RoundTripsThroughManyYears) {
  for (SystemTime t = sys_days(1900y / January / 1); t < sys_days(2200y / January / 1); t += 37h + 11min + 13s) {
    const auto date = parse_date(format_date(t, 9 * 60));
    ASSERT_TRUE(date.has_value());
    ASSERT_EQ(date->time, t);
  }
}

}  // namespace
}  // namespace pabal::codec
