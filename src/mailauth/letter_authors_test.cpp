#include "mailauth/letter_authors.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace pabal::mailauth {
namespace {

/// "unreadable a@b.example,": the fault and the addresses.
std::string line_of(std::string_view header) {
  const auto authors = authors_of_letter(header);
  auto line = fmt::format("{} {}", name_of(authors.fault), fmt::join(authors.addresses, ","));
  if (authors.too_many) line += " too many";
  return line;
}
std::string from(std::string_view body) { return line_of(fmt::format("To: x@y.example\r\nFrom: {}\r\n\r\n", body)); }

TEST(LetterAuthors, table) {
  const std::pair<std::string, std::string> table[] = {
      {"a@b.example", "none a@b.example"},
      {"A B <a@b.example>", "none a@b.example"},
      {"\"c@d.example\" <a@b.example>", "none a@b.example"},
      {"a@b.example (c@d.example)", "none a@b.example"},
      {"=?utf-8?q?c=40d?= <a@b.example>", "none a@b.example"},
      {"a@b.example,\r\n c@d.example", "none a@b.example,c@d.example"},
      {"team: a@b.example, c@d.example;", "none a@b.example,c@d.example"},
      {"<@r.example:a@b.example>", "none a@b.example"},
      {"a@[192.0.2.1]", "none a@[192.0.2.1]"},
      // Not as RFC 5322 has it, but there is no second way to read them.
      {"Doe, John <a@b.example>", "none x@b.example"},
      {"Mr. [X] <a@b.example>", "none a@b.example"},
      {"a@foo_bar.b.example", "none x@foo_bar.b.example"},
      {"<.a..b.@b.example>", "none x@b.example"},
      {"\"a@b.example", "none x@b.example"},
      {"a@b.example\\", "none x@b.example"},
      {"<a@b.example> x", "none x@b.example"},
      // Who is asked for a proof is the one in the brackets.
      {"x@evil.example <a@b.example>", "none a@b.example"},
      // Nobody.
      {"", "nobody "},
      {"<>", "nobody "},
      {"MAILER-DAEMON", "nobody "},
      {"Mail Delivery System <MAILER-DAEMON>", "nobody "},
      {"undisclosed:;", "nobody "},
      {"MAILER-DAEMON@", "nobody "},
      {"\"postmaster@x\" <>", "nobody "},
      {"MAILER-DAEMON@web_01", "nobody x@web_01,"},
      {"root@-my-host-", "nobody x@-my-host-,"},
  };
  for (const auto& [body, wanted] : table) EXPECT_EQ(from(body), wanted) << body;
}

// Ways to show the reader somebody else than the one who is checked.
TEST(LetterAuthors, whatCanBeReadInTwoWaysNamesNobodyForSure) {
  for (const auto* body :
       {"<ceo@bank.example> x@evil.example", "ceo@bank.example, <x@evil.example",
        "ceo@bank.example <ceo@bank.example> x", "ceo@bank..example", "<ceo@[bank.example]>",
        "ceo@bank.example@evil.example", "<ceo@bank.example>, x@evil.example <", "<<ceo@bank.example>>, x@evil.example",
        "ceo@bank.example; x@evil.example", "\"ceo@bank.example, x@evil.example"}) {
    const auto authors = authors_of_letter(fmt::format("From: {}\r\n\r\n", body));
    EXPECT_EQ(authors.fault, AuthorFault::unreadable) << body;
    ASSERT_FALSE(authors.addresses.empty());
    EXPECT_EQ(authors.addresses.back(), "") << body;
  }
  // All whom anybody might see are looked at.
  EXPECT_NE(from("<ceo@bank.example> x@evil.example").find("@bank.example"), std::string::npos);
}

TEST(LetterAuthors, fields) {
  EXPECT_EQ(line_of(""), "no-field ");
  EXPECT_EQ(line_of("To: a@b.example\r\n\r\nFrom: a@b.example\r\n"), "no-field ");
  EXPECT_EQ(line_of("from: a@b.example\nFROM : c@d.example\n\n"), "several-fields a@b.example,c@d.example");
  EXPECT_EQ(line_of("From: a@b.example\r\nFrom: nobody\r\n\r\n"), "several-fields a@b.example,");
  EXPECT_EQ(authors_of_letter("List-ID: <x>\r\nFrom: a@b.example\r\n\r\n").has_list_id, true);
}

TEST(LetterAuthors, aHeaderThatBreaksOff) {
  const std::string broken = "Subject: x\r\nFrom: a@b.example\r\nfoo\r\nbar\r\n";
  EXPECT_EQ(line_of(broken + "\r\n"), "none a@b.example");
  EXPECT_EQ(line_of(broken + "Note: this is text\r\n\r\n"), "none a@b.example");
  EXPECT_EQ(line_of(broken + "\r\nFrom: c@d.example\r\n"), "none a@b.example");
  EXPECT_EQ(line_of(broken + "From: c@d.example\r\n\r\n"), "broken-header a@b.example,c@d.example,");
  EXPECT_EQ(line_of(broken + "x\r\nSubject: another\r\n\r\n"), "broken-header a@b.example,");
  EXPECT_EQ(line_of("Subject: x\r\nfoo\r\nbar\r\nFrom: c@d.example\r\n\r\n"), "broken-header c@d.example,");
  EXPECT_EQ(line_of("Subject: x\r\nfoo\r\nFrom: c@d.example\r\n\r\n"), "none c@d.example") << "one line is no break";
}

TEST(LetterAuthors, manyAreBounded) {
  std::string many = "From: a@b.example";
  for (int i = 0; i < 3000; ++i) many += fmt::format(", a@b{}.example", i);
  const auto authors = authors_of_letter(many + "\r\n\r\n");
  EXPECT_TRUE(authors.too_many);
  EXPECT_LE(authors.addresses.size(), 1001U);
  std::string fields;
  for (int i = 0; i < 3000; ++i) fields += fmt::format("From: a@b{}.example\r\n", i);
  EXPECT_TRUE(authors_of_letter(fields + "\r\n").too_many);
}

TEST(LetterAuthors, everyPrefix) {
  const std::string whole =
      "From: \"A\\\" B\" (c (d)) <a@b.example>, g: x@y.example;\r\n z\r\nrub\r\nbish\r\nFrom: q@r\r\n";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto authors = authors_of_letter(std::string_view(whole).substr(0, size));
    EXPECT_LE(authors.fields, 2U) << size;
  }
}

}  // namespace
}  // namespace pabal::mailauth
