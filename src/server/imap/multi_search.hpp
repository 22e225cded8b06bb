// ESEARCH: a search of many mailboxes (MULTISEARCH, RFC 7377).
#pragma once
#include "server/imap/session.hpp"

namespace pabal::server::imap {

[[nodiscard]] Async<Answer> esearch(Session* session, Command command);

}  // namespace pabal::server::imap
