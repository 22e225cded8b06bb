#include "server/imap/multi_search.hpp"

// Each mailbox is looked at as it stands, without being opened,
// and has an answer of its own where something was found.
#include <algorithm>

#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/search_filters.hpp"
#include "server/imap/search_run.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::SearchKey::Kind;
using Source = grammar::MailboxFilter;

bool stands_in(std::string_view path, const Source& source) {
  return std::ranges::any_of(source.mailboxes, [&](const grammar::MailboxName& name) {
    const std::string_view top = name.text();
    if (path == top) return true;
    if (source.kind == Source::Kind::mailboxes) return false;
    if (!path.starts_with(top) || path[top.size()] != grammar::kHierarchy) return false;
    return source.kind == Source::Kind::subtree ||
           path.find(grammar::kHierarchy, top.size() + 1) == std::string_view::npos;
  });
}

bool is_meant(const store::MailboxInfo& mailbox, const Source& source, const std::optional<Selected>& selected) {
  switch (source.kind) {
    case Source::Kind::selected:
    case Source::Kind::selected_delayed:
      return selected && selected->mailbox == mailbox.id;
    case Source::Kind::inboxes:
      return mailbox.path == "INBOX";
    case Source::Kind::personal:
      return true;
    case Source::Kind::subscribed:
      return mailbox.subscribed;
    case Source::Kind::subtree:
    case Source::Kind::subtree_one:
    case Source::Kind::mailboxes:
      return stands_in(mailbox.path, source);
  }
  return false;
}

// The open mailbox is searched as its client knows it.
bool only_selected(const grammar::MultiSearch& search) {
  return std::ranges::all_of(search.sources,
                             [](const Source& source) { return source.kind == Source::Kind::selected; });
}

Async<Result<void>> search_one(Session* session, const Command* command, const grammar::SearchKey* key,
                               const store::MailboxInfo* mailbox) {
  const auto& arguments = std::get<grammar::MultiSearch>(command->arguments);
  const auto& selected = session->selected();
  const bool open = selected && selected->mailbox == mailbox->id;
  std::optional<View> view;
  if (!open) {
    auto snapshot = co_await session->store().snapshot(session->user().place, mailbox->id);
    if (!snapshot) {
      // Deleted in the meantime.
      if (snapshot.error().kind == ErrorKind::not_found) co_return Result<void>();
      co_return pass(snapshot);
    }
    view.emplace(std::move(*snapshot));
  }
  const auto& seen = open ? selected->view : *view;
  const SearchScope scope{.place = session->user().place,
                          .mailbox = mailbox->id,
                          .view = &seen,
                          .recent = open && !session->enabled().rev2};
  const SearchTerms terms(*key, {.now = session->shared().clock->now(),
                                 .messages = seen.exists(),
                                 .largest_uid = seen.largest_uid(),
                                 .saved = open ? selected->saved_search : grammar::NumberSet(),
                                 .collation = session->collation()});
  const auto hits = co_await find_messages(session, &scope, &terms);
  if (!hits) co_return pass(hits);
  auto want = arguments.returns;
  if (want.save) save_result(*session->selected(), *hits, want);
  const bool says = want.min || want.max || want.all || want.count || want.partial;
  if (!says && want.save) co_return Result<void>();
  if (!says) want.all = true;
  // RFC 7377 §2.1: mailboxes without a match aren't mentioned.
  if (hits->empty() && !open) co_return Result<void>();
  const auto name = grammar::MailboxName::parse(mailbox->path);
  if (!name) co_return pass(name);
  const grammar::SearchedMailbox where{.name = *name, .uid_validity = mailbox->uid_validity};
  const auto result = result_of(*hits, want, true, mentions(*key, Kind::modseq));
  grammar::append_esearch(session->out(), command->tag, true, result, session->form(), &where);
  co_return Result<void>();
}

}  // namespace

Async<Answer> esearch(Session* session, Command command) {
  const auto& arguments = std::get<grammar::MultiSearch>(command.arguments);
  const auto key = co_await with_filters(session, arguments.program.key);
  if (!key) co_return key.error();
  const bool here = only_selected(arguments);
  if (here && !session->selected()) co_return bad("No mailbox is selected.");
  // RFC 7377 §2.1: what is of the open mailbox alone can't be asked of others.
  if (!here && (arguments.returns.save || arguments.returns.update || arguments.returns.context)) {
    co_return bad("Only for the open mailbox.");
  }
  if (!here && mentions(*key, Kind::sequence)) co_return bad("Message numbers are the open mailbox's.");
  if (mentions(*key, Kind::modseq)) session->enabled().condstore = true;
  auto all = co_await session->store().mailboxes(session->user().place);
  if (!all) co_return refused(all.error());
  for (const auto& mailbox : all->mailboxes) {
    const auto meant = [&](const Source& source) { return is_meant(mailbox, source, session->selected()); };
    const bool wanted = arguments.sources.empty() ? session->selected()->mailbox == mailbox.id
                                                  : std::ranges::any_of(arguments.sources, meant);
    if (!wanted) continue;
    if (auto done = co_await search_one(session, &command, &*key, &mailbox); !done) {
      co_return search_failed(*session, done.error());
    }
    if (!co_await session->drain()) co_return lost();
  }
  co_return ok("Done.");
}

}  // namespace pabal::server::imap
