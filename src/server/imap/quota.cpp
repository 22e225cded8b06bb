// GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208). Each account is one quota root, which has the account's name: all its
// mailboxes count there, also what others put into them. Limits are set by the operator, or by an administrator whom he
// named.
#include <algorithm>

#include "account/directory.hpp"
#include "base/text.hpp"
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
  put("MESSAGE", quota.emails, quota.emails_limit);
  put("MAILBOX", quota.mailboxes, quota.mailboxes_limit);
  out.append(")\r\n");
}

// Whose root it is, if the user may know: his own, or anybody's for who may set it.
Async<std::expected<store::Place, Answer>> owner_of(Session* session, std::string root) {
  const auto nothing = [] { return std::unexpected(no("No such quota root.", "NONEXISTENT")); };
  if (root == session->user().identifier) co_return session->user().place;
  if (root.empty() || !may_set_quotas(*session)) co_return nothing();
  const auto found = co_await session->shared().logins->find(root);
  if (!found) co_return std::unexpected(refused(found.error()));
  // Another name of the same account is no root.
  if (!*found || account::login_name((*found)->address) != root) co_return nothing();
  co_return store::Place{.account = (*found)->id, .shard = (*found)->shard};
}

// RFC 9208 §4.1.3: what isn't named has no limit any more.
std::expected<store::QuotaLimits, Answer> limits_of(const grammar::SetQuota& wanted) {
  constexpr std::uint64_t most_units = INT64_MAX / kUnit;
  store::QuotaLimits limits;
  for (const auto& [resource, limit] : wanted.limits) {
    if (resource == "STORAGE") {
      limits.bytes = std::min(limit, most_units) * kUnit;
    } else if (resource == "MESSAGE") {
      limits.emails = limit;
    } else {
      return std::unexpected(no("That resource has no limit that could be set."));
    }
  }
  return limits;
}

}  // namespace

bool may_set_quotas(Session& session) {
  return session.logged_in() && std::ranges::any_of(session.limits().quota_administrators, [&](const auto& name) {
           return equal_ignoring_case(name, session.user().identifier);
         });
}

Async<Answer> get_quota(Session* session, Command command) {
  const auto& root = std::get<grammar::GetQuota>(command.arguments).root;
  const auto owner = co_await owner_of(session, root);
  if (!owner) co_return owner.error();
  const auto quota = co_await session->store().quota(*owner);
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
  const auto& arguments = std::get<grammar::SetQuota>(command.arguments);
  const auto owner = co_await owner_of(session, arguments.root);
  if (!owner) co_return owner.error();
  if (!may_set_quotas(*session)) co_return no("Limits are set by the operator.", "NOPERM");
  const auto limits = limits_of(arguments);
  if (!limits) co_return limits.error();
  if (auto set = co_await session->store().limit(*owner, *limits); !set) co_return refused(set.error());
  if (const auto noted = co_await session->shared().logins->note_quota(owner->account, limits->bytes); !noted) {
    co_return refused(noted.error());
  }
  session->log().info("quota_set", {{"account", owner->account.value}});
  const auto quota = co_await session->store().quota(*owner);
  if (!quota) co_return refused(quota.error());
  append_quota(*session, arguments.root, *quota);
  co_return ok("Done.");
}

}  // namespace pabal::server::imap
