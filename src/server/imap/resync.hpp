// Quick resynchronisation (RFC 7162 §3.2): what has become of a mailbox since a client last saw it.
#pragma once
#include "imap/command.hpp"
#include "server/imap/session.hpp"

namespace pabal::server::imap {

/// For SELECT with QRESYNC, once the mailbox is selected: `VANISHED (EARLIER)`, then flags and MODSEQ of what has
/// changed (§3.2.5). Nothing where the UIDVALIDITY is another. False: the connection is lost.
[[nodiscard]] Async<Result<bool>> tell_resync(Session* session, grammar::Qresync known);

/// For UID FETCH with VANISHED (§3.2.6): which of these UIDs are gone since then. Those that this session has yet to be
/// told of in its numbers are not among them. False: the connection is lost.
[[nodiscard]] Async<Result<bool>> tell_vanished(Session* session, const grammar::SequenceSet* among,
                                                std::uint64_t since);

/// `VANISHED`, or `VANISHED (EARLIER)`, of these UIDs, in lines that are not endless. False: the connection is lost.
[[nodiscard]] Async<bool> say_vanished(Session* session, const grammar::NumberSet* uids, bool earlier);

}  // namespace pabal::server::imap
