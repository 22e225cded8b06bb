#include "base/json.hpp"

#include <gtest/gtest.h>

namespace pabal {
namespace {

TEST(Json, TextOrTheReasonWhyNot) {
  const auto dump = [](std::string_view text) {
    auto value = parse_json(text);
    return value ? json::serialize(*value) : "error: " + value.error().peer;
  };
  EXPECT_EQ(dump(R"({"a":[1,"둘",null]})"), R"({"a":[1,"둘",null]})");
  EXPECT_EQ(dump(" 7 \n"), "7");
  EXPECT_EQ(dump(""), "error: not JSON: incomplete JSON after 0 octets");
  EXPECT_TRUE(dump("{} x").starts_with("error: not JSON: "));
  EXPECT_TRUE(dump("{\"a\":").starts_with("error: not JSON: "));
}

}  // namespace
}  // namespace pabal
