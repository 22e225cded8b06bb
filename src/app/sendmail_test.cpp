#include "app/sendmail.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace pabal::app {
namespace {

TEST(Sendmail, Options) {
  const auto dump = [](const std::vector<std::string>& words) {
    const auto o = read_sendmail_options(words);
    if (!o) return "error: " + o.error().peer;
    return fmt::format("{}{}{}from={} name={} to={}", o->from_header ? "t " : "", o->dots ? "i " : "",
                       o->list_queue ? "bp "
                       : o->session  ? "bs "
                                     : "",
                       o->sender, o->full_name, fmt::join(o->recipients, ","));
  };
  EXPECT_EQ(dump({"a@b.c", "d"}), "from= name= to=a@b.c,d");
  EXPECT_EQ(dump({"-t", "-i", "-f", "x@y.z"}), "t i from=x@y.z name= to=");
  EXPECT_EQ(dump({"-ti", "-fx@y.z", "-F", "A B", "--", "-odd"}), "t i from=x@y.z name=A B to=-odd");
  EXPECT_EQ(dump({"-oi", "-oem", "-B8BITMIME", "-N", "never", "-bm", "u"}), "i from= name= to=u");
  EXPECT_EQ(dump({"-f", "<>", "u"}), "from=<> name= to=u");
  EXPECT_EQ(dump({"-bp"}), "bp from= name= to=");
  EXPECT_EQ(dump({"-bs"}), "bs from= name= to=");
  EXPECT_EQ(dump({"-bz"}), "error: sendmail: -bz is not known; see pabal sendmail --help");
  EXPECT_EQ(dump({"-f"}), "error: sendmail: -f expects a value");
}

TEST(Sendmail, HeaderRecipients) {
  const auto dump = [](std::string_view message) {
    return fmt::format("{}", fmt::join(header_recipients(message), "|"));
  };
  EXPECT_EQ(dump("To: a@b\n\nTo: no@body\n"), "a@b");
  EXPECT_EQ(dump("TO: A B <a@b>, \"x, y\" <c@d>\r\nCc: (x, y) e@f\r\nBcc: g@h\r\n\r\n"), "a@b|c@d|e@f|g@h");
  EXPECT_EQ(dump("To: team: a@b, c@d;, e@f\n"), "a@b|c@d|e@f");
  EXPECT_EQ(dump("To: undisclosed-recipients:;\n\n"), "");
  EXPECT_EQ(dump("To: a@b,\n c@d\nSubject: e@f\n"), "a@b|c@d");
  EXPECT_EQ(dump("To: \"a b\"@c\n"), "\"a b\"@c");
  EXPECT_EQ(dump("no header\nTo: a@b\n"), "");
  EXPECT_EQ(dump(""), "");
  EXPECT_EQ(dump("To: \"unfinished\nCc: <x"), "\"unfinished|x");
}

TEST(Sendmail, CompleteMessage) {
  const SystemTime now{};
  const auto complete = [&](std::string_view input, SendmailOptions options = {}) {
    return complete_message(input, options, "u@h.example", "ID", now);
  };
  const std::string date = "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n";
  EXPECT_EQ(complete("Subject: x\n\nhello\n"),
            date + "From: u@h.example\r\nMessage-ID: <ID@h.example>\r\nSubject: x\r\n\r\nhello\r\n");
  EXPECT_EQ(complete("Date: d\nFrom: f\nmessage-id: m\r\n\r\nhello"),
            "Date: d\r\nFrom: f\r\nmessage-id: m\r\n\r\nhello\r\n");
  SendmailOptions named;
  named.full_name = "A \"B\"";
  named.from_header = true;
  EXPECT_EQ(complete("Date: d\nMessage-ID: m\nBcc: x@y,\n z@y\nTo: a@b\n\n.\n", named),
            "From: \"A \\\"B\\\"\" <u@h.example>\r\nDate: d\r\nMessage-ID: m\r\nTo: a@b\r\n\r\n.\r\n");
  EXPECT_EQ(complete("just text\n"), date + "From: u@h.example\r\nMessage-ID: <ID@h.example>\r\n\r\njust text\r\n");
  // Lines that end with CR alone, and a CR in a line, as old programs have them.
  EXPECT_EQ(complete("Date: d\rFrom: f\rMessage-ID: m\r\rone\rtwo\r"),
            "Date: d\r\nFrom: f\r\nMessage-ID: m\r\n\r\none\r\ntwo\r\n");
  EXPECT_EQ(complete("Date: d\nFrom: f\nMessage-ID: m\n\none\rtwo\r\r\n"),
            "Date: d\r\nFrom: f\r\nMessage-ID: m\r\n\r\none\r\ntwo\r\n\r\n");
  EXPECT_EQ(complete(""), date + "From: u@h.example\r\nMessage-ID: <ID@h.example>\r\n\r\n");
}

}  // namespace
}  // namespace pabal::app
