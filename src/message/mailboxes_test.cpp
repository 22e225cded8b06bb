#include "message/mailboxes.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace pabal::message {
namespace {

std::string dump(std::string_view body) {
  const auto found = addresses_in(body);
  if (!found) return "error";
  std::string out;
  for (const auto& address : *found) {
    if (!out.empty()) out += " ";
    out += address.text();
  }
  return out;
}

struct Case {
  std::string input;
  std::string expected;
};

TEST(Mailboxes, Lists) {
  const std::vector<Case> cases = {
      {"", ""},
      {" a@b.example", "a@b.example"},
      {" Alice <a@b.example>", "a@b.example"},
      {" \"A, B; <x@y.example>\" <a@b.example>", "a@b.example"},
      {" a@b.example (Alice (the) \\) first)", "a@b.example"},
      {" (hi) a (x) @ (y) b.example", "a@b.example"},
      {" a@b.example, c@d.example", "a@b.example c@d.example"},
      {" Alice <a@b.example>,\r\n Bob <c@d.example>", "a@b.example c@d.example"},
      {" team: a@b.example, Bob <c@d.example>;", "a@b.example c@d.example"},
      {" undisclosed-recipients:;", ""},
      {" none:;, a@b.example", "a@b.example"},
      {" ,, a@b.example ,", "a@b.example"},
      {" <@x.example,@y.example:a@b.example>", "a@b.example"},
      {" \"a b\"@c.example", "\"a b\"@c.example"},
      {" a@[192.0.2.1]", "a@[192.0.2.1]"},
      {" =?utf-8?q?=C3=A4?= <a@b.example>", "a@b.example"},
      {" J. Doe <j.doe@b.example>", "j.doe@b.example"},
      {" \xED\x95\x9C\xEA\xB8\x80 <a@b.example>", "a@b.example"},
      {" Alice", "error"},
      {" Alice <a@b.example", "error"},
      {" Alice a@b.example>", "error"},
      {" <a@b.example> <c@d.example>", "error"},
      {" <a@b.example> x", "error"},
      {" <>", "error"},
      {" a@b.example;", "error"},
      {" (a@b.example", "error"},
      {" \"a@b.example", "error"},
      {" x: y: a@b.example;", "error"},
  };
  for (const auto& [input, expected] : cases) {
    EXPECT_EQ(dump(input), expected) << input;
    for (std::size_t n = 0; n < input.size(); ++n) EXPECT_LT(dump(input.substr(0, n)).size(), 200U);
  }
  EXPECT_FALSE(addresses_in("a@b.example, c@d.example", 1));
  EXPECT_EQ(dump(std::string(1000, '(') + "a@b.example"), "error");
}

}  // namespace
}  // namespace pabal::message
