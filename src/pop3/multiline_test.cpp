#include "pop3/multiline.hpp"

#include <random>

#include <gtest/gtest.h>

namespace pabal::pop3 {
namespace {

std::string in_windows(std::string_view message, std::size_t window, std::string out = {}) {
  DotStuffer stuffer;
  while (!message.empty()) {
    const auto from = out.size();
    out.append(message.substr(0, window));
    message.remove_prefix(std::min(window, message.size()));
    stuffer.stuff(out, from);
  }
  stuffer.finish(out);
  return out;
}

TEST(DotStuffer, Table) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ".\r\n"},
      {"\r\n", "\r\n.\r\n"},
      {".", "..\r\n.\r\n"},
      {".\r\n", "..\r\n.\r\n"},
      {"..\r\n", "...\r\n.\r\n"},
      {"a", "a\r\n.\r\n"},
      {"a\r\n", "a\r\n.\r\n"},
      {"a\r\n.b\r\n", "a\r\n..b\r\n.\r\n"},
      {"a\r\n.\r\n", "a\r\n..\r\n.\r\n"},
      {"a.b\r\nc.\r\n", "a.b\r\nc.\r\n.\r\n"},
      {"a\n.\n", "a\n..\n\r\n.\r\n"},
      {"a\r.\r\n", "a\r.\r\n.\r\n"},
      {"a\r", "a\r\r\n.\r\n"},
      {"\n", "\n\r\n.\r\n"},
      {"\n.\n.\n.", "\n..\n..\n..\r\n.\r\n"},
  };
  for (const auto& [message, stuffed] : cases) {
    EXPECT_EQ(dot_stuffed(message), stuffed);
    for (std::size_t window = 1; window <= message.size() + 1; ++window)
      EXPECT_EQ(in_windows(message, window), stuffed);
  }
}

TEST(DotStuffer, RandomMessagesAgainstTheReference) {
  std::mt19937 random(4711);
  const std::string_view letters = "....\n\n\n\r\r\nab";
  for (int round = 0; round < 3000; ++round) {
    std::string message(random() % 700, 'x');
    // Some are all line ends and dots, some have few.
    const unsigned rare = round % 3 == 0 ? 1 : 40;
    for (auto& c : message) {
      if (random() % rare == 0) c = letters[random() % letters.size()];
    }
    const auto expected = dot_stuffed(message);
    EXPECT_EQ(in_windows(message, 1 + random() % 300), expected);
    EXPECT_EQ(in_windows(message, message.size() + 1, "+OK\r\n."), "+OK\r\n." + expected);
  }
}

std::string top(std::string_view message, std::uint64_t lines, std::size_t window) {
  TopCutter cutter(lines);
  std::string out;
  while (!message.empty() && !cutter.done()) {
    const auto part = message.substr(0, window);
    out.append(part.substr(0, cutter.take(part)));
    message.remove_prefix(part.size());
  }
  return out;
}

TEST(TopCutter, Table) {
  struct Case {
    std::string_view message;
    std::uint64_t lines;
    std::string_view result;
  };
  const Case cases[] = {
      {"A: b\r\n\r\n1\r\n2\r\n3\r\n", 0, "A: b\r\n\r\n"},
      {"A: b\r\n\r\n1\r\n2\r\n3\r\n", 1, "A: b\r\n\r\n1\r\n"},
      {"A: b\r\n\r\n1\r\n2\r\n3\r\n", 3, "A: b\r\n\r\n1\r\n2\r\n3\r\n"},
      {"A: b\r\n\r\n1\r\n2\r\n3\r\n", 100, "A: b\r\n\r\n1\r\n2\r\n3\r\n"},
      {"A: b\r\n\r\n\r\n\r\n", 1, "A: b\r\n\r\n\r\n"},
      {"A: b\r\n\r\n1", 5, "A: b\r\n\r\n1"},
      {"A: b\r\n", 0, "A: b\r\n"},
      {"A: b", 9, "A: b"},
      {"\r\n1\r\n2\r\n", 1, "\r\n1\r\n"},
      {"A: b\n\n1\n2\n", 1, "A: b\n\n1\n"},
      {"", 3, ""},
      {"A: b\r\n c\r\n \r\nD: e\r\n\r\nx\r\n", 0, "A: b\r\n c\r\n \r\nD: e\r\n\r\n"},
  };
  for (const auto& c : cases) {
    for (std::size_t window = 1; window <= c.message.size() + 1; ++window) {
      EXPECT_EQ(top(c.message, c.lines, window), c.result) << c.message << window;
    }
  }
}

}  // namespace
}  // namespace pabal::pop3
