#include "server/imap/mailbox_filter.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace pabal::server::imap {

namespace {

using Filter = grammar::MailboxFilter;

bool stands_in(std::string_view path, const Filter& filter) {
  return std::ranges::any_of(filter.mailboxes, [&](const grammar::MailboxName& name) {
    const std::string_view top = name.text();
    if (path == top) return true;
    if (filter.kind == Filter::Kind::mailboxes) return false;
    if (!path.starts_with(top) || path[top.size()] != grammar::kHierarchy) return false;
    return filter.kind == Filter::Kind::subtree ||
           path.find(grammar::kHierarchy, top.size() + 1) == std::string_view::npos;
  });
}

}  // namespace

Async<Result<std::vector<KnownMailbox>>> known_mailboxes(Session* session, bool others) {
  const auto place = session->user().place;
  auto all = co_await session->store().mailboxes(place);
  if (!all) co_return pass(all);
  const auto lists = co_await session->store().access_lists(place);
  if (!lists) co_return pass(lists);
  std::map<MailboxId, std::vector<store::AccessEntry>> access;
  for (const auto& [mailbox, entry] : *lists) access[mailbox].push_back(entry);
  std::vector<KnownMailbox> known;
  known.reserve(all->mailboxes.size());
  for (auto& info : all->mailboxes) {
    const auto list = access.find(info.id);
    const auto rights = list == access.end() ? right::all : rights_by(list->second, session->user().identifier, true);
    const bool subscribed = info.subscribed;
    auto name = info.path;
    known.push_back({std::move(name), place, std::move(info), rights, subscribed});
  }
  if (!others) co_return known;
  auto shared = co_await shared_mailboxes(session);
  if (!shared) co_return pass(shared);
  const std::set<std::string, std::less<>> names(all->subscribed_names.begin(), all->subscribed_names.end());
  for (auto& one : *shared) {
    const bool subscribed = names.contains(one.name);
    known.push_back({std::move(one.name), one.place, std::move(one.info), one.rights, subscribed});
  }
  co_return known;
}

bool may_mean_others(const Filter& filter, const std::optional<Selected>& selected) {
  switch (filter.kind) {
    case Filter::Kind::selected:
    case Filter::Kind::selected_delayed:
      return selected && selected->place.reader;
    case Filter::Kind::inboxes:
    case Filter::Kind::personal:
      return false;
    case Filter::Kind::subscribed:
      return true;
    case Filter::Kind::subtree:
    case Filter::Kind::subtree_one:
    case Filter::Kind::mailboxes:
      return std::ranges::any_of(filter.mailboxes, [](const grammar::MailboxName& name) {
        return std::string_view(name.text()).starts_with(kOtherUsers);
      });
  }
  return false;
}

bool is_meant(const KnownMailbox& mailbox, const Filter& filter, const std::optional<Selected>& selected) {
  switch (filter.kind) {
    case Filter::Kind::selected:
    case Filter::Kind::selected_delayed:
      return selected && selected->mailbox == mailbox.info.id && selected->place.account == mailbox.place.account;
    case Filter::Kind::inboxes:
      return !mailbox.place.reader && mailbox.info.path == "INBOX";
    case Filter::Kind::personal:
      return !mailbox.place.reader;
    case Filter::Kind::subscribed:
      return mailbox.subscribed;
    case Filter::Kind::subtree:
    case Filter::Kind::subtree_one:
    case Filter::Kind::mailboxes:
      return stands_in(mailbox.name, filter);
  }
  return false;
}

}  // namespace pabal::server::imap
