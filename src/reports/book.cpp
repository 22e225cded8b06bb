#include "reports/book.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pabal::reports {
namespace {

constexpr std::size_t kRowsAtOnce = 500;  ///< in one write, so that others' go between
constexpr auto kForgetEvery = std::chrono::hours(1);
constexpr std::size_t kKeyOverhead = 200;  ///< octets of an outcome in memory, beside its texts

}  // namespace

Book::Book(db::Database& database, db::Writer& writer, const Clock& clock, Random& random, const Log& log,
           Metrics& metrics, BookOptions options)
    : writer_(&writer),
      readers_(database),
      clock_(&clock),
      random_(&random),
      log_(log),
      options_(options),
      dropped_(
          metrics.counter("pabal_report_outcomes_dropped_total",
                          "Outcomes of letters and TLS sessions that reports will not tell of, for want of room.")),
      addresses_(std::make_shared<const std::vector<std::string>>()),
      keep_times_(options.keep, options.keep_received) {}

Result<std::unique_ptr<Book>> Book::open(db::Database& database, db::Writer& writer, const Clock& clock, Random& random,
                                         const Log& log, Metrics& metrics, BookOptions options) {
  {
    auto connection = database.connect();
    if (!connection) return pass(connection);
    if (auto migrated = rows::migrate(**connection); !migrated) return pass(migrated);
  }
  std::unique_ptr<Book> book(new Book(database, writer, clock, random, log, metrics, options));
  if (options.write_every.count() > 0) book->thread_ = std::thread([made = book.get()] { made->keep_up(); });
  return book;
}

Book::~Book() {
  if (thread_.joinable()) {
    waiting_.lock()->stopping = true;
    wake_.notify_all();
    thread_.join();
  }
  if (auto written = flush(); !written) log_.error("report_outcomes_lost", {{"why", written.error().log}});
}

void Book::set_report_addresses(std::vector<std::string> addresses) {
  for (auto& address : addresses) address = to_lower(address);
  std::ranges::sort(addresses);
  *addresses_.lock() = std::make_shared<const std::vector<std::string>>(std::move(addresses));
}

void Book::set_keep(std::chrono::seconds keep, std::chrono::seconds keep_received) {
  *keep_times_.lock() = {keep, keep_received};
}

Book::Number* Book::number_of(Waiting& waiting, Key key) const {
  if (const auto place = waiting.numbers.find(key); place != waiting.numbers.end()) return &place->second;
  const auto& outcome = key.outcome;
  const std::size_t octets = outcome.domain.size() + outcome.policy.size() + outcome.facts.size() + kKeyOverhead;
  if (waiting.numbers.size() >= options_.most_waiting || waiting.octets + octets > options_.most_waiting_octets) {
    return nullptr;
  }
  waiting.octets += octets;
  return &waiting.numbers.try_emplace(std::move(key)).first->second;
}

bool Book::half_full(const Waiting& waiting) const {
  return waiting.numbers.size() >= options_.most_waiting / 2 || waiting.octets >= options_.most_waiting_octets / 2;
}

void Book::count(std::int64_t day, OutcomeKey key, bool own) {
  auto waiting = waiting_.lock();
  const bool was_half_full = half_full(*waiting);
  auto* const number = number_of(*waiting, {day, std::move(key)});
  if (number == nullptr) {
    dropped_.add();
    return;
  }
  ++number->count;
  if (own) ++number->own;
  if (!was_half_full && half_full(*waiting)) wake_.notify_all();
}

void Book::note(JudgedLetter letter) noexcept {
  try {
    const auto own_addresses = *addresses_.lock();
    const bool own = !letter.recipients.empty() && std::ranges::all_of(letter.recipients, [&](const auto& recipient) {
      return std::ranges::binary_search(*own_addresses, to_lower(recipient));
    });
    count(day_of(letter.time), key_of(letter), own);
  } catch (...) {
    dropped_.add();  // no memory: the letter itself goes its way
  }
}

void Book::note(queue::TlsOutcome outcome) noexcept {
  try {
    count(day_of(outcome.time), key_of(outcome), false);
  } catch (...) {
    dropped_.add();
  }
}

Result<void> Book::write(std::function<Result<void>(db::Connection&)> work) { return writer_->run(std::move(work)); }

void Book::put_back(std::span<const rows::Counted> counted) {
  auto waiting = waiting_.lock();
  for (const auto& one : counted) {
    auto* const number = number_of(*waiting, {one.day, one.key});
    if (number == nullptr) {
      dropped_.add(static_cast<double>(one.count));
      continue;
    }
    number->count += one.count;
    number->own += one.own;
  }
}

SystemTime Book::due_after(std::int64_t day) {
  // Some minutes behind the end, so that what was seen last is written.
  const auto spread = static_cast<std::uint64_t>(std::max<std::int64_t>(options_.spread.count(), 1));
  return begin_of(day + 1) + std::chrono::minutes(5) +
         std::chrono::seconds(static_cast<std::int64_t>(random_->below(spread)));
}

Result<void> Book::flush() {
  std::map<Key, Number> taken;
  {
    auto waiting = waiting_.lock();
    taken.swap(waiting->numbers);
    waiting->octets = 0;
  }
  std::vector<rows::Counted> counted;
  counted.reserve(taken.size());
  while (!taken.empty()) {
    auto node = taken.extract(taken.begin());
    auto& key = node.key();
    counted.push_back(
        {.key = std::move(key.outcome), .day = key.day, .count = node.mapped().count, .own = node.mapped().own});
  }
  const auto due = [this](std::int64_t day) { return due_after(day); };
  const std::span<const rows::Counted> all(counted);
  for (std::size_t first = 0; first < all.size(); first += kRowsAtOnce) {
    const auto part = all.subspan(first, std::min(kRowsAtOnce, all.size() - first));
    const auto written =
        write([&](db::Connection& connection) { return rows::add_outcomes(connection, part, options_.rows, due); });
    if (!written) {
      put_back(all.subspan(first));
      return written;
    }
  }
  return {};
}

Result<void> Book::forget() {
  const auto [keep_own, keep_others] = *keep_times_.lock();
  const auto now = clock_->now();
  bool more = true;
  while (more) {
    const auto done = write([&](db::Connection& connection) -> Result<void> {
      const auto rest = rows::forget(connection, day_of(now - keep_own), now - keep_others);
      if (!rest) return pass(rest);
      more = *rest;
      return {};
    });
    if (!done) return done;
  }
  return {};
}

Result<bool> Book::keep(const rows::Received& received) {
  const auto now = clock_->now();
  const auto known = readers_.read([&](db::Connection& connection) { return rows::is_known(connection, received); });
  if (!known) return pass(known);
  if (*known) return false;
  const auto today = readers_.read(
      [&](db::Connection& connection) { return rows::rows_since(connection, begin_of(day_of(now)), received); });
  if (!today) return pass(today);
  const auto more = static_cast<std::int64_t>(received.rows.size());
  if (today->all + more > options_.received_rows_a_day) {
    return fail(ErrorKind::limit, "more reports came today than are kept");
  }
  if (today->of_sender + more > options_.received_rows_a_day_of_one) {
    return fail(ErrorKind::limit, "more reports came from this sender today than are kept");
  }
  std::size_t first = 0;
  do {
    const auto written = write(
        [&](db::Connection& connection) { return rows::add_received(connection, received, now, first, kRowsAtOnce); });
    if (!written) return pass(written);
    first += kRowsAtOnce;
  } while (first < received.rows.size());
  return true;
}

Result<void> Book::note_own_session(const std::string& domain) {
  const auto day = day_of(clock_->now());
  return write(
      [&](db::Connection& connection) { return rows::add_own_session(connection, day, domain, due_after(day)); });
}

Result<std::vector<rows::Due>> Book::due(bool even_now, std::size_t at_most) {
  const auto now = clock_->now();
  return readers_.read([&](db::Connection& connection) { return rows::due_days(connection, now, even_now, at_most); });
}

Result<std::vector<rows::Untold>> Book::untold(const rows::Due& due) {
  return readers_.read([&](db::Connection& connection) { return rows::untold(connection, due); });
}

Result<void> Book::mark_told(rows::Due due, std::vector<rows::Untold> told, SystemTime until, rows::DayState state,
                             std::string words) {
  return write([&](db::Connection& connection) {
    // It may have been due before: what was tried again is due at the time of its last try.
    return rows::mark_told(connection, due, told, until, state, due_after(due.day), words);
  });
}

Result<void> Book::postpone(rows::Due due, SystemTime next, std::string words) {
  return write([&](db::Connection& connection) { return rows::postpone(connection, due, next, words); });
}

void Book::keep_up() {
  while (true) {
    bool forget_now = false;
    {
      auto waiting = waiting_.lock();
      wake_.wait_for(waiting.unique_lock(), options_.write_every,
                     [&] { return waiting->stopping || half_full(*waiting); });
      if (waiting->stopping) return;
      const auto now = clock_->now();
      forget_now = now - waiting->forgotten >= kForgetEvery;
      if (forget_now) waiting->forgotten = now;
    }
    auto done = run_caught("the book of reports", [&] { return flush(); });
    if (done && forget_now) done = run_caught("the book of reports", [&] { return forget(); });
    if (!done) {
      log_.error("report_outcomes_not_written", {{"why", done.error().log}});
      // A database that is away answers at once, and would be asked again at once while much waits.
      auto waiting = waiting_.lock();
      wake_.wait_for(waiting.unique_lock(), options_.write_every, [&] { return waiting->stopping; });
    }
  }
}

}  // namespace pabal::reports
