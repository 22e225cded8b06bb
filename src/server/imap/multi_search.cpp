#include "server/imap/multi_search.hpp"

// Each mailbox is looked at as it stands, without being opened,
// and has an answer of its own where something was found.
#include <algorithm>

#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/contexts.hpp"
#include "server/imap/mailbox_filter.hpp"
#include "server/imap/search_filters.hpp"
#include "server/imap/search_run.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::SearchKey::Kind;
using Source = grammar::MailboxFilter;

// The open mailbox is searched as its client knows it.
bool only_selected(const grammar::MultiSearch& search) {
  return std::ranges::all_of(search.sources,
                             [](const Source& source) { return source.kind == Source::Kind::selected; });
}

bool is_open(const KnownMailbox& mailbox, const std::optional<Selected>& selected) {
  return is_meant(mailbox, {.kind = Source::Kind::selected, .mailboxes = {}}, selected);
}

Async<Result<void>> search_one(Session* session, const Command* command, const grammar::SearchKey* key,
                               const KnownMailbox* mailbox) {
  const auto& arguments = std::get<grammar::MultiSearch>(command->arguments);
  const auto& selected = session->selected();
  const bool open = is_open(*mailbox, selected);
  std::optional<View> view;
  if (!open) {
    auto snapshot = co_await session->store().snapshot(mailbox->place, mailbox->info.id);
    if (!snapshot) {
      // Deleted in the meantime.
      if (snapshot.error().kind == ErrorKind::not_found) co_return Result<void>();
      co_return pass(snapshot);
    }
    view.emplace(std::move(*snapshot));
  }
  const auto& seen = open ? selected->view : *view;
  const SearchScope scope{
      .place = mailbox->place, .mailbox = mailbox->info.id, .view = &seen, .recent = open && !session->enabled().rev2};
  const SearchTerms terms(*key, {.now = session->shared().clock->now(),
                                 .messages = seen.exists(),
                                 .largest_uid = seen.largest_uid(),
                                 .saved = open ? selected->saved_search : grammar::NumberSet(),
                                 .collation = session->collation()});
  const auto hits = co_await session->patiently(command->tag, find_messages(session, &scope, &terms));
  if (!hits) co_return pass(hits);
  const auto& want = arguments.returns;
  if (want.save) static_cast<void>(conclude(*session, hits, want));
  const auto asked = asked_for(want);
  // RFC 7377 §2.1: mailboxes without a match aren't mentioned.
  if (hits->empty() && !open) co_return Result<void>();
  const auto name = grammar::MailboxName::parse(mailbox->name);
  if (!name) co_return pass(name);
  const grammar::SearchedMailbox where{.name = *name, .uid_validity = mailbox->info.uid_validity};
  if (asked) {
    const auto result = result_of(*hits, *asked, true, mentions(*key, Kind::modseq));
    grammar::append_esearch(session->out(), command->tag, true, result, session->form(), &where);
  }
  if (want.update) keep_result(*session, {.tag = command->tag, .uid = true, .key = *key, .where = where}, *hits);
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
  if (arguments.returns.update && is_kept(*session, command.tag)) co_return bad("The tag is in use.");
  if (mentions(*key, Kind::modseq)) session->enabled().condstore = true;
  const auto& selected = session->selected();
  const bool others = arguments.sources.empty() ? static_cast<bool>(selected->place.reader)
                                                : std::ranges::any_of(arguments.sources, [&](const Source& source) {
                                                    return may_mean_others(source, selected);
                                                  });
  const auto all = co_await known_mailboxes(session, others);
  if (!all) co_return refused(all.error());
  for (const auto& mailbox : *all) {
    const auto meant = [&](const Source& source) { return is_meant(mailbox, source, selected); };
    const bool wanted =
        arguments.sources.empty() ? is_open(mailbox, selected) : std::ranges::any_of(arguments.sources, meant);
    // RFC 7377 §2.2: as if those that may not be read weren't there.
    if ((mailbox.rights & right::read) == 0) continue;
    if (!wanted) continue;
    if (auto done = co_await search_one(session, &command, &*key, &mailbox); !done) {
      co_return search_failed(*session, done.error());
    }
    if (!co_await session->drain()) co_return lost();
  }
  co_return ok("Done.");
}

}  // namespace pabal::server::imap
