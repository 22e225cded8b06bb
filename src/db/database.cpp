#include "db/database.hpp"

#include "base/text.hpp"

namespace pabal::db {

Result<std::optional<std::int64_t>> Connection::number(std::string_view sql,
                                                       std::initializer_list<Parameter> parameters) {
  auto rows = query(sql, parameters);
  if (!rows) return pass(rows);
  auto more = rows->next();
  if (!more) return pass(more);
  if (!*more || rows->is_null(0)) return std::nullopt;
  return rows->integer(0);
}

std::string replace_words(std::string_view script, std::span<const Replacement> replacements) {
  const auto in_word = [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; };
  std::string out;
  out.reserve(script.size() + script.size() / 8);
  std::size_t at = 0;
  const auto copy_to = [&](std::size_t end) {
    end = std::min(end, script.size());
    out += script.substr(at, end - at);
    at = end;
  };
  while (at < script.size()) {
    const char c = script[at];
    if (c == '\'' || c == '"') {
      const auto end = script.find(c, at + 1);
      copy_to(end == std::string_view::npos ? end : end + 1);
    } else if (script.substr(at, 2) == "--") {
      copy_to(script.find('\n', at));
    } else if (in_word(c)) {
      // The longest replacement that matches here; a replacement may be of several words.
      const Replacement* best = nullptr;
      for (const auto& candidate : replacements) {
        const auto end = at + candidate.word.size();
        if (!script.substr(at).starts_with(candidate.word)) continue;
        if (end < script.size() && in_word(script[end])) continue;
        if (best == nullptr || candidate.word.size() > best->word.size()) best = &candidate;
      }
      if (best != nullptr) {
        out += best->by;
        at += best->word.size();
      } else {
        std::size_t end = at;
        while (end < script.size() && in_word(script[end])) ++end;
        copy_to(end);
      }
    } else {
      copy_to(at + 1);
    }
  }
  return out;
}

}  // namespace pabal::db
