// Book: what this system saw, day by day and domain by domain, and what others told of it. Outcomes are counted in
// memory and written in groups every few seconds, off the path of deliveries: a crash loses what was not yet written,
// some seconds of counts, and never a letter.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "db/database.hpp"
#include "db/writer.hpp"
#include "queue/tls_outcomes.hpp"
#include "reports/outcome_key.hpp"
#include "reports/outcomes.hpp"
#include "reports/report_rows.hpp"

namespace pabal::reports {

struct BookOptions {
  std::chrono::seconds write_every{5};
  std::size_t most_waiting = 20'000;  ///< different outcomes in memory; more of them are dropped, and counted
  std::size_t most_waiting_octets = std::size_t{32} << 20;  ///< of all of these: strangers say what stands in them
  rows::RowLimits rows = {};
  std::chrono::seconds keep{30 * 24 * 3600};            ///< outcomes
  std::chrono::seconds keep_received{400 * 24 * 3600};  ///< reports of others
  std::int64_t received_rows_a_day = 2'000'000;         ///< of all reports of others together
  std::int64_t received_rows_a_day_of_one = 200'000;    ///< of one sender's; of all whom nothing proved together
  std::chrono::seconds spread{4 * 3600};  ///< reports of a day go out at a random time so long after its end
};

/// Any thread.
class Book final : public Outcomes, public queue::TlsOutcomes {
 public:
  /// Opens (and brings up to date) the schema "reports" in a database. All must outlive it. `write_every` of zero: only
  /// flush() writes.
  [[nodiscard]] static Result<std::unique_ptr<Book>> open(db::Database& database, db::Writer& writer,
                                                          const Clock& clock, Random& random, const Log& log,
                                                          Metrics& metrics, BookOptions options);
  /// Writes what waits.
  ~Book() override;
  Book(const Book&) = delete;
  Book& operator=(const Book&) = delete;

  /// Addresses of ours to which reports come, lower case: letters to them alone are reports themselves.
  void set_report_addresses(std::vector<std::string> addresses);
  void set_keep(std::chrono::seconds keep, std::chrono::seconds keep_received);

  void note(JudgedLetter letter) noexcept override;
  /// It counts; failure reports are FailureReports' affair.
  [[nodiscard]] bool wants_header(const JudgedLetter& /*letter*/) const noexcept override { return false; }
  void note(queue::TlsOutcome outcome) noexcept override;

  // Blocking: from pools and the command line, not from coroutines.

  /// Writes what waits, and comes back when it is written.
  [[nodiscard]] Result<void> flush();
  /// Forgets what is too old, some at a time.
  [[nodiscard]] Result<void> forget();
  /// Keeps a report of others. False: it is there already, from the same sender. Error `limit`: too much came today.
  [[nodiscard]] Result<bool> keep(const rows::Received& received);
  /// A report goes to this domain by mail.
  [[nodiscard]] Result<void> note_own_session(const std::string& domain);

  [[nodiscard]] Result<std::vector<rows::Due>> due(bool even_now, std::size_t at_most);
  [[nodiscard]] Result<std::vector<rows::Untold>> untold(const rows::Due& due);
  /// The rest of a day that stays open is due after its end.
  [[nodiscard]] Result<void> mark_told(rows::Due due, std::vector<rows::Untold> told, SystemTime until,
                                       rows::DayState state, std::string words);
  [[nodiscard]] Result<void> postpone(rows::Due due, SystemTime next, std::string words);

  [[nodiscard]] db::Readers& readers() noexcept { return readers_; }
  [[nodiscard]] const Clock& clock() const noexcept { return *clock_; }

 private:
  struct Key {
    std::int64_t day;
    OutcomeKey outcome;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Number {
    std::int64_t count = 0;
    std::int64_t own = 0;
  };
  struct Waiting {
    std::map<Key, Number> numbers;
    std::size_t octets = 0;  ///< of their keys
    bool stopping = false;
    SystemTime forgotten{};
  };
  Book(db::Database& database, db::Writer& writer, const Clock& clock, Random& random, const Log& log, Metrics& metrics,
       BookOptions options);
  void count(std::int64_t day, OutcomeKey key, bool own);
  /// Its number, where there is room for it; else null.
  [[nodiscard]] Number* number_of(Waiting& waiting, Key key) const;
  [[nodiscard]] bool half_full(const Waiting& waiting) const;
  /// When a day's report of a domain is to go out: at random, on the writer's thread.
  [[nodiscard]] SystemTime due_after(std::int64_t day);
  void put_back(std::span<const rows::Counted> counted);
  [[nodiscard]] Result<void> write(std::function<Result<void>(db::Connection&)> work);
  void keep_up();

  db::Writer* writer_;
  db::Readers readers_;
  const Clock* clock_;
  Random* random_;
  Log log_;
  BookOptions options_;
  Counter dropped_;
  Guarded<Waiting> waiting_;
  std::condition_variable wake_;
  Guarded<std::shared_ptr<const std::vector<std::string>>> addresses_;
  Guarded<std::pair<std::chrono::seconds, std::chrono::seconds>> keep_times_;
  std::thread thread_;
};

}  // namespace pabal::reports
