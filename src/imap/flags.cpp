#include "imap/flags.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "imap/characters.hpp"

namespace pabal::imap {

namespace {

struct Known {
  SystemFlags bit;
  std::string_view flag;
  std::string_view keyword;  // empty: not in JMAP
};
constexpr std::array<Known, 5> kSystem = {{
    {kAnswered, "\\Answered", "$answered"},
    {kFlagged, "\\Flagged", "$flagged"},
    {kDeleted, "\\Deleted", ""},
    {kSeen, "\\Seen", "$seen"},
    {kDraft, "\\Draft", "$draft"},
}};

const Known* by_keyword(std::string_view keyword) noexcept {
  const auto found = std::ranges::find_if(kSystem, [&](const Known& known) {
    return !known.keyword.empty() && equal_ignoring_case(known.keyword, keyword);
  });
  return found == kSystem.end() ? nullptr : &*found;
}

}  // namespace

std::optional<SystemFlags> system_flag(std::string_view flag) noexcept {
  for (const auto& known : kSystem) {
    if (equal_ignoring_case(known.flag, flag)) return known.bit;
  }
  return std::nullopt;
}

bool is_keyword(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kLongestKeyword && std::ranges::all_of(text, is_atom_char);
}

bool add_flag(FlagList& flags, std::string_view flag) {
  if (const auto bit = system_flag(flag)) {
    flags.system |= *bit;
    return true;
  }
  if (!is_keyword(flag)) return false;
  if (const auto* known = by_keyword(flag)) {
    flags.system |= known->bit;
    return true;
  }
  const auto same = [&](const std::string& keyword) { return equal_ignoring_case(keyword, flag); };
  if (std::ranges::none_of(flags.keywords, same)) flags.keywords.emplace_back(flag);
  return true;
}

void append_flags(std::string& out, SystemFlags system, std::span<const std::string> keywords, bool recent) {
  const char* space = "";
  const auto put = [&](std::string_view flag) {
    out.append(space).append(flag);
    space = " ";
  };
  for (const auto& known : kSystem) {
    if ((system & known.bit) != 0) put(known.flag);
  }
  for (const auto& keyword : keywords) put(keyword);
  if (recent) put("\\Recent");
}

std::optional<std::string> jmap_keyword(std::string_view flag) {
  for (const auto& known : kSystem) {
    if (!equal_ignoring_case(known.flag, flag)) continue;
    if (known.keyword.empty()) return std::nullopt;
    return std::string(known.keyword);
  }
  if (flag.starts_with('\\')) return std::nullopt;
  return to_lower(flag);
}

std::string imap_flag(std::string_view keyword) {
  const auto* known = by_keyword(keyword);
  return std::string(known != nullptr ? known->flag : keyword);
}

}  // namespace pabal::imap
