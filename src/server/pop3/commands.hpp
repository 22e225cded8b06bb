// The commands, a file each, and the table that says which function serves which.
#pragma once
#include "server/pop3/session.hpp"

namespace pabal::server::pop3 {

/// A command that needs nothing but the session.
using Now = Answer (*)(Session&, Command&);
/// One that waits for accounts or store. The session outlives it.
using Later = Async<Answer> (*)(Session*, Command);
[[nodiscard]] const std::variant<Now, Later>& handler_of(Verb verb) noexcept;

[[nodiscard]] Async<Answer> auth(Session* session, Command command);
[[nodiscard]] Answer capa(Session& session, Command& command);
[[nodiscard]] Answer dele(Session& session, Command& command);
[[nodiscard]] Answer lang(Session& session, Command& command);
[[nodiscard]] Answer list(Session& session, Command& command);
[[nodiscard]] Answer noop(Session& session, Command& command);
[[nodiscard]] Async<Answer> pass(Session* session, Command command);
[[nodiscard]] Async<Answer> quit(Session* session, Command command);
[[nodiscard]] Async<Answer> retr(Session* session, Command command);
[[nodiscard]] Answer rset(Session& session, Command& command);
[[nodiscard]] Answer stat(Session& session, Command& command);
[[nodiscard]] Answer stls(Session& session, Command& command);
[[nodiscard]] Async<Answer> top(Session* session, Command command);
[[nodiscard]] Answer uidl(Session& session, Command& command);
[[nodiscard]] Answer user(Session& session, Command& command);
[[nodiscard]] Answer utf8(Session& session, Command& command);

}  // namespace pabal::server::pop3
