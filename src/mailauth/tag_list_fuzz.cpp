// Tag lists: what is read of a list, written again, reads the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mailauth/tag_list.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::mailauth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = TagList::parse(text);
  if (!list) return 0;
  if (list->all().empty() || list->all().size() > TagList::most_tags) std::abort();
  std::string again;
  for (const auto& tag : list->all()) {
    if (list->find(tag.name) != tag.value) std::abort();
    again.append(tag.name).append("=").append(tag.value).append("; ");
    if (without_white_space(tag.value).find_first_of(" \t\r\n") != std::string::npos) std::abort();
    for (const auto part : split_colons(tag.value)) {
      if (part.find(':') != std::string_view::npos) std::abort();
    }
  }
  const auto second = TagList::parse(again);
  if (!second || second->all().size() != list->all().size()) std::abort();
  return 0;
}
