// GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208). Each account is one quota root, which has the account's name: all its
// mailboxes count there, also what others put into them. Limits are the operator's affair.
#include "account/directory.hpp"
#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/mailboxes.hpp"

namespace pabal::server::imap {

namespace {

constexpr std::uint64_t kUnit = 1024;  // RFC 9208 §5.1: STORAGE is counted in these

void append_quota(Session& session, std::string_view root, const store::Quota& quota) {
  auto& out = session.out();
  out.append("* QUOTA ");
  grammar::append_astring(out, root, session.form());
  out.append(" (");
  std::string_view between;
  const auto put = [&](std::string_view resource, std::uint64_t used, std::optional<std::uint64_t> limit) {
    if (!limit) return;
    fmt::format_to(std::back_inserter(out), "{}{} {} {}", between, resource, used, *limit);
    between = " ";
  };
  const auto units = [](std::uint64_t octets) { return octets / kUnit + (octets % kUnit == 0 ? 0 : 1); };
  put("STORAGE", units(quota.bytes), quota.bytes_limit.transform([](std::uint64_t limit) { return limit / kUnit; }));
  put("MAILBOX", quota.mailboxes, quota.mailboxes_limit);
  out.append(")\r\n");
}

// Whose root it is, if the user may know: his own.
bool is_own_root(Session& session, std::string_view root) { return root == session.user().identifier; }

}  // namespace

Async<Answer> get_quota(Session* session, Command command) {
  const auto& root = std::get<grammar::GetQuota>(command.arguments).root;
  if (!is_own_root(*session, root)) co_return no("No such quota root.", "NONEXISTENT");
  const auto quota = co_await session->store().quota(session->user().place);
  if (!quota) co_return refused(quota.error());
  append_quota(*session, root, *quota);
  co_return ok("Done.");
}

Async<Answer> get_quota_root(Session* session, Command command) {
  const auto& name = std::get<grammar::OnMailbox>(command.arguments).mailbox;
  // RFC 9208 §4.1.2: of one's own a mailbox needn't be there.
  const auto located = co_await locate(session, name.text());
  if (!located) co_return refused(located.error());
  auto root = session->user().identifier;
  // Who may fill another's account may see how full it is.
  bool tells = true;
  if (located->place.reader) {
    const auto found = co_await find_mailbox(session, name.text(), right::read);
    if (!found) co_return found.error();
    tells = (found->rights & right::insert) != 0;
    const auto owner = co_await session->shared().logins->find(located->place.account);
    if (!owner) co_return refused(owner.error());
    if (!*owner) co_return nonexistent();
    root = account::login_name((*owner)->address);
  }
  auto& out = session->out();
  out.append("* QUOTAROOT ");
  grammar::append_mailbox(out, name, session->form());
  if (tells) {
    out.append(" ");
    grammar::append_astring(out, root, session->form());
  }
  out.append("\r\n");
  if (!tells) co_return ok("Done.");
  const auto quota = co_await session->store().quota(located->place);
  if (!quota) co_return refused(quota.error());
  append_quota(*session, root, *quota);
  co_return ok("Done.");
}

Async<Answer> set_quota(Session* session, Command command) {
  const auto& root = std::get<grammar::SetQuota>(command.arguments).root;
  if (!is_own_root(*session, root)) co_return no("No such quota root.", "NONEXISTENT");
  co_return no("Limits are set by the operator.", "NOPERM");
}

}  // namespace pabal::server::imap
