#include "message/rebuild.hpp"

#include <algorithm>
#include <iostream>
#include <iterator>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "message/strict_check.hpp"
#include "message/structure_testing.hpp"
#include "message/suites_testing.hpp"

namespace pabal::message {
namespace {

TEST(Rebuild, KeepsStructureAndContents) {
  const std::string message =
      "From: a@x\r\nSubject: s\r\n folded\r\nX-Raw: \xEA\xB0\x80\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
      "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xE9\r\n"
      "--b\r\nContent-Type: application/pdf; name=\"=?utf-8?B?7YyM7J28?=.pdf\"\r\nContent-Transfer-Encoding: base64\r\n"
      "\r\nUERG\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx\r\n--b--\r\n";
  SeededRandom random(1);
  const auto text = rebuild(message, parse_mime(message)).text(random);
  ASSERT_TRUE(text);
  EXPECT_EQ(strict_check(*text), std::vector<std::string>()) << *text;
  EXPECT_EQ(structure(*text), structure(message));
  EXPECT_NE(text->find("Subject: s\r\n folded\r\n"), std::string::npos);
  EXPECT_NE(text->find("X-Raw: =?utf-8?B?6rCA?=\r\n"), std::string::npos);
}

// Messages that read otherwise when they have been written once. All have a multipart in which no part begins, and such
// octets can only be carried as what they are; what is in them stays.
constexpr std::pair<std::string_view, std::string_view> kReadOtherwise[] = {
    {"empty_in_reply_to.eml", "a multipart with nothing in it"},
    {"bad_date_header2.eml", "a multipart with nothing in it"},
    {"must_supply_encoding.eml", "a multipart with nothing in it"},
    {"missing_body.eml", "a multipart with nothing in it"},
    {"empty-multipart.txt", "the multipart in it has nothing in it"},
    {"jwz-summary.txt", "a multipart without a boundary: a list of header lines"},
    {"issue1189-summary.txt", "a multipart without a boundary: a list of header lines"},
    {"content-length-summary.txt", "a multipart without a boundary: a list of header lines"},
    {"msg_31.txt", "another boundary than the header says"},
    {"msg_41.txt", "a multipart without a boundary"},
    {"msg_25.txt", "a multipart without a boundary"},
    {"msg_17.txt", "no boundary line at all"},
    {"00467.5b733c506b7165424a0d4a298e67970f.txt",
     "its boundary lines have a space that the header's boundary has not"},
    {"01214.973b4598b630a989967ff69b19f95d4a.txt",
     "its boundary lines have a space that the header's boundary has not"},
    {"lhost-messagingserver-03.eml", "no boundary line at all"},
    {"rhost-franceptt-07.eml", "another boundary than the header says"},
    {"rfc3464-06.eml", "no boundary line at all"},
    {"lhost-office365-11.eml", "the multipart in it is without a boundary: its line is not folded"},
};

TEST(Rebuild, AllMessagesOfTheSuitesAreStable) {
  const auto paths = suite_files({"mime", "spam-dev/ham", "spam-dev/spam", "dsn"});
  if (paths.empty()) GTEST_SKIP() << "the suites are not here";
  std::size_t not_carried = 0;
  std::size_t other = 0;
  for (const auto& path : paths) {
    const std::string message = file_contents(path);
    SeededRandom random(1);
    const auto tree = parse_mime(message);
    // Embedded 8-bit messages can't be encoded, so the way is one that carries them.
    const auto once = rebuild(message, tree).text(random, {Carriage::eight_bit});
    if (!once) {
      ++not_carried;
      std::cout << path.filename().string() << ": " << once.error().log << '\n';
      continue;
    }
    if (tree.root().kind != PartKind::message) {
      const auto findings = strict_check(*once, {.utf8_header = true, .eight_bit = true});
      // An embedded message is as its writer left it.
      const bool embedded = std::ranges::any_of(tree.parts, [](const Part& p) { return p.kind == PartKind::message; });
      if (!embedded) EXPECT_EQ(findings, std::vector<std::string>()) << path;
    }
    const std::string name = path.filename().string();
    const bool listed = std::ranges::any_of(kReadOtherwise, [&](const auto& one) { return one.first == name; });
    const bool same_as_before = structure(*once) == structure(message);
    if (listed) EXPECT_FALSE(same_as_before) << name << " need not be in the list any more";
    if (!listed) EXPECT_EQ(structure(*once), structure(message)) << name;
    if (!same_as_before) ++other;
    SeededRandom same(1);
    const auto again = parse_mime(*once);
    const auto twice = rebuild(*once, again).text(same, {Carriage::eight_bit});
    ASSERT_TRUE(twice) << path;
    EXPECT_EQ(structure(*twice), structure(*once)) << path;
  }
  std::cout << fmt::format("{} messages, {} can't be carried, {} read otherwise\n", paths.size(), not_carried, other);
  EXPECT_EQ(not_carried, 0U);
  EXPECT_LE(other, std::size(kReadOtherwise));
}

}  // namespace
}  // namespace pabal::message
