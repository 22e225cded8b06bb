// FETCH (RFC 9051 §6.4.5). What the snapshot and the derived facts tell is printed without opening a letter; letters
// are opened some at a time, and their octets pass through in windows.
#include <algorithm>

#include "imap/response.hpp"
#include "message/imap_forms.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/fetch_letter.hpp"
#include "server/imap/flags.hpp"
#include "server/imap/resync.hpp"
#include "server/imap/uids.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::FetchItem::Kind;

// How many messages are looked up at once: rows are small, open letters are not.
constexpr std::size_t kRowsAtOnce = 1000;
constexpr std::size_t kLettersAtOnce = 200;
constexpr std::uint64_t kOctetsAtOnce = 2U << 20;  ///< of open letters, but for one

bool asks_for(const grammar::FetchItems& items, Kind kind) {
  return std::ranges::find(items, kind, &grammar::FetchItem::kind) != items.end();
}
grammar::FetchItem item_of(Kind kind) {
  grammar::FetchItem item;
  item.kind = kind;
  return item;
}

bool needs_row(const grammar::FetchItem& item) {
  if (is_whole_letter(item)) return false;
  switch (item.kind) {
    case Kind::flags:
    case Kind::uid:
    case Kind::rfc822_size:
    case Kind::modseq:
    case Kind::email_id:
    case Kind::save_date:
      return false;
    default:
      return true;
  }
}
// What of the derived facts is printed, or says where the octets are.
bool needs_derived(const grammar::FetchItem& item) {
  switch (item.kind) {
    case Kind::internal_date:
    case Kind::thread_id:
      return false;
    default:
      return needs_row(item);
  }
}
bool needs_letter(const grammar::FetchItem& item) {
  switch (item.kind) {
    case Kind::rfc822:
    case Kind::rfc822_header:
    case Kind::rfc822_text:
    case Kind::section:
    case Kind::binary:
    case Kind::binary_size:
      return true;
    default:
      return false;
  }
}

// One message that is to be told.
struct Wanted {
  std::uint32_t number = 0;
  store::MessageRow row;
};

class Fetcher {
 public:
  Fetcher(Session& session, grammar::FetchItems items, bool uid, bool modseq)
      : session_(&session), items_(std::move(items)) {
    const auto asked = [&](Kind kind) { return asks_for(items_, kind); };
    // RFC 9051 §6.4.9: UID FETCH tells the UID in any case (UIDFETCH has it as it is); RFC 7162 §3.1.4.2 the MODSEQ
    // with CHANGEDSINCE.
    if (uid && !asked(Kind::uid) && !session.enabled().uid_only) items_.insert(items_.begin(), item_of(Kind::uid));
    if (modseq && !asked(Kind::modseq)) items_.push_back(item_of(Kind::modseq));
    rows_ = std::ranges::any_of(items_, needs_row);
    derived_ = std::ranges::any_of(items_, needs_derived);
    letters_ = std::ranges::any_of(items_, needs_letter);
    short_envelopes_ = std::ranges::none_of(
        items_, [](const auto& item) { return needs_derived(item) && item.kind != Kind::envelope; });
    dates_ = asked(Kind::save_date);
  }

  /// False: the connection is lost.
  [[nodiscard]] Async<Result<bool>> tell(grammar::NumberSet uids);
  /// Some of them were gone.
  [[nodiscard]] bool missing() const noexcept { return missing_; }
  /// Some had parts that can't be decoded, and were left out.
  [[nodiscard]] bool undecodable() const noexcept { return undecodable_; }
  /// It failed in the middle of a response.
  [[nodiscard]] bool in_response() const noexcept { return in_response_; }

 private:
  [[nodiscard]] Async<Result<bool>> tell_some(std::span<const Wanted> some);
  [[nodiscard]] Async<Result<bool>> tell_one(const Wanted* wanted, const store::EmailRow* row, const SystemTime* saved,
                                             store::EmailOctets* octets);
  /// A response that needs no letter, without waiting; false, and nothing is said: one has to be opened for it.
  [[nodiscard]] bool tell_simply(const Wanted& wanted, const store::EmailRow* row, const SystemTime* saved);
  void simple(const grammar::FetchItem& item, const Wanted& wanted, const store::EmailRow* row, const SystemTime* saved,
              const message::Derived* derived);

  Session* session_;
  grammar::FetchItems items_;
  bool rows_ = false;
  bool letters_ = false;
  bool derived_ = false;
  bool short_envelopes_ = false;  ///< of what was derived only envelopes are told
  bool dates_ = false;
  bool missing_ = false;
  bool in_response_ = false;
  bool undecodable_ = false;
};

// RFC 3501 §7.4.2 and RFC 8474: what needs no more than snapshot and row.
void Fetcher::simple(const grammar::FetchItem& item, const Wanted& wanted, const store::EmailRow* row,
                     const SystemTime* saved, const message::Derived* derived) {
  auto& out = session_->out();
  const auto put = [&](std::string_view name, std::string_view before, std::uint64_t number, std::string_view behind) {
    out.append(name).append(before);
    grammar::append_number(out, number);
    out.append(behind);
  };
  const auto id = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  switch (item.kind) {
    case Kind::flags:
      out.append("FLAGS (");
      append_flags(out, session_->selected()->view.snapshot(), wanted.row, session_->is_recent(wanted.row.uid));
      out.append(")");
      return;
    case Kind::uid:
      return put("UID", " ", wanted.row.uid, "");
    case Kind::rfc822_size:
      return put("RFC822.SIZE", " ", wanted.row.size(), "");
    case Kind::modseq:
      return put("MODSEQ", " (", id(wanted.row.change.value), ")");
    case Kind::email_id:
      return put("EMAILID", " (M", id(wanted.row.email.value), ")");
    case Kind::thread_id:
      return put("THREADID", " (T", id(row->thread.value), ")");
    case Kind::save_date:
      out.append("SAVEDATE ");
      if (saved == nullptr) {
        out.append("NIL");
      } else {
        grammar::append_date_time(out, *saved);
      }
      return;
    case Kind::internal_date:
      out.append("INTERNALDATE ");
      grammar::append_date_time(out, row->received);
      return;
    case Kind::envelope:
      out.append("ENVELOPE ").append(message::imap_envelope(*derived->envelope, session_->form()));
      return;
    case Kind::body_structure:
    case Kind::body: {
      const bool extended = item.kind == Kind::body_structure;
      out.append(extended ? "BODYSTRUCTURE " : "BODY ")
          .append(message::imap_body_structure(derived->parts, extended, session_->form()));
      return;
    }
    case Kind::preview:
      out.append("PREVIEW ");
      grammar::append_string(out, derived->preview, session_->form());
      return;
    default:
      return;
  }
}

bool Fetcher::tell_simply(const Wanted& wanted, const store::EmailRow* row, const SystemTime* saved) {
  if (letters_) return false;
  std::optional<message::Derived> derived;
  if (derived_) {
    if (row->parsed_version != message::kDerivedVersion) return false;
    if (!short_envelopes_) {
      auto known = message::decode_derived(row->parsed);
      if (!known || !known->envelope || known->parts.empty()) return false;
      derived = std::move(*known);
    }
  }
  auto& out = session_->out();
  const auto before = out.size();
  session_->begin_fetch(wanted.number, wanted.row.uid);
  bool first = true;
  for (const auto& item : items_) {
    if (!first) out.push_back(' ');
    first = false;
    if (item.kind != Kind::envelope || derived) {
      simple(item, wanted, row, saved, derived ? &*derived : nullptr);
      continue;
    }
    out.append("ENVELOPE ");
    if (message::append_imap_envelope(out, row->parsed, session_->form())) continue;
    out.resize(before);
    return false;
  }
  out.append(")\r\n");
  return true;
}

Async<Result<bool>> Fetcher::tell_one(const Wanted* wanted, const store::EmailRow* row, const SystemTime* saved,
                                      store::EmailOctets* octets) {
  std::optional<message::Derived> derived;
  if (derived_) {
    auto known = co_await derived_of(session_, row, octets);
    if (!known) {
      // One letter that is gone or damaged spoils nothing for the others.
      session_->log().warning("letter_unreadable", {{"email", row->email.value}, {"why", known.error().log}});
      missing_ = true;
      co_return true;
    }
    derived = std::move(*known);
  }
  const auto undecodable = [&](const grammar::FetchItem& item) { return derived && is_undecodable(item, *derived); };
  if (std::ranges::any_of(items_, undecodable)) {
    undecodable_ = true;
    co_return true;
  }
  in_response_ = true;
  session_->begin_fetch(wanted->number, wanted->row.uid);
  bool first = true;
  for (const auto& item : items_) {
    if (!first) session_->out().push_back(' ');
    first = false;
    if (!needs_letter(item)) {
      simple(item, *wanted, row, saved, derived ? &*derived : nullptr);
      continue;
    }
    const auto told = co_await tell_octets(session_, &item, row, derived ? &*derived : nullptr, octets);
    if (!told || !*told) co_return told;
  }
  session_->out().append(")\r\n");
  in_response_ = false;
  co_return co_await session_->drain();
}

Async<Result<bool>> Fetcher::tell_some(std::span<const Wanted> some) {
  const auto place = session_->selected()->place;
  std::vector<EmailId> emails;
  store::UidRanges uids;
  for (const auto& one : some) {
    emails.push_back(one.row.email);
    if (dates_) uids.push_back({.first = one.row.uid, .last = one.row.uid});
  }
  std::vector<store::EmailRow> rows;
  if (rows_) {
    auto found = co_await session_->store().email_rows(place, emails);
    if (!found) co_return pass(found);
    rows = std::move(*found);
  }
  std::vector<store::SavedDate> saved;
  if (dates_) {
    auto found = co_await session_->store().saved_dates(place, session_->selected()->mailbox, std::move(uids));
    if (!found) co_return pass(found);
    saved = std::move(*found);
  }
  std::vector<std::unique_ptr<store::EmailOctets>> letters;
  if (letters_) {
    auto opened = co_await session_->store().open_emails(place, std::move(emails));
    if (!opened) co_return pass(opened);
    letters = std::move(*opened);
  }
  auto row = rows.begin();
  auto date = saved.begin();
  for (std::size_t i = 0; i < some.size(); ++i) {
    const auto& one = some[i];
    // Rows and dates come in the order asked for; of what has gone in the meantime nothing is told.
    const bool has_row = row != rows.end() && row->email == one.row.email;
    while (date != saved.end() && date->uid < one.row.uid) ++date;
    const bool has_date = date != saved.end() && date->uid == one.row.uid;
    auto* octets = letters_ ? letters[i].get() : nullptr;
    if ((!rows_ || has_row) && (!letters_ || octets != nullptr)) {
      const auto* const its_row = has_row ? &*row : nullptr;
      const auto* const its_date = has_date ? &date->saved : nullptr;
      if (tell_simply(one, its_row, its_date)) {
        if (session_->out().size() >= session_->shared().limits.window_bytes && !co_await session_->flush())
          co_return false;
      } else {
        const auto told = co_await tell_one(&one, its_row, its_date, octets);
        if (!told || !*told) co_return told;
      }
    } else {
      missing_ = true;
    }
    if (has_row) ++row;
  }
  co_return true;
}

Async<Result<bool>> Fetcher::tell(grammar::NumberSet uids) {
  const auto& view = session_->selected()->view;
  const std::size_t at_once = letters_ ? kLettersAtOnce : kRowsAtOnce;
  const std::uint64_t octets_at_once = letters_ ? kOctetsAtOnce : UINT64_MAX;
  std::uint32_t from = 1;
  while (true) {
    std::vector<Wanted> some;
    std::uint64_t octets = 0;
    const bool all = view.visit(uids, from, [&](std::uint32_t number, const store::MessageRow& row) {
      from = row.uid + 1;
      some.push_back({.number = number, .row = row});
      octets += row.size();
      return some.size() < at_once && octets < octets_at_once;
    });
    const auto told = co_await tell_some(some);
    if (!told || !*told || all) co_return told;
  }
}

// RFC 9394 §3.3: places in what the set names.
grammar::NumberSet part_of(const View& view, const grammar::NumberSet& uids, const grammar::PartialRange& range) {
  std::vector<std::uint32_t> there;
  view.visit(uids, 1, [&](std::uint32_t, const store::MessageRow& row) {
    there.push_back(row.uid);
    return true;
  });
  const auto places = range.of(there.size());
  return grammar::NumberSet::of_sorted(std::span(there).subspan(places.begin, places.end - places.begin));
}

// RFC 7162 §3.1.4.1.
grammar::NumberSet changed_of(const View& view, const grammar::NumberSet& uids, std::uint64_t since) {
  std::vector<std::uint32_t> changed;
  view.visit(uids, 1, [&](std::uint32_t, const store::MessageRow& row) {
    if (static_cast<std::uint64_t>(row.change.value) > since) changed.push_back(row.uid);
    return true;
  });
  return grammar::NumberSet::of_sorted(changed);
}

// Marks those that aren't seen yet. A store that takes no writes keeps nobody from reading.
Async<void> set_seen(Session* session, const grammar::NumberSet* uids) {
  const auto& selected = *session->selected();
  std::vector<std::uint32_t> unseen;
  selected.view.visit(*uids, 1, [&](std::uint32_t, const store::MessageRow& row) {
    if ((row.flags() & store::flag::seen) == 0) unseen.push_back(row.uid);
    return true;
  });
  if (unseen.empty()) co_return;
  store::FlagChange change{.uids = ranges_of(grammar::NumberSet::of_sorted(unseen)),
                           .how = store::FlagsHow::add,
                           .flags = {.flags = store::flag::seen, .keywords = {}},
                           .unchanged_since = {}};
  const auto done = co_await session->store().change_flags(selected.place, selected.mailbox, std::move(change));
  if (!done) session->log().warning("seen_not_set", {{"why", done.error().log}});
  if (const auto looked = co_await session->refresh(); !looked) {
    session->log().warning("mailbox_unreadable", {{"why", looked.error().log}});
  }
}

}  // namespace

Async<Answer> fetch(Session* session, Command command) {
  auto& arguments = std::get<grammar::Fetch>(command.arguments);
  auto named = session->named_by(arguments.set, command.uid);
  if (!named) co_return named.error();
  auto& selected = *session->selected();
  const auto& modifiers = arguments.modifiers;
  const bool modseq = asks_for(arguments.items, Kind::modseq);
  if (modseq || modifiers.changed_since) session->enabled().condstore = true;
  if (modifiers.partial) named->uids = part_of(selected.view, named->uids, *modifiers.partial);
  if (modifiers.changed_since) named->uids = changed_of(selected.view, named->uids, *modifiers.changed_since);
  // RFC 9051 §6.4.5: what is read is seen; the new flags are told with the rest.
  // RFC 4314 §4: not without the right to.
  const bool sees = !selected.read_only && (selected.rights & right::seen) != 0 &&
                    std::ranges::any_of(arguments.items, &grammar::FetchItem::sets_seen);
  if (sees) co_await set_seen(session, &named->uids);
  if (modifiers.vanished) {
    // RFC 7162 §3.2.6: before all FETCH responses.
    const auto told = co_await tell_vanished(session, &arguments.set, *modifiers.changed_since);
    if (!told) co_return refused(told.error());
    if (!*told) co_return lost();
  }
  Fetcher fetcher(*session, std::move(arguments.items), command.uid, modifiers.changed_since.has_value());
  const auto told = co_await fetcher.tell(std::move(named->uids));
  if (!told) {
    session->log().error("fetch_failed", {{"why", told.error().log}});
    // In the middle of a response nothing else can be said any more.
    if (fetcher.in_response()) co_return lost();
    co_return refused(told.error());
  }
  if (!*told) co_return lost();
  if (fetcher.undecodable()) co_return no("A part's transfer encoding is not known.", "UNKNOWN-CTE");
  // RFC 5530: numbers that the client has and whose letters are gone.
  if (!command.uid && (named->some_are_gone || fetcher.missing()))
    co_return no("Some messages are gone.", "EXPUNGEISSUED");
  co_return ok("Done.");
}

Async<Result<bool>> tell_arrived(Session* session, grammar::FetchItems items, grammar::NumberSet uids) {
  if (asks_for(items, Kind::modseq)) session->enabled().condstore = true;
  Fetcher fetcher(*session, std::move(items), true, false);
  auto told = co_await fetcher.tell(std::move(uids));
  if (!told) {
    session->log().error("fetch_failed", {{"why", told.error().log}});
    // In the middle of a response nothing else can be said any more; what isn't told at all can be asked for.
    if (fetcher.in_response()) {
      session->cut();
      co_return false;
    }
    co_return true;
  }
  co_return told;
}

}  // namespace pabal::server::imap
