#include "server/imap/language.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "server/imap/commands.hpp"

namespace pabal::server::imap {

namespace {

static_assert(std::ranges::all_of(grammar::kRefusalTexts,
                                  [](std::string_view text) { return find_text(text) != kTexts.end(); }));

}  // namespace

std::string_view tag_of(Language language) noexcept { return language == Language::korean ? "ko" : "en"; }

std::optional<Language> find_language(std::string_view range) noexcept {
  if (equal_ignoring_case(range, "i-default") || equal_ignoring_case(range, "default")) return Language::english;
  const auto primary = range.substr(0, range.find('-'));
  for (const auto language : {Language::english, Language::korean}) {
    if (equal_ignoring_case(primary, tag_of(language))) return language;
  }
  return std::nullopt;
}

std::string_view in_language(Language language, std::string_view english) noexcept {
  if (language == Language::english) return english;
  const auto* const found = find_text(english);
  return found == kTexts.end() ? english : found->korean;
}

Async<Answer> language(Session* session, Command command) {
  const auto& wanted = std::get<grammar::Words>(command.arguments).words;
  if (wanted.empty()) {
    session->out().append("* LANGUAGE (en ko i-default)\r\n");
    co_return ok("Done.");
  }
  for (const auto& range : wanted) {
    const auto found = find_language(range);
    if (!found) continue;
    session->set_language(*found);
    session->out().append(fmt::format("* LANGUAGE ({})\r\n", tag_of(*found)));
    co_return ok("Done.");
  }
  co_return no("Unsupported language.");
}

}  // namespace pabal::server::imap
