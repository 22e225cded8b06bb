// COMPRESS (RFC 4978). It is announced and taken only after the login, and so behind STARTTLS.
#include "server/imap/commands.hpp"

namespace pabal::server::imap {

Async<Answer> compress(Session* /*session*/, Command command) {
  const auto& words = std::get<grammar::Words>(command.arguments).words;
  if (words.size() != 1 || words.front() != "DEFLATE") co_return bad("DEFLATE is what there is.");
  co_return Answer{.text = "Compressed from here on.", .then = Answer::Then::begin_compression};
}

}  // namespace pabal::server::imap
