// NOOP (RFC 1939 §5).
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Answer noop(Session& /*session*/, Command& /*command*/) { return {.reply = yes(Text::done)}; }

}  // namespace pabal::server::pop3
