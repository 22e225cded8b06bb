// UTF8 (RFC 6856 §2.1).
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Answer utf8(Session& session, Command& /*command*/) {
  session.set_utf8();
  return {.reply = yes(Text::utf8_on)};
}

}  // namespace pabal::server::pop3
