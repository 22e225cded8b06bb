// LANG (RFC 6856 §3): in which language replies are.
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Answer lang(Session& session, Command& command) {
  if (command.argument.empty()) {
    std::string lines;
    for (const auto& language : grammar::languages()) {
      lines.append(language.tag).append(" ").append(language.name).append("\r\n");
    }
    lines.append(".\r\n");
    return {.reply = yes(Text::languages), .body = std::move(lines)};
  }
  const auto language = grammar::find_language(command.argument);
  if (!language) return {.reply = no(Text::language_unknown)};
  session.set_language(*language);
  Reply reply = yes(Text::language_set);
  reply.verbatim = grammar::info(*language).tag;
  return {.reply = std::move(reply)};
}

}  // namespace pabal::server::pop3
