#include "message/rebuild.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "message/strict_check.hpp"
#include "message/structure_testing.hpp"

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

TEST(Rebuild, AllMessagesOfTheSuitesAreStable) {
  std::size_t messages = 0;
  std::size_t not_carried = 0;
  std::size_t other = 0;
  for (const auto folder : {"mime", "spam-dev/ham", "spam-dev/spam", "dsn"}) {
    const auto root = std::filesystem::path(PABAL_SOURCE_DIR) / "../shared/suites" / folder;
    if (!std::filesystem::exists(root)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file() || entry.file_size() > (8U << 20)) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string message{std::istreambuf_iterator<char>(in), {}};
      ++messages;
      SeededRandom random(1);
      const auto tree = parse_mime(message);
      // Embedded 8-bit messages can't be encoded, so the way is one that carries them.
      const auto once = rebuild(message, tree).text(random, {Carriage::eight_bit});
      if (!once) {
        ++not_carried;
        std::cout << entry.path().filename().string() << ": " << once.error().log << '\n';
        continue;
      }
      if (tree.root().kind != PartKind::message) {
        const auto findings = strict_check(*once, {.utf8_header = true, .eight_bit = true});
        // An embedded message is as its writer left it.
        const bool embedded =
            std::ranges::any_of(tree.parts, [](const Part& p) { return p.kind == PartKind::message; });
        if (!embedded) EXPECT_EQ(findings, std::vector<std::string>()) << entry.path();
      }
      if (structure(*once) != structure(message)) {
        ++other;
        if (other < 20)
          std::cout << entry.path().filename().string() << " reads otherwise\n"
                    << structure(message) << "-- now\n"
                    << structure(*once);
      }
      SeededRandom same(1);
      const auto again = parse_mime(*once);
      const auto twice = rebuild(*once, again).text(same, {Carriage::eight_bit});
      ASSERT_TRUE(twice) << entry.path();
      EXPECT_EQ(structure(*twice), structure(*once)) << entry.path();
    }
  }
  if (messages == 0) GTEST_SKIP() << "the suites are not here";
  std::cout << fmt::format("{} messages, {} can't be carried, {} read otherwise\n", messages, not_carried, other);
  EXPECT_EQ(not_carried, 0U);
  EXPECT_LE(other, messages / 50);
}

}  // namespace
}  // namespace pabal::message
