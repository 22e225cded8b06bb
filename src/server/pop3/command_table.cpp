#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

namespace {
// By Verb. APOP never comes so far: the rules refuse it in every state.
const std::array<std::variant<Now, Later>, grammar::kVerbs> kHandlers = {
    noop, auth, capa, dele, lang, list, noop, pass, quit, retr, rset, stat, stls, top, uidl, user, utf8,
};
}  // namespace

const std::variant<Now, Later>& handler_of(Verb verb) noexcept { return kHandlers[static_cast<std::size_t>(verb)]; }

}  // namespace pabal::server::pop3
