#include "message/search_text.hpp"

#include <gtest/gtest.h>

namespace pabal::message {
namespace {

TEST(SearchText, ByField) {
  const std::string_view message =
      "From: =?utf-8?B?7JWI64WV?= <a@b>\r\nTo: Team: c@d;, E <e@f>\r\nCc: g@h\r\nSubject: =?utf-8?Q?=ED=8C=8C?=\r\n"
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; format=flowed\r\n\r\none "
      "\r\ntwo\r\n"
      "--b\r\nContent-Type: text/html\r\n\r\n<p>three<img alt=four></p>\r\n--b\r\n"
      "Content-Type: application/pdf; name=x.pdf\r\n\r\nx\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
      "Subject: inner\r\n\r\nfive\r\n--b--\r\n";
  const auto text = search_text(message);
  EXPECT_EQ(text.from, "안녕 <a@b>");
  EXPECT_EQ(text.to, "Team\n<c@d>\nE <e@f>");
  EXPECT_EQ(text.cc, "<g@h>");
  EXPECT_EQ(text.bcc, "");
  EXPECT_EQ(text.subject, "파");
  EXPECT_EQ(text.body, "one two\n\nthree four\ninner\nfive");
  EXPECT_EQ(text.attachments, "x.pdf");
  EXPECT_EQ(text.header.substr(0, 16), "From: 안녕 <a@");
  EXPECT_NE(text.header.find("\nContent-Type: application/pdf; name=x.pdf\n"), std::string::npos);
  EXPECT_NE(text.header.find("\nSubject: inner"), std::string::npos);
  EXPECT_LE(search_text(message, 10).body.size(), 20U);
}

}  // namespace
}  // namespace pabal::message
