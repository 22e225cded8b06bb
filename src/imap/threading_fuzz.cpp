// THREAD's algorithms on any claims: each message is printed once.
#include <algorithm>
#include <cstdlib>

#include "imap/threading.hpp"

namespace {

std::size_t numbers_in(const std::string& text) {
  std::size_t count = 0;
  bool before = false;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (digit && !before) ++count;
    before = digit;
  }
  return count;
}

}  // namespace

// Each letter is five octets (id, subject and reply, sent, received, how many references) and its references.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pabal::imap::ThreadInput input;
  for (std::size_t i = 0; i + 5 <= size;) {
    pabal::imap::ThreadMessage one{.number = static_cast<std::uint32_t>(input.messages.size() + 1)};
    one.id = data[i];
    one.subject = data[i + 1] & 15U;
    one.reply = (data[i + 1] & 16U) != 0;
    one.sent = data[i + 2];
    one.received = data[i + 3];
    const std::size_t references = std::min<std::size_t>(data[i + 4] % 8, size - i - 5);
    i += 5;
    for (std::size_t j = 0; j < references; ++j) input.references.push_back(data[i + j] + 1U);
    one.references = static_cast<std::uint32_t>(references);
    i += references;
    input.messages.push_back(one);
  }
  using enum pabal::imap::ThreadAlgorithm;
  for (const auto algorithm : {ordered_subject, references, refs}) {
    auto threads = pabal::imap::Threads::make(algorithm, input);
    std::string out;
    if (!threads.print(out, SIZE_MAX) || numbers_in(out) != input.messages.size()) std::abort();
  }
  return 0;
}
