#include "address/public_suffix.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal {
namespace {

std::string registrable(const PublicSuffix& list, std::string_view name) {
  const auto domain = Domain::parse(name);
  if (!domain) return "null";
  const auto found = list.registrable(*domain);
  return found ? found->ascii() : "null";
}

TEST(PublicSuffix, SystemsOwn) {
  const auto list = PublicSuffix::system();
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(registrable(*list, "mail.seoul.co.kr"), "seoul.co.kr");
  EXPECT_EQ(registrable(*list, "co.kr"), "null");
  EXPECT_EQ(registrable(*list, "a.b.example"), "b.example");
  EXPECT_TRUE(list->is_public_suffix(*Domain::parse("com")));
  EXPECT_FALSE(list->is_public_suffix(*Domain::parse("example.com")));
  EXPECT_FALSE(PublicSuffix::load("/nowhere").has_value());
}

// "DOMAIN REGISTRABLE" or "DOMAIN null" a line, of the list's maintainers.
TEST(PublicSuffix, Suite) {
  const auto folder =
      std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / "../shared/suites/psl";
  std::ifstream in(folder / "tests.txt");
  if (!in) GTEST_SKIP() << "no ../shared/suites/psl";
  const auto list = PublicSuffix::load((folder / "public_suffix_list.dat").string());
  ASSERT_TRUE(list.has_value());
  int cases = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.starts_with("//")) continue;
    const auto words = split(trim(line), ' ');
    ASSERT_EQ(words.size(), 2U) << line;
    std::string expected(words[1]);
    // Answers are A-labels; the suite's are as its questions.
    if (const auto domain = Domain::parse(expected); domain && expected != "null") expected = domain->ascii();
    EXPECT_EQ(registrable(*list, words[0]), expected) << line;
    ++cases;
  }
  EXPECT_GT(cases, 50);
}

}  // namespace
}  // namespace pabal
