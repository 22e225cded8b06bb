// FETCH (RFC 9051 §6.4.5). What the snapshot and the derived facts tell is printed on the store's pool, some ahead of
// what is being written, and without opening a letter; letters are opened some at a time, and their octets pass through
// in windows.
#include <algorithm>
#include <deque>

#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/fetch_headers.hpp"
#include "server/imap/fetch_letter.hpp"
#include "server/imap/fetch_print.hpp"
#include "server/imap/message_limit.hpp"
#include "server/imap/resync.hpp"
#include "server/imap/started.hpp"
#include "server/imap/uids.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::FetchItem::Kind;

// How many messages are looked up at once: rows are small, open letters are not.
constexpr std::size_t kRowsAtOnce = 512;
constexpr std::size_t kLettersAtOnce = 200;
constexpr std::uint64_t kOctetsAtOnce = 2U << 20;  ///< of open letters, but for one
constexpr std::size_t kAhead = 3;                  ///< lots of rows that are read and printed at the same time
constexpr std::size_t kOpenAhead = 2;              ///< lots of letters: those that are told, and the next
constexpr std::size_t kPrintedAtOnce = 1U << 20;   ///< octets of a lot, but for its last message

// Several messages, and what was printed of them.
struct Lot {
  std::shared_ptr<const FetchPrinter> printer;
  std::vector<Wanted> messages;

  // Of the latest reading:
  std::string text;
  /// A message that has to be opened, and where in the text it belongs.
  struct Hole {
    std::size_t place = 0;
    std::size_t message = 0;
    store::EmailRow row;
  };
  std::vector<Hole> holes;
  std::size_t held = 0;  ///< octets of the rows in the holes
  std::size_t done = 0;  ///< how many of the messages were read so far, by all readings
  bool missing = false;  ///< some were gone

  [[nodiscard]] bool full() const noexcept { return text.size() + held >= kPrintedAtOnce; }

  // Rows come in the order of the messages, without those that are gone.
  bool take(const store::EmailRow& row) {
    for (; done < messages.size() && messages[done].row.email != row.email; ++done) missing = true;
    if (done == messages.size()) return false;
    if (!printer->print(text, messages[done], &row, nullptr)) {
      holes.push_back({.place = text.size(), .message = done, .row = row});
      held += sizeof(Hole) + row.parsed.size();
    }
    return ++done < messages.size() && !full();
  }
};

// Reads and prints what is not done yet, up to kPrintedAtOnce.
Async<Result<void>> read_lot(Session* session, std::shared_ptr<Lot> lot) {
  lot->text.clear();
  lot->holes.clear();
  lot->held = 0;
  std::vector<EmailId> emails;
  emails.reserve(lot->messages.size() - lot->done);
  for (std::size_t i = lot->done; i < lot->messages.size(); ++i) emails.push_back(lot->messages[i].row.email);
  auto take = [lot](const store::EmailRow& row) { return lot->take(row); };
  auto read = co_await session->store().use_email_rows(session->selected()->place, std::move(emails),
                                                       lot->printer->needs_derived(), std::move(take));
  if (!read) co_return read;
  // The last ones were gone.
  if (lot->done < lot->messages.size() && !lot->full()) {
    lot->done = lot->messages.size();
    lot->missing = true;
  }
  co_return Result<void>();
}

struct LotReading {
  std::shared_ptr<Lot> lot;
  Started<Result<void>> work;
};

// Several messages, what was looked up of them, and their letters open where those are needed.
struct OpenLot {
  std::vector<Wanted> messages;
  std::vector<store::EmailRow> rows;
  std::vector<store::SavedDate> saved;
  std::vector<std::unique_ptr<store::EmailOctets>> letters;
  /// Responses that are printed already, one for each message, or none; empty: not that one.
  std::vector<std::string> printed;
};

// What is asked for lies in memory now.
void print_opened(OpenLot& opened, const FetchPrinter& printer, std::uint64_t most) {
  opened.printed.resize(opened.messages.size());
  std::size_t octets = 0;
  auto row = opened.rows.begin();
  auto date = opened.saved.begin();
  for (std::size_t i = 0; i < opened.messages.size(); ++i) {
    const auto& one = opened.messages[i];
    if (row == opened.rows.end() || row->email != one.row.email) continue;
    const auto& its_row = *row++;
    while (date != opened.saved.end() && date->uid < one.row.uid) ++date;
    const bool has_date = date != opened.saved.end() && date->uid == one.row.uid;
    if (!opened.letters[i]) continue;
    const auto* const saved = has_date ? &date->saved : nullptr;
    // What isn't printed is told letter by letter, as it is written.
    if (octets >= kPrintedAtOnce) break;
    if (!print_headers(opened.printed[i], printer, one, its_row, saved, *opened.letters[i], most)) continue;
    octets += opened.printed[i].size();
    opened.letters[i].reset();
  }
}

Async<Result<OpenLot>> open_some(Session* session, std::shared_ptr<const FetchPrinter> printer,
                                 std::vector<Wanted> messages) {
  const auto place = session->selected()->place;
  OpenLot opened;
  std::vector<EmailId> emails;
  store::UidRanges uids;
  for (const auto& one : messages) {
    emails.push_back(one.row.email);
    if (printer->needs_dates()) uids.push_back({.first = one.row.uid, .last = one.row.uid});
  }
  opened.messages = std::move(messages);
  if (printer->needs_rows()) {
    auto found = co_await session->store().email_rows(place, emails);
    if (!found) co_return pass(found);
    opened.rows = std::move(*found);
  }
  if (printer->needs_dates()) {
    auto found = co_await session->store().saved_dates(place, session->selected()->mailbox, std::move(uids));
    if (!found) co_return pass(found);
    opened.saved = std::move(*found);
  }
  if (printer->needs_letters()) {
    auto found = co_await session->store().open_emails(place, std::move(emails));
    if (!found) co_return pass(found);
    opened.letters = std::move(*found);
  }
  if (printer->needs_headers_alone()) {
    auto print = [&opened, &printer, most = session->shared().limits.window_bytes] {
      print_opened(opened, *printer, most);
      return true;
    };
    static_cast<void>(co_await session->shared().workers.run(print));
  }
  co_return opened;
}

struct LotOpening {
  Started<Result<OpenLot>> work;
};

// What still reads when the telling is over does so for nobody, but within the session's time.
template <class Begun>
Async<Result<bool>> to_the_end(Async<Result<bool>> telling, std::deque<Begun>* ahead) {
  std::optional<Result<bool>> told;
  std::exception_ptr failed;
  try {
    told.emplace(co_await std::move(telling));
  } catch (...) {
    failed = std::current_exception();
  }
  for (auto& one : *ahead) co_await one.work.over();
  if (failed) std::rethrow_exception(failed);
  co_return std::move(*told);
}

class Fetcher {
 public:
  Fetcher(Session& session, grammar::FetchItems items, bool uid, bool modseq)
      : session_(&session), printer_(std::make_shared<FetchPrinter>(session, std::move(items), uid, modseq)) {}

  /// False: the connection is lost.
  [[nodiscard]] Async<Result<bool>> tell(grammar::NumberSet uids);
  /// Some of them were gone.
  [[nodiscard]] bool missing() const noexcept { return missing_; }
  /// Some had parts that can't be decoded, and were left out.
  [[nodiscard]] bool undecodable() const noexcept { return undecodable_; }
  /// It failed in the middle of a response.
  [[nodiscard]] bool in_response() const noexcept { return in_response_; }

 private:
  /// The next messages of the set, and whether they are the last.
  [[nodiscard]] bool next(const grammar::NumberSet& uids, std::vector<Wanted>& some, std::size_t at_most,
                          std::uint64_t octets_at_most);
  [[nodiscard]] Async<Result<bool>> tell_ahead(const grammar::NumberSet* uids, std::deque<LotReading>* ahead);
  [[nodiscard]] Async<Result<bool>> tell_lot(Lot* lot);
  [[nodiscard]] Async<Result<bool>> tell_opened(const grammar::NumberSet* uids, std::deque<LotOpening>* ahead);
  [[nodiscard]] Async<Result<bool>> tell_some(OpenLot* opened);
  [[nodiscard]] Async<Result<bool>> tell_one(const Wanted* wanted, const store::EmailRow* row, const SystemTime* saved,
                                             store::EmailOctets* octets);

  Session* session_;
  std::shared_ptr<const FetchPrinter> printer_;
  std::uint32_t from_ = 1;  ///< the UID behind those that next() gave
  bool missing_ = false;
  bool in_response_ = false;
  bool undecodable_ = false;
};

Async<Result<bool>> Fetcher::tell_one(const Wanted* wanted, const store::EmailRow* row, const SystemTime* saved,
                                      store::EmailOctets* octets) {
  std::optional<message::Derived> derived;
  if (printer_->needs_derived()) {
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
  if (std::ranges::any_of(printer_->items(), undecodable)) {
    undecodable_ = true;
    co_return true;
  }
  in_response_ = true;
  printer_->begin(session_->out(), *wanted);
  bool first = true;
  for (const auto& item : printer_->items()) {
    if (!first) session_->out().push_back(' ');
    first = false;
    if (!needs_letter(item)) {
      printer_->item(session_->out(), item, *wanted, row, saved, derived ? &*derived : nullptr);
      continue;
    }
    const auto told = co_await tell_octets(session_, &item, row, derived ? &*derived : nullptr, octets);
    if (!told || !*told) co_return told;
  }
  session_->out().append(")\r\n");
  in_response_ = false;
  co_return co_await session_->drain();
}

Async<Result<bool>> Fetcher::tell_some(OpenLot* opened) {
  const auto& some = opened->messages;
  const auto& rows = opened->rows;
  const auto& saved = opened->saved;
  auto row = rows.begin();
  auto date = saved.begin();
  for (std::size_t i = 0; i < some.size(); ++i) {
    const auto& one = some[i];
    // Rows and dates come in the order asked for; of what has gone in the meantime nothing is told.
    const bool has_row = row != rows.end() && row->email == one.row.email;
    while (date != saved.end() && date->uid < one.row.uid) ++date;
    const bool has_date = date != saved.end() && date->uid == one.row.uid;
    if (!opened->printed.empty() && !opened->printed[i].empty()) {
      session_->out().append(opened->printed[i]);
      opened->printed[i].clear();
      if (has_row) ++row;
      if (!co_await session_->drain()) co_return false;
      continue;
    }
    auto* octets = printer_->needs_letters() ? opened->letters[i].get() : nullptr;
    if ((!printer_->needs_rows() || has_row) && (!printer_->needs_letters() || octets != nullptr)) {
      const auto* const its_row = has_row ? &*row : nullptr;
      const auto* const its_date = has_date ? &date->saved : nullptr;
      if (printer_->print(session_->out(), one, its_row, its_date)) {
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

// While some are told the next ones are opened.
Async<Result<bool>> Fetcher::tell_opened(const grammar::NumberSet* uids, std::deque<LotOpening>* ahead) {
  const auto home = co_await asio::this_coro::executor;
  const bool letters = printer_->needs_letters();
  bool all = false;
  while (true) {
    while (!all && ahead->size() < kOpenAhead) {
      std::vector<Wanted> some;
      all = next(*uids, some, letters ? kLettersAtOnce : kRowsAtOnce, letters ? kOctetsAtOnce : UINT64_MAX);
      if (some.empty()) break;
      ahead->push_back({.work = Started<Result<OpenLot>>(home, open_some(session_, printer_, std::move(some)))});
    }
    if (ahead->empty()) co_return true;
    auto work = std::move(ahead->front().work);
    ahead->pop_front();
    auto opened = co_await work.end();
    if (!opened) co_return pass(opened);
    const auto told = co_await tell_some(&*opened);
    if (!told || !*told) co_return told;
  }
}

bool Fetcher::next(const grammar::NumberSet& uids, std::vector<Wanted>& some, std::size_t at_most,
                   std::uint64_t octets_at_most) {
  std::uint64_t octets = 0;
  const bool recent = printer_->needs_recent();
  return session_->selected()->view.visit(uids, from_, [&](std::uint32_t number, const store::MessageRow& row) {
    from_ = row.uid + 1;
    some.push_back({.number = number, .recent = recent && session_->is_recent(row.uid), .row = row});
    octets += row.size();
    return some.size() < at_most && octets < octets_at_most;
  });
}

// What was read, and reads the rest of it.
Async<Result<bool>> Fetcher::tell_lot(Lot* lot) {
  std::size_t from = 0;
  const auto window = session_->shared().limits.window_bytes;
  for (const auto& hole : lot->holes) {
    const auto before = std::string_view(lot->text).substr(from, hole.place - from);
    if (!co_await session_->say_many(before, window)) co_return false;
    from = hole.place;
    const auto told = co_await tell_one(&lot->messages[hole.message], &hole.row, nullptr, nullptr);
    if (!told || !*told) co_return told;
  }
  co_return co_await session_->say_many(std::string_view(lot->text).substr(from), window);
}

Async<Result<bool>> Fetcher::tell_ahead(const grammar::NumberSet* uids, std::deque<LotReading>* ahead) {
  const auto home = co_await asio::this_coro::executor;
  bool all = false;
  while (true) {
    while (!all && ahead->size() < kAhead) {
      auto lot = std::make_shared<Lot>();
      lot->printer = printer_;
      all = next(*uids, lot->messages, kRowsAtOnce, UINT64_MAX);
      if (lot->messages.empty()) break;
      ahead->push_back({.lot = lot, .work = Started<Result<void>>(home, read_lot(session_, lot))});
    }
    if (ahead->empty()) co_return true;
    const auto lot = ahead->front().lot;
    auto work = std::move(ahead->front().work);
    ahead->pop_front();
    auto read = co_await work.end();
    while (read) {
      missing_ = missing_ || lot->missing;
      const auto told = co_await tell_lot(lot.get());
      if (!told || !*told) co_return told;
      if (lot->done == lot->messages.size()) break;
      read = co_await read_lot(session_, lot);
    }
    if (!read) co_return pass(read);
  }
}

Async<Result<bool>> Fetcher::tell(grammar::NumberSet uids) {
  if (printer_->needs_rows() && !printer_->needs_letters() && !printer_->needs_dates()) {
    std::deque<LotReading> ahead;
    co_return co_await to_the_end(tell_ahead(&uids, &ahead), &ahead);
  }
  if (printer_->needs_letters() || printer_->needs_dates()) {
    std::deque<LotOpening> ahead;
    co_return co_await to_the_end(tell_opened(&uids, &ahead), &ahead);
  }
  // The snapshot tells it all.
  const auto window = session_->shared().limits.window_bytes;
  while (true) {
    const bool recent = printer_->needs_recent();
    auto& out = session_->out();
    const bool all = session_->selected()->view.visit(uids, from_, [&](std::uint32_t number, const auto& row) {
      from_ = row.uid + 1;
      const Wanted wanted{.number = number, .recent = recent && session_->is_recent(row.uid), .row = row};
      return printer_->print(out, wanted, nullptr, nullptr) && out.size() < window;
    });
    if (all) co_return true;
    if (!co_await session_->flush()) co_return false;
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
// False: one of them went meanwhile.
Async<bool> set_seen(Session* session, const grammar::NumberSet* uids) {
  const auto& selected = *session->selected();
  std::vector<std::uint32_t> unseen;
  selected.view.visit(*uids, 1, [&](std::uint32_t, const store::MessageRow& row) {
    if ((row.flags() & store::flag::seen) == 0) unseen.push_back(row.uid);
    return true;
  });
  if (unseen.empty()) co_return true;
  store::FlagChange change{.uids = ranges_of(grammar::NumberSet::of_sorted(unseen)),
                           .how = store::FlagsHow::add,
                           .flags = {.flags = store::flag::seen, .keywords = {}},
                           .unchanged_since = {}};
  const auto done = co_await session->store().change_flags(selected.place, selected.mailbox, std::move(change));
  if (!done) session->log().warning("seen_not_set", {{"why", done.error().log}});
  if (const auto looked = co_await session->refresh(); !looked) {
    session->log().warning("mailbox_unreadable", {{"why", looked.error().log}});
  }
  co_return std::ranges::none_of(session->selected()->view.gone(), [&](auto uid) { return uids->contains(uid); });
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
  auto limited = keep_to_limit(*session, named->uids);
  // RFC 9051 §6.4.5: what is read is seen; the new flags are told with the rest.
  // RFC 4314 §4: not without the right to.
  const bool sees = !selected.read_only && (selected.rights & right::seen) != 0 &&
                    std::ranges::any_of(arguments.items, &grammar::FetchItem::sets_seen);
  if (sees && !co_await set_seen(session, &named->uids)) named->some_are_gone = true;
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
  if (!limited.empty()) co_return ok("As many as are allowed.", std::move(limited));
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
