// The commands, a file each, and the table that says which function serves which.
#pragma once
#include "server/imap/session.hpp"

namespace pabal::server::imap {

/// The session outlives it. Untagged lines go to session->out(); the Answer is the tagged one.
using Handler = Async<Answer> (*)(Session*, Command);
/// Null for what isn't served.
[[nodiscard]] Handler handler_of(Verb verb) noexcept;
/// What the handlers together serve, for CAPABILITY and the rules.
[[nodiscard]] grammar::Features features() noexcept;

[[nodiscard]] Async<Answer> authenticate(Session* session, Command command);
[[nodiscard]] Async<Answer> cancel_update(Session* session, Command command);
[[nodiscard]] Async<Answer> capability(Session* session, Command command);
[[nodiscard]] Async<Answer> close(Session* session, Command command);
[[nodiscard]] Async<Answer> comparator(Session* session, Command command);
[[nodiscard]] Async<Answer> compress(Session* session, Command command);
[[nodiscard]] Async<Answer> copy(Session* session, Command command);
[[nodiscard]] Async<Answer> create(Session* session, Command command);
[[nodiscard]] Async<Answer> delete_mailbox(Session* session, Command command);
[[nodiscard]] Async<Answer> enable(Session* session, Command command);
[[nodiscard]] Async<Answer> expunge(Session* session, Command command);
[[nodiscard]] Async<Answer> fetch(Session* session, Command command);
[[nodiscard]] Async<Answer> gen_url_auth(Session* session, Command command);
[[nodiscard]] Async<Answer> get_acl(Session* session, Command command);
[[nodiscard]] Async<Answer> get_metadata(Session* session, Command command);
[[nodiscard]] Async<Answer> get_quota(Session* session, Command command);
[[nodiscard]] Async<Answer> get_quota_root(Session* session, Command command);
[[nodiscard]] Async<Answer> id(Session* session, Command command);
[[nodiscard]] Async<Answer> idle(Session* session, Command command);
[[nodiscard]] Async<Answer> language(Session* session, Command command);
[[nodiscard]] Async<Answer> list(Session* session, Command command);
[[nodiscard]] Async<Answer> list_rights(Session* session, Command command);
[[nodiscard]] Async<Answer> login(Session* session, Command command);
[[nodiscard]] Async<Answer> logout(Session* session, Command command);
[[nodiscard]] Async<Answer> move(Session* session, Command command);
[[nodiscard]] Async<Answer> my_rights(Session* session, Command command);
[[nodiscard]] Async<Answer> namespaces(Session* session, Command command);
[[nodiscard]] Async<Answer> noop(Session* session, Command command);
[[nodiscard]] Async<Answer> notify(Session* session, Command command);
[[nodiscard]] Async<Answer> rename(Session* session, Command command);
[[nodiscard]] Async<Answer> reset_key(Session* session, Command command);
[[nodiscard]] Async<Answer> search(Session* session, Command command);
[[nodiscard]] Async<Answer> select(Session* session, Command command);
[[nodiscard]] Async<Answer> sort(Session* session, Command command);
[[nodiscard]] Async<Answer> set_acl(Session* session, Command command);
[[nodiscard]] Async<Answer> set_metadata(Session* session, Command command);
[[nodiscard]] Async<Answer> set_quota(Session* session, Command command);
[[nodiscard]] Async<Answer> starttls(Session* session, Command command);
[[nodiscard]] Async<Answer> status(Session* session, Command command);
[[nodiscard]] Async<Answer> store_flags(Session* session, Command command);
[[nodiscard]] Async<Answer> subscribe(Session* session, Command command);
[[nodiscard]] Async<Answer> thread(Session* session, Command command);
[[nodiscard]] Async<Answer> uid_batches(Session* session, Command command);
[[nodiscard]] Async<Answer> unauthenticate(Session* session, Command command);
[[nodiscard]] Async<Answer> url_fetch(Session* session, Command command);

/// The message or messages of an APPEND or REPLACE that has come in whole; the path is that in the place's account.
[[nodiscard]] Async<Answer> append(Session* session, store::Place place, store::AppendTarget target,
                                   std::vector<store::AppendedLetter> letters, std::optional<store::Replaced> replaced);

/// The user is one of those who may set all quotas.
[[nodiscard]] bool may_set_quotas(Session& session);
/// What CAPABILITY says now: "IMAP4rev2 …".
[[nodiscard]] std::string capabilities(Session& session);
/// `* MYRIGHTS name rights`.
void append_my_rights(Session& session, std::string_view name, Rights rights);
/// `* OK [PERMANENTFLAGS (…)]` of the selected mailbox.
void append_permanent_flags(Session& session);
/// Untagged FETCH responses with these items, and UIDs, for messages of the open mailbox that were just announced (RFC
/// 5465 §5.2); \Seen stays. False: the connection is lost.
[[nodiscard]] Async<Result<bool>> tell_arrived(Session* session, grammar::FetchItems items, grammar::NumberSet uids);
/// The items that STATUS gives for a mailbox: "MESSAGES 3 UNSEEN 1".
[[nodiscard]] std::string status_items(Session& session, const store::Place& place, const store::MailboxInfo& mailbox,
                                       grammar::StatusItems items);

}  // namespace pabal::server::imap
