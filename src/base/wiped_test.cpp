#include "base/wiped.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include <gtest/gtest.h>

namespace pabal {
namespace {

// What a string's own room holds, behind its end too.
std::string_view room(const std::string& text) { return {text.data(), text.capacity()}; }

TEST(Wiped, ShortAndLongTextsWithWhatStoodBehindTheirEnd) {
  for (const std::size_t size : {1UL, 6UL, 15UL, 16UL, 4000UL}) {
    std::string text(size, 's');
    text.resize(size / 2);
    const char* at = text.data();
    wipe(text);
    EXPECT_TRUE(text.empty());
    EXPECT_EQ(text.data(), at);
    EXPECT_FALSE(room(text).contains('s')) << size;
  }
}

TEST(Wiped, NothingStaysWhereItWasMovedFrom) {
  std::string text = "secret";
  const Wiped wiped(std::move(text));
  EXPECT_EQ(wiped.get(), "secret");
  EXPECT_FALSE(room(text).contains("ecret"));  // NOLINT(bugprone-use-after-move): that is the question
}

TEST(Wiped, NothingStaysAtItsEnd) {
  alignas(Wiped) std::array<char, sizeof(Wiped)> memory{};
  std::destroy_at(std::construct_at(reinterpret_cast<Wiped*>(memory.data()), "secret"));
  EXPECT_FALSE(std::string_view(memory.data(), memory.size()).contains("secr"));
}

TEST(Wiped, AnothersTextAtTheEndOfAScope) {
  std::string text = "secret";
  std::string taken;
  {
    const WipeAtEnd wiped(text);
    taken = std::move(text);
  }
  EXPECT_EQ(taken, "secret");
  EXPECT_FALSE(room(text).contains("ecret"));  // NOLINT(bugprone-use-after-move): that is the question
}

TEST(Wiped, ATextThatMayNotBeThere) {
  std::optional<std::string> text;
  {
    const WipeAtEnd nothing(text);
  }
  EXPECT_FALSE(text);
  text = "secret";
  {
    const WipeAtEnd wiped(text);
  }
  EXPECT_FALSE(room(*text).contains("secret"));
}

}  // namespace
}  // namespace pabal
