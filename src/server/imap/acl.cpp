// SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314 §3).
#include <algorithm>

#include "account/directory.hpp"
#include "base/text.hpp"
#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/mailboxes.hpp"

namespace pabal::server::imap {

namespace {

constexpr Rights kForMyRights =
    right::lookup | right::read | right::insert | right::create | right::delete_mailbox | right::admin;

// An identifier in the form in which it is kept: a login name of ours becomes the account's; others stay as they are,
// and are nobody's until somebody has that name.
Async<Result<std::string>> canonical(Session* session, std::string identifier) {
  const bool negative = identifier.starts_with('-');
  if (negative) identifier.erase(0, 1);
  if (equal_ignoring_case(identifier, "anyone") || equal_ignoring_case(identifier, "authenticated")) {
    identifier = to_lower(identifier);
  } else {
    auto account = co_await session->shared().logins->find(identifier);
    if (!account) co_return pass(account);
    if (*account) {
      identifier = account::login_name((*account)->address);
    } else {
      identifier = to_lower(identifier);
    }
  }
  co_return negative ? "-" + identifier : identifier;
}

// The owner's name.
Async<Result<std::string>> owner_of(Session* session, store::Place place) {
  if (!place.reader) co_return session->user().identifier;
  auto account = co_await session->shared().logins->find(place.account);
  if (!account) co_return pass(account);
  co_return *account ? account::login_name((*account)->address) : std::string();
}

}  // namespace

Async<Answer> set_acl(Session* session, Command command) {
  const bool deletes = command.verb == Verb::deleteacl;
  std::string name;
  std::string identifier;
  store::AccessChange change;
  Rights rights = 0;
  if (deletes) {
    auto& arguments = std::get<grammar::OnAcl>(command.arguments);
    name = arguments.mailbox.text();
    identifier = std::move(arguments.identifier);
  } else {
    auto& arguments = std::get<grammar::SetAcl>(command.arguments);
    name = arguments.mailbox.text();
    identifier = std::move(arguments.identifier);
    const auto parsed = rights_of(arguments.rights);
    // RFC 4314 §3.1: not silently ignored.
    if (!parsed) co_return bad("There is no such right.");
    rights = *parsed;
    if (arguments.how == grammar::SetAcl::How::add) change.how = store::AccessChange::How::add;
    if (arguments.how == grammar::SetAcl::How::remove) change.how = store::AccessChange::How::remove;
  }
  if (identifier.empty() || identifier == "-") co_return bad("An identifier is missing.");
  const auto found = co_await find_mailbox(session, std::move(name), right::admin);
  if (!found) co_return found.error();
  auto who = co_await canonical(session, std::move(identifier));
  if (!who) co_return refused(who.error());
  const auto owner = co_await owner_of(session, found->place);
  if (!owner) co_return refused(owner.error());
  if (!deletes && *who == *owner) {
    change.initial = stored_text(right::all);
    rights = change.how == store::AccessChange::How::remove ? static_cast<Rights>(rights & ~right::owners)
                                                            : static_cast<Rights>(rights | right::owners);
  }
  change.entry = {.identifier = std::move(*who), .rights = stored_text(rights)};
  const auto done = co_await session->store().set_access(found->place, found->info.id, std::move(change));
  if (!done) co_return refused(done.error());
  co_return ok("Done.");
}

Async<Answer> get_acl(Session* session, Command command) {
  const auto& name = std::get<grammar::OnMailbox>(command.arguments).mailbox;
  const auto found = co_await find_mailbox(session, name.text(), right::admin);
  if (!found) co_return found.error();
  const auto owner = co_await owner_of(session, found->place);
  if (!owner) co_return refused(owner.error());
  auto& out = session->out();
  const auto form = session->form();
  out.append("* ACL ");
  grammar::append_mailbox(out, name, form);
  const auto say = [&](std::string_view identifier, Rights rights) {
    out.append(" ");
    grammar::append_astring(out, identifier, form);
    out.append(" ");
    grammar::append_astring(out, text_of(rights), form);
  };
  const bool named =
      std::ranges::any_of(found->access, [&](const store::AccessEntry& entry) { return entry.identifier == *owner; });
  if (!named && !owner->empty()) say(*owner, right::all);
  for (const auto& entry : found->access) say(entry.identifier, rights_of(entry.rights).value_or(0));
  out.append("\r\n");
  co_return ok("Done.");
}

Async<Answer> list_rights(Session* session, Command command) {
  const auto& arguments = std::get<grammar::OnAcl>(command.arguments);
  const auto found = co_await find_mailbox(session, arguments.mailbox.text(), right::admin);
  if (!found) co_return found.error();
  const auto who = co_await canonical(session, arguments.identifier);
  if (!who) co_return refused(who.error());
  const auto owner = co_await owner_of(session, found->place);
  if (!owner) co_return refused(owner.error());
  auto& out = session->out();
  out.append("* LISTRIGHTS ");
  grammar::append_mailbox(out, arguments.mailbox, session->form());
  out.append(" ");
  grammar::append_astring(out, arguments.identifier, session->form());
  // First what he has in any case, then each that can be given by itself.
  out.append(*who == *owner ? " la r s w i p k x t e c d\r\n" : " \"\" l r s w i p k x t e c d a\r\n");
  co_return ok("Done.");
}

Async<Answer> my_rights(Session* session, Command command) {
  const auto& name = std::get<grammar::OnMailbox>(command.arguments).mailbox;
  const auto found = co_await find_mailbox(session, name.text(), kForMyRights);
  if (!found) co_return found.error();
  append_my_rights(*session, name.text(), found->rights);
  co_return ok("Done.");
}

void append_my_rights(Session& session, std::string_view name, Rights rights) {
  auto& out = session.out();
  out.append("* MYRIGHTS ");
  grammar::append_mailbox(out, name, session.form());
  out.append(" ");
  grammar::append_astring(out, text_of(rights), session.form());
  out.append("\r\n");
}

}  // namespace pabal::server::imap
