// The tables of reports: what was seen each day, what is due to be told, and what others told. In the directory's
// database, under a version of their own; the same on both engines. All functions block: writer threads and pools.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "db/database.hpp"
#include "reports/outcome_key.hpp"
#include "reports/report_file.hpp"

namespace pabal::reports::rows {

/// Brings the schema "reports" up to date.
[[nodiscard]] Result<void> migrate(db::Connection& connection);

struct Counted {
  OutcomeKey key;
  std::int64_t day = 0;
  std::int64_t count = 0;
  std::int64_t own = 0;  ///< of them, letters that are reports themselves
};

struct RowLimits {
  std::int64_t rows_per_domain = 10'000;  ///< different ones a day
  std::int64_t domains = 100'000;         ///< a day
  std::int64_t rows = 1'000'000;          ///< a day, of all domains
};

/// Adds to the counts. `due` says when the report of a day is to be sent, for a domain that is seen for the first time
/// that day. What has no room is counted as dropped.
[[nodiscard]] Result<void> add_outcomes(db::Connection& connection, std::span<const Counted> counted,
                                        const RowLimits& limits,
                                        const std::function<SystemTime(std::int64_t day)>& due);
/// A report was mailed to this domain today: one TLS session of the day is its own.
[[nodiscard]] Result<void> add_own_session(db::Connection& connection, std::int64_t day, std::string_view domain,
                                           SystemTime due);

/// A day of a domain of which there is something to tell.
struct Due {
  Kind kind = Kind::dmarc;
  std::int64_t day = 0;
  std::string domain;
  std::int64_t dropped = 0;  ///< outcomes that had no room
  std::int64_t own = 0;      ///< sessions that carried reports
  SystemTime told_until;     ///< what was before was told already
  std::int64_t tries = 0;
};
/// Those whose time has come, the oldest first. `even_now`: those whose time has not come, too.
[[nodiscard]] Result<std::vector<Due>> due_days(db::Connection& connection, SystemTime now, bool even_now,
                                                std::size_t at_most);

/// What is to be told of it: rows of which some were not told yet.
struct Untold {
  std::string key;  ///< of the row
  std::string policy;
  std::string facts;
  std::int64_t count = 0;  ///< not told yet
  std::int64_t own = 0;    ///< of all
  std::int64_t total = 0;
};
[[nodiscard]] Result<std::vector<Untold>> untold(db::Connection& connection, const Due& due);

enum class DayState : std::int64_t { open = 0, told = 1, nothing = 2 };
/// After the report was handed to the queue (or there is nobody to tell): these rows are told. `state` open: the day
/// goes on, and `next` is when the rest of it is due.
[[nodiscard]] Result<void> mark_told(db::Connection& connection, const Due& due, std::span<const Untold> told,
                                     SystemTime until, DayState state, SystemTime next, std::string_view words);
[[nodiscard]] Result<void> postpone(db::Connection& connection, const Due& due, SystemTime next,
                                    std::string_view words);

/// What others told, one for each domain that a report is about.
struct Received {
  Kind kind = Kind::dmarc;
  std::string domain;
  std::string organization;
  std::string email;
  std::string report_id;
  std::int64_t begin = 0;  ///< seconds since 1970
  std::int64_t end = 0;
  std::string from;    ///< the domain that was proven to have sent it; empty: nobody was
  std::string policy;  ///< JSON
  struct Row {
    std::string source;  ///< the address that letters came from; of TLS the receiving host
    std::int64_t count = 0;
    bool passed = false;
    std::string result;  ///< "dkim+spf", "dkim", "spf", "none"; of TLS the result-type, "" for successes
    std::string facts;   ///< JSON
  };
  std::vector<Row> rows;
};
/// As they are stored: a TLS report of several domains is several.
[[nodiscard]] std::vector<Received> received_of(const Report& report, const std::string& from);
/// The name that it is stored under: the same for the same report of the same sender, however often it comes. What
/// stands in a report is its writer's to choose; its sender is not.
[[nodiscard]] std::string id_of(const Received& received);
/// The rows from `first` on, at most `at_most`. With the first of them the report itself, marked as not complete; with
/// the last, the mark is taken away: what a failure leaves is known to nobody, counts as having come, is forgotten like
/// the others, and is completed when the report comes again. Does nothing with what is there already.
[[nodiscard]] Result<void> add_received(db::Connection& connection, const Received& received, SystemTime arrived,
                                        std::size_t first, std::size_t at_most);
/// Whether all of it is there.
[[nodiscard]] Result<bool> is_known(db::Connection& connection, const Received& received);
struct RowsCame {
  std::int64_t all = 0;
  std::int64_t of_sender = 0;
};
/// How many rows came since then with other reports, from anybody and from this one's sender.
[[nodiscard]] Result<RowsCame> rows_since(db::Connection& connection, SystemTime time, const Received& received);

/// Forgets days before `day`, and reports that came before `time`; some at a time. True: there is more.
[[nodiscard]] Result<bool> forget(db::Connection& connection, std::int64_t day, SystemTime time);

}  // namespace pabal::reports::rows
