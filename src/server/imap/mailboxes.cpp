#include "server/imap/mailboxes.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "account/directory.hpp"
#include "base/text.hpp"

namespace pabal::server::imap {

namespace {

// An address as one level of a name: what can't stand there, or is a pattern's, as "=" and two hexadecimal digits.
std::string level_of(std::string_view address) {
  std::string out;
  for (const char c : address) {
    if (c == '/' || c == '%' || c == '*' || c == '=') {
      fmt::format_to(std::back_inserter(out), "={:02X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string address_of(std::string_view level) {
  std::string out;
  for (std::size_t i = 0; i < level.size(); ++i) {
    unsigned value = 0;
    const auto digits = level.substr(i + 1, 2);
    if (level[i] == '=' && digits.size() == 2 &&
        std::from_chars(digits.data(), digits.data() + 2, value, 16).ptr == digits.data() + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += level[i];
    }
  }
  return out;
}

bool is_others(std::string_view name) noexcept {
  return name.starts_with(kOtherUsers) && (name.size() == kOtherUsers.size() || name[kOtherUsers.size()] == '/');
}

std::unexpected<Error> nowhere(std::string_view name) {
  return fail(ErrorKind::not_found, "no such mailbox", fmt::format("nobody's: {}", printable(name)));
}

}  // namespace

Answer nonexistent() { return no("No such mailbox.", "NONEXISTENT"); }
Answer not_permitted() { return no("You may not do that there.", "NOPERM"); }

std::string name_of_shared(std::string_view owner, std::string_view path) {
  return fmt::format("{}/{}/{}", kOtherUsers, level_of(owner), path);
}

Async<Result<Located>> locate(Session* session, std::string name) {
  const auto& user = session->user();
  if (!is_others(name)) co_return Located{user.place, std::move(name)};
  const auto rest = std::string_view(name).substr(std::min(name.size(), kOtherUsers.size() + 1));
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash + 1 == rest.size()) co_return nowhere(name);
  auto path = std::string(rest.substr(slash + 1));
  // INBOX in any case also there.
  if (auto parsed = grammar::MailboxName::parse(path)) path = parsed->text();
  const auto owner = co_await session->shared().logins->find(address_of(rest.substr(0, slash)));
  if (!owner) co_return pass(owner);
  if (!*owner) co_return nowhere(name);
  const auto& account = **owner;
  if (account.id == user.place.account) co_return Located{user.place, std::move(path)};
  co_return Located{{.account = account.id, .shard = account.shard, .reader = user.place.account}, std::move(path)};
}

Async<std::expected<Found, Answer>> find_mailbox(Session* session, std::string name) {
  auto located = co_await locate(session, std::move(name));
  if (!located) co_return std::unexpected(refused(located.error()));
  const auto place = located->place;
  auto found = co_await session->store().find_with_access(place, std::move(located->path));
  if (!found) co_return std::unexpected(refused(found.error()));
  const auto rights = rights_by(found->access, session->user().identifier, !place.reader);
  co_return Found{place, std::move(found->info), std::move(found->access), rights, found->room};
}

Async<std::expected<Found, Answer>> find_mailbox(Session* session, std::string name, Rights needed) {
  auto found = co_await find_mailbox(session, std::move(name));
  if (!found) co_return found;
  if ((found->rights & needed) != 0) co_return found;
  if ((found->rights & right::lookup) != 0) co_return std::unexpected(not_permitted());
  co_return std::unexpected(nonexistent());
}

Async<std::expected<Located, Answer>> find_room(Session* session, std::string name) {
  auto located = co_await locate(session, std::move(name));
  if (!located) {
    if (located.error().kind != ErrorKind::not_found) co_return std::unexpected(refused(located.error()));
    co_return std::unexpected(not_permitted());
  }
  if (!located->place.reader) {
    if (is_others(located->path)) co_return std::unexpected(no("Such a name can't be given.", "CANNOT"));
    // The top is the user's own.
    if (!located->path.contains('/')) co_return *located;
  }
  auto above = located->path;
  for (auto slash = above.rfind('/'); slash != std::string::npos; slash = above.rfind('/')) {
    above.resize(slash);
    const auto found = co_await session->store().find_with_access(located->place, above);
    if (!found && found.error().kind == ErrorKind::not_found) continue;
    if (!found) co_return std::unexpected(refused(found.error()));
    const auto rights = rights_by(found->access, session->user().identifier, !located->place.reader);
    if ((rights & right::create) == 0) co_return std::unexpected(not_permitted());
    co_return *located;
  }
  if (located->place.reader) co_return std::unexpected(not_permitted());
  co_return *located;
}

Async<Result<std::vector<SharedByName>>> shared_mailboxes(Session* session) {
  const auto& user = session->user();
  auto entries = co_await session->store().shared_with(identifiers_of(user.identifier));
  if (!entries) co_return pass(entries);
  std::vector<SharedByName> out;
  std::string owner;
  for (std::size_t at = 0; at < entries->size();) {
    // All entries of one mailbox stand together.
    const auto& first = (*entries)[at];
    std::vector<store::AccessEntry> access;
    const auto begin = at;
    for (; at < entries->size() && (*entries)[at].place.account == first.place.account &&
           (*entries)[at].info.id == first.info.id;
         ++at) {
      access.push_back((*entries)[at].entry);
    }
    if (first.place.account == user.place.account) continue;
    if (begin == 0 || (*entries)[begin - 1].place.account != first.place.account) {
      auto account = co_await session->shared().logins->find(first.place.account);
      if (!account) co_return pass(account);
      owner = *account ? account::login_name((*account)->address) : std::string();
    }
    const auto rights = rights_by(access, user.identifier, false);
    // The rows of an account that is being removed name nobody.
    if (owner.empty() || (rights & right::lookup) == 0) continue;
    auto place = first.place;
    place.reader = user.place.account;
    out.push_back({name_of_shared(owner, first.info.path), place, first.info, rights});
  }
  std::ranges::sort(out, {}, &SharedByName::name);
  co_return out;
}

}  // namespace pabal::server::imap
