#include "message/base_subject.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace pabal::message {
namespace {

TEST(BaseSubject, Tables) {
  struct Row {
    std::string_view subject;
    std::string_view base;
    bool reply = false;
  };
  static const Row rows[] = {
      {"", ""},
      {"hello", "hello"},
      {"  hello \t world  ", "hello world"},
      {"Re: hello", "hello", true},
      {"RE : hello", "hello", true},
      {"re[2]: hello", "hello", true},
      {"Fw: Fwd: Re: hello", "hello", true},
      {"hello (fwd)", "hello", true},
      {"hello (FWD) (fwd) ", "hello", true},
      {"[list] Re: hello", "hello", true},
      {"[list] hello", "hello"},
      {"[a] [b] hello", "hello"},
      {"[a][b] Re: [c] hello", "hello", true},
      {"[only]", "[only]"},
      {"[a] [only]", "[only]"},
      {"[fwd: hello]", "hello", true},
      {"[Fwd: Re: [x] hello (fwd)]", "hello", true},
      {"[fwd: hello", "[fwd: hello"},
      {"Re:", "", true},
      {"Re: Re:", "", true},
      {"Reply: hello", "Reply: hello"},
      {"regarding", "regarding"},
      {"[open hello", "[open hello"},
      {"[a[b] hello", "[a[b] hello"},
      {"AW: hello", "AW: hello"},
  };
  for (const auto& row : rows) {
    const auto base = base_subject(row.subject);
    EXPECT_EQ(base.text, row.base) << row.subject;
    EXPECT_EQ(base.reply_or_forward, row.reply) << row.subject;
  }
}

TEST(BaseSubject, Threads) {
  for (const auto* subject :
       {"Hello world", "Re: hello  World", "AW: Hello world", "회신: Hello world", "[tag] SV: hello world",
        "回复：Hello world", "Fwd: 답장: helloworld", "Hello world (fwd)"}) {
    EXPECT_EQ(thread_subject(subject), "helloworld") << subject;
  }
  EXPECT_EQ(thread_subject("파발 말"), "파발말");
}

TEST(BaseSubject, LinearOnHostileInput) {
  for (const std::string_view unit : {"[a]", "[", "Re:", "[fwd:", " ", "(fwd)", "re[", "Re ", "[a] re"}) {
    std::string subject;
    while (subject.size() < 1 << 20) subject += unit;
    const auto began = std::chrono::steady_clock::now();
    EXPECT_LE(thread_subject(subject).size(), subject.size());
    EXPECT_LE(base_subject(subject + "]").text.size(), subject.size() + 1);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3)) << unit;
  }
}

}  // namespace
}  // namespace pabal::message
