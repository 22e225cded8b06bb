// The public Punycode cases, where they are at hand beside the project (../shared/suites/idna).
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "address/domain.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace pabal {
namespace {

json::array cases_in(const char* name) {
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  std::ifstream in(root / ".." / "shared" / "suites" / "idna" / name);
  if (!in) return {};
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  return parse_json(text).value().as_array();
}

std::string field(const json::value& test, const char* name) {
  return std::string(test.as_object().at(name).as_string());
}

TEST(IdnaSuite, Punycode) {
  const auto cases = cases_in("punycode_tests.json");
  if (cases.empty()) GTEST_SKIP() << "no ../shared/suites/idna";
  int converted = 0;
  for (const auto& test : cases) {
    const auto decoded = field(test, "decoded");
    const auto encoded = "xn--" + to_lower(field(test, "encoded"));
    // The cases are of bare Punycode: some are no domain labels (spaces, capitals, symbols).
    const auto domain = Domain::parse(decoded);
    if (domain && domain->unicode() == decoded && !is_ascii(decoded)) {
      EXPECT_EQ(domain->ascii(), encoded);
      EXPECT_EQ(Domain::parse(encoded), *domain);
      ++converted;
    } else if (const auto back = Domain::parse(encoded)) {
      EXPECT_EQ(back->ascii(), encoded);
      EXPECT_EQ(back->unicode(), to_lower(decoded));
    }
  }
  EXPECT_GE(converted, 10);
}

TEST(IdnaSuite, BadPunycode) {
  const auto cases = cases_in("bad_punycode_tests.json");
  if (cases.empty()) GTEST_SKIP() << "no ../shared/suites/idna";
  for (const auto& test : cases) EXPECT_FALSE(Domain::parse(field(test, "decoded")).has_value());
}

}  // namespace
}  // namespace pabal
