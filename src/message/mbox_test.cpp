#include "message/mbox.hpp"

#include <gtest/gtest.h>

namespace pabal::message {
namespace {

std::string dump(std::string_view mbox, std::size_t step) {
  MboxReader reader;
  std::string out;
  const auto drain = [&] {
    while (const auto message = reader.next()) out += "[" + *message + "]";
  };
  for (std::size_t at = 0; at < mbox.size(); at += step) {
    reader.feed(mbox.substr(at, step));
    drain();
  }
  reader.end();
  drain();
  return out;
}

TEST(Mbox, Tables) {
  struct Row {
    std::string_view mbox;
    std::string_view messages;
  };
  static const Row rows[] = {
      {"", ""},
      {"\n\n", ""},
      {"From a Mon\nA: b\n\nbody\n\nFrom c Tue\nD: e\n\ntext\n", "[A: b\n\nbody\n][D: e\n\ntext\n]"},
      {"From a Mon\nA: b\n\nbody\n\nFrom c Tue\nD: e\n\ntext\n\n", "[A: b\n\nbody\n][D: e\n\ntext\n]"},
      {"From a Mon\r\nA: b\r\n\r\nbody\r\n\r\nFrom c\r\nD: e\r\n\r\nx", "[A: b\r\n\r\nbody\r\n][D: e\r\n\r\nx]"},
      {"From a\nA: b\n\n>From x\n>>From y\n> From z\nnot From w\n",
       "[A: b\n\nFrom x\n>From y\n> From z\nnot From w\n]"},
      {"From a\nA: b\n\nline\nFrom inside a paragraph\n", "[A: b\n\nline\nFrom inside a paragraph\n]"},
      {"A: b\n\nno separator\n", "[A: b\n\nno separator\n]"},
      {"From a\n\nFrom b\n\n", "[][]"},
      {"From a", "[]"},
  };
  for (const auto& row : rows) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1000}}) {
      EXPECT_EQ(dump(row.mbox, step), row.messages) << row.mbox << " " << step;
    }
  }
}

}  // namespace
}  // namespace pabal::message
