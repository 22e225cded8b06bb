// QUIT (RFC 1939 §4, §6): the UPDATE state. All marked messages are removed in one transaction, or none.
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Async<Answer> quit(Session* session, Command /*command*/) {
  if (!session->facts().logged_in) co_return Answer{.reply = yes(Text::bye), .then = Answer::Then::end};
  auto& transaction = session->transaction();
  auto uids = transaction.drop.marked_uids();
  if (uids.empty()) co_return Answer{.reply = yes(Text::bye), .then = Answer::Then::end};

  const auto count = uids.size();
  const auto removed =
      co_await session->shared().mailboxes->expunge(transaction.place, transaction.mailbox, std::move(uids));
  if (!removed) {
    session->log().error("messages_not_removed", {{"count", count}, {"why", removed.error().log}});
    const auto code = removed.error().temporary() ? Code::sys_temp : Code::sys_perm;
    co_return Answer{.reply = no(Text::not_removed, code), .then = Answer::Then::end};
  }
  session->shared().removed.add(static_cast<double>(count));
  session->log().info("messages_removed", {{"count", count}});
  co_return Answer{.reply = yes(Text::removed, count), .then = Answer::Then::end};
}

}  // namespace pabal::server::pop3
