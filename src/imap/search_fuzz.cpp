// Any octets as a search program: depth and count stay within their limits, texts are UTF-8.
#include <cstdint>
#include <cstdlib>

#include "base/text.hpp"
#include "imap/command_dump.hpp"

namespace {

using namespace pabal::imap;

// How many keys; they are no deeper than allowed. An "and" of several keys in parentheses is a level of its own.
std::size_t keys_of(const SearchKey& key, std::size_t depth) {
  if (depth > 2 * kDeepestSearch + 3) std::abort();
  if (!pabal::is_utf8(key.text)) std::abort();
  using Kind = SearchKey::Kind;
  const bool one = key.kind == Kind::not_ || key.kind == Kind::fuzzy;
  if (one && key.children.size() != 1) std::abort();
  if (key.kind == Kind::or_ && key.children.size() != 2) std::abort();
  if (key.kind == Kind::and_ && key.children.empty()) std::abort();
  std::size_t count = 1;
  for (const auto& child : key.children) count += keys_of(child, depth + 1);
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string input(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::string_view verbs[] = {"a SEARCH ", "a UID SORT (DATE) ", "a THREAD REFS ", "a ESEARCH "};
  const auto command = parse_command(std::string(verbs[data[0] % 4]) + input, {.utf8 = true, .uid_only = false});
  if (!command) return 0;
  const SearchKey* key = nullptr;
  if (const auto* search = std::get_if<Search>(&command->arguments)) key = &search->program.key;
  if (const auto* sort = std::get_if<Sort>(&command->arguments)) key = &sort->program.key;
  if (const auto* thread = std::get_if<Thread>(&command->arguments)) key = &thread->program.key;
  if (const auto* search = std::get_if<MultiSearch>(&command->arguments)) key = &search->program.key;
  if (key == nullptr) std::abort();
  // Each key of the text is at most three in the tree.
  if (keys_of(*key, 0) > 4 * kMostSearchKeys + 4) std::abort();
  if (testing::dump(*command).empty()) std::abort();
  return 0;
}
