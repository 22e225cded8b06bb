#include "imap/threading.hpp"

#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::imap {
namespace {

std::uint64_t hash_of(std::string_view text) { return std::hash<std::string_view>{}(text) | 1; }

// A letter as "id reference reference | subject" (ids of one word, "-" for none; "re " before the subject makes it a
// reply), numbered and sent in their order, or "@5 …": sent at 5.
ThreadInput input_of(std::initializer_list<std::string_view> letters) {
  ThreadInput input;
  for (auto letter : letters) {
    ThreadMessage one{.number = static_cast<std::uint32_t>(input.messages.size() + 1)};
    one.sent = one.received = one.number;
    if (letter.starts_with('@')) {
      one.sent = one.received = letter[1] - '0';
      letter.remove_prefix(3);
    }
    const auto bar = letter.find('|');
    auto subject = trim(letter.substr(bar + 1));
    one.reply = subject.starts_with("re ");
    if (one.reply) subject.remove_prefix(3);
    if (!subject.empty()) one.subject = hash_of(subject);
    bool first = true;
    for (const auto word : split(trim(letter.substr(0, bar)), ' ')) {
      if (first && word != "-") one.id = hash_of(word);
      if (!first) {
        input.references.push_back(hash_of(word));
        ++one.references;
      }
      first = false;
    }
    input.messages.push_back(one);
  }
  return input;
}

std::string threads_of(ThreadAlgorithm algorithm, const ThreadInput& input) {
  auto threads = Threads::make(algorithm, input);
  std::string out;
  EXPECT_TRUE(threads.print(out, SIZE_MAX));
  return out;
}

struct Case {
  std::initializer_list<std::string_view> letters;
  std::string_view ordered_subject;
  std::string_view references;
  std::string_view refs;
};

TEST(Threading, Table) {
  const Case cases[] = {
      {{}, "", "", ""},
      {{"a|"}, "(1)", "(1)", "(1)"},
      {{"a|x", "b a|re x", "c a b|re x"}, "(1 (2)(3))", "(1 2 3)", "(1 2 3)"},
      {{"a|x", "b a|re x", "c a|re x"}, "(1 (2)(3))", "(1 (2)(3))", "(1 (2)(3))"},
      {{"a|x", "b|y"}, "", "(1)(2)", "(1)(2)"},
      // Of letters that aren't there: one child takes its place, several are siblings.
      {{"b a|x"}, "(1)", "(1)", "(1)"},
      {{"b a|x", "c a|x"}, "(1 2)", "((1)(2))", "((1)(2))"},
      {{"d a b c|x", "e a b|x"}, "(1 2)", "((1)(2))", "((1)(2))"},
      {{"a|x", "d a b c|re x"}, "(1 2)", "(1 2)", "(1 2)"},
      // By subject: the answer joins the question, two questions stand side by side.
      {{"a|x", "b|re x"}, "(1 2)", "(1 2)", "(1)(2)"},
      {{"a|re x", "b|x"}, "(1 2)", "(2 1)", "(1)(2)"},
      {{"a|x", "b|x"}, "(1 2)", "((1)(2))", "(1)(2)"},
      {{"a|x", "b|x", "c|x"}, "(1 (2)(3))", "((1)(2)(3))", "(1)(2)(3)"},
      {{"a|", "b|"}, "(1 2)", "(1)(2)", "(1)(2)"},
      {{"b a|x", "c a|x", "d|re x", "f e|x", "g e|x"}, "(1 (2)(3)(4)(5))", "((1)(2)(3)(4)(5))", "((1)(2))(3)((4)(5))"},
      // Loops, of one and of several; the same identifier twice; none at all.
      {{"a a|x"}, "(1)", "(1)", "(1)"},
      {{"a b|x", "b a|y"}, "", "(2 1)", "(2 1)"},
      {{"a b|x", "b c|x", "c a|x"}, "(1 (2)(3))", "(3 2 1)", "(3 2 1)"},
      {{"a|x", "a|y", "b a|z"}, "", "(1 3)(2)", "(2)(1 3)"},
      {{"- a|x", "- a|x", "a|x"}, "(1 (2)(3))", "(3 (1)(2))", "(3 (1)(2))"},
      // The letter knows its parent better than others do.
      {{"c a b|x", "b|x", "a|y"}, "", "(2 1)(3)", "(2 1)(3)"},
      // By the date of sending, the threads too; REFS by the last arrival.
      {{"@3 a|x", "@1 b a|re x", "@2 c|y"}, "", "(3)(1 2)", "(3)(1 2)"},
      {{"@1 a|x", "@2 c|y", "@3 b a|re x"}, "", "(1 3)(2)", "(2)(1 3)"},
      {{"@1 a|x", "@3 b a|x", "@2 c a|x"}, "(1 (3)(2))", "(1 (3)(2))", "(1 (3)(2))"},
  };
  for (const auto& one : cases) {
    const auto input = input_of(one.letters);
    std::string name;
    for (const auto letter : one.letters) name.append(letter).append("; ");
    if (!one.ordered_subject.empty()) {
      EXPECT_EQ(threads_of(ThreadAlgorithm::ordered_subject, input), one.ordered_subject) << name;
    }
    EXPECT_EQ(threads_of(ThreadAlgorithm::references, input), one.references) << name;
    EXPECT_EQ(threads_of(ThreadAlgorithm::refs, input), one.refs) << name;
  }
}

// Each message is there once, parentheses close, and the printer may stop anywhere.
void expect_whole(const ThreadInput& input, ThreadAlgorithm algorithm) {
  auto threads = Threads::make(algorithm, input);
  std::string out;
  for (std::string part; true; part.clear()) {
    const bool all = threads.print(part, 7);
    out += part;
    if (all) break;
  }
  EXPECT_EQ(out, threads_of(algorithm, input));
  std::multiset<std::uint32_t> seen;
  std::int64_t depth = 0;
  for (std::size_t i = 0; i < out.size();) {
    if (out[i] == '(') ++depth;
    if (out[i] == ')') --depth;
    EXPECT_GE(depth, 0);
    std::uint32_t number = 0;
    auto end = i;
    for (; end < out.size() && is_digit(out[end]); ++end)
      number = number * 10 + static_cast<std::uint32_t>(out[end] - '0');
    if (end > i) seen.insert(number);
    i = std::max(end, i + 1);
  }
  EXPECT_EQ(depth, 0);
  std::multiset<std::uint32_t> all;
  for (const auto& one : input.messages) all.insert(one.number);
  std::string letters;
  for (std::size_t at = 0; const auto& one : input.messages) {
    letters += fmt::format("{}: id {} subject {}{} sent {}:", one.number, one.id, one.subject,
                           one.reply ? " reply" : "", one.sent);
    for (std::size_t j = 0; j < one.references; ++j) letters += fmt::format(" {}", input.references[at++]);
    letters += '\n';
  }
  EXPECT_EQ(seen, all) << static_cast<int>(algorithm) << ' ' << out << '\n' << letters;
}

TEST(Threading, WhateverLettersClaim) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    ThreadInput input;
    const auto count = 1 + (random() % 40);
    const auto ids = 1 + (random() % 30);
    for (std::uint32_t i = 1; i <= count; ++i) {
      ThreadMessage one{.number = i * 3, .sent = static_cast<std::int64_t>(random() % 10)};
      one.received = static_cast<std::int64_t>(random() % 10);
      one.id = random() % ids;
      one.subject = random() % 5;
      one.reply = random() % 2 == 0;
      one.references = random() % 6;
      for (std::uint32_t j = 0; j < one.references; ++j) input.references.push_back(1 + (random() % ids));
      input.messages.push_back(one);
    }
    for (const auto algorithm :
         {ThreadAlgorithm::ordered_subject, ThreadAlgorithm::references, ThreadAlgorithm::refs}) {
      expect_whole(input, algorithm);
    }
  }
}

// Chains and stars of a hundred thousand letters, forwards and backwards: neither the stack nor the time knows of it.
TEST(Threading, HugeThreads) {
  constexpr std::uint32_t count = 100'000;
  for (const bool backwards : {false, true}) {
    for (const bool star : {false, true}) {
      ThreadInput input;
      for (std::uint32_t i = 1; i <= count; ++i) {
        const std::uint64_t id = backwards ? count + 1 - i : i;
        input.messages.push_back({.number = i, .sent = i, .received = i, .id = id, .subject = 1, .references = 0});
        if (id == 1) continue;
        input.references.push_back(star ? 1 : id - 1);
        input.messages.back().references = 1;
      }
      for (const auto algorithm : {ThreadAlgorithm::references, ThreadAlgorithm::refs}) {
        const auto out = threads_of(algorithm, input);
        EXPECT_EQ(std::ranges::count(out, '('), star ? count : 1);
      }
    }
  }
}

}  // namespace
}  // namespace pabal::imap
