#include "reports/report_rows.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <openssl/evp.h>

namespace pabal::reports::rows {
namespace {

// report_outcome: `told` of `count` stand in reports that were sent. report_day: one row for each day and domain, made
// with its first outcome; `due` is when its report is to be sent.
constexpr std::string_view kReportTables = R"sql(
CREATE TABLE report_outcome (
  kind INTEGER NOT NULL,
  day INTEGER NOT NULL,
  domain TEXT NOT NULL,
  key BYTES NOT NULL,
  policy TEXT NOT NULL,
  facts TEXT NOT NULL,
  count INTEGER NOT NULL,
  own INTEGER NOT NULL,
  told INTEGER NOT NULL,
  PRIMARY KEY (kind, day, domain, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE report_day (
  kind INTEGER NOT NULL,
  day INTEGER NOT NULL,
  domain TEXT NOT NULL,
  kinds_of_rows INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  own INTEGER NOT NULL,
  due INTEGER NOT NULL,
  told_until INTEGER NOT NULL,
  state INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  words TEXT NOT NULL,
  PRIMARY KEY (kind, day, domain)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_day_due ON report_day (due) WHERE state = 0;

CREATE TABLE report_received (
  id BYTES NOT NULL PRIMARY KEY,
  kind INTEGER NOT NULL,
  domain TEXT NOT NULL,
  organization TEXT NOT NULL,
  email TEXT NOT NULL,
  report_id TEXT NOT NULL,
  begins INTEGER NOT NULL,
  ends INTEGER NOT NULL,
  arrived INTEGER NOT NULL,
  sender TEXT NOT NULL,
  policy TEXT NOT NULL,
  number_of_rows INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX report_received_domain ON report_received (kind, domain, begins);
CREATE INDEX report_received_arrived ON report_received (arrived);

CREATE TABLE report_received_row (
  id BYTES NOT NULL,
  number INTEGER NOT NULL,
  source TEXT NOT NULL,
  count INTEGER NOT NULL,
  passed INTEGER NOT NULL,
  result TEXT NOT NULL,
  facts TEXT NOT NULL,
  PRIMARY KEY (id, number)
) STRICT, WITHOUT ROWID;
)sql";

// What stood there was whoever the letter named; from now on it is who was proven.
constexpr std::string_view kProvenSenders = "UPDATE report_received SET sender = '';";

// Until now a failure could leave rows of no report; from now on the report comes first, and number_of_rows is below
// zero until all of them are there.
constexpr std::string_view kNoLostRows =
    "DELETE FROM report_received_row WHERE id NOT IN (SELECT id FROM report_received);";

constexpr std::array kReportSteps = {db::Migration{1, kReportTables}, db::Migration{2, kProvenSenders},
                                     db::Migration{3, kNoLostRows}};

constexpr std::int64_t kForgottenAtOnce = 200;

std::string digest_of(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const auto part : parts) {
    all += std::to_string(part.size());
    all += ':';
    all += part;
  }
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (EVP_Digest(all.data(), all.size(), reinterpret_cast<unsigned char*>(out.data()), &size, EVP_sha256(), nullptr) !=
      1) {
    throw std::bad_alloc();
  }
  out.resize(16);
  return out;
}

/// PostgreSQL's texts hold no zero octet, and both engines want UTF-8; key_of() and the readers give it.
std::string_view safe(const std::string& text) {
  const auto zero = text.find('\0');
  return std::string_view(text).substr(0, zero);
}

Result<void> done(const Result<std::int64_t>& changed) {
  if (!changed) return pass(changed);
  return {};
}

/// How many rows each day has, of all its domains; asked for once, and then counted on.
class RowsOfDays {
 public:
  explicit RowsOfDays(db::Connection& connection) : connection_(&connection) {}
  [[nodiscard]] Result<std::int64_t*> of(std::int64_t kind, std::int64_t day) {
    auto& rows = rows_[{kind, day}];
    if (!rows) {
      const auto sum = connection_->number(
          "SELECT CAST(coalesce(sum(kinds_of_rows), 0) AS BIGINT) FROM report_day WHERE kind = $1 AND day = $2",
          {kind, day});
      if (!sum) return pass(sum);
      rows = sum->value_or(0);
    }
    return &*rows;
  }

 private:
  db::Connection* connection_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::optional<std::int64_t>> rows_;
};

Result<void> add_one(db::Connection& connection, const Counted& one, const RowLimits& limits, RowsOfDays& all_rows,
                     const std::function<SystemTime(std::int64_t)>& due) {
  const auto kind = static_cast<std::int64_t>(one.key.kind);
  const std::string key = digest_of({one.key.policy, one.key.facts});
  const auto domain = safe(one.key.domain);
  const auto known = connection.run(
      "UPDATE report_outcome SET count = count + $5, own = own + $6 WHERE kind = $1 AND day = $2 AND domain = $3 AND "
      "key = $4",
      {kind, one.day, domain, db::Octets{key}, one.count, one.own});
  if (!known) return pass(known);
  bool has_room = *known == 1;
  if (*known == 0) {
    const auto rows = connection.number(
        "SELECT kinds_of_rows FROM report_day WHERE kind = $1 AND day = $2 AND domain = $3", {kind, one.day, domain});
    if (!rows) return pass(rows);
    if (!*rows) {
      const auto domains = connection.number(
          "SELECT count(*) FROM (SELECT 1 FROM report_day WHERE kind = $1 AND day = $2 LIMIT $3) AS counted_days",
          {kind, one.day, limits.domains});
      if (!domains) return pass(domains);
      if (domains->value_or(0) >= limits.domains) return {};  // not even the number is kept
      if (auto made =
              connection.run("INSERT INTO report_day (kind, day, domain, kinds_of_rows, dropped, own, due, "
                             "told_until, state, tries, words) VALUES ($1, $2, $3, 0, 0, 0, $4, $5, 0, 0, '')",
                             {kind, one.day, domain, to_database(due(one.day)), to_database(begin_of(one.day))});
          !made) {
        return pass(made);
      }
    }
    const auto of_day = all_rows.of(kind, one.day);
    if (!of_day) return pass(of_day);
    has_room = rows->value_or(0) < limits.rows_per_domain && **of_day < limits.rows;
    if (has_room) {
      ++**of_day;
      if (auto made = connection.run(
              "INSERT INTO report_outcome (kind, day, domain, key, policy, facts, count, own, "
              "told) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
              {kind, one.day, domain, db::Octets{key}, safe(one.key.policy), safe(one.key.facts), one.count, one.own});
          !made) {
        return pass(made);
      }
    }
    return done(connection.run(
        "UPDATE report_day SET kinds_of_rows = kinds_of_rows + $4, dropped = dropped + $5 WHERE kind = $1 AND day = $2 "
        "AND domain = $3",
        {kind, one.day, domain, std::int64_t{has_room ? 1 : 0}, has_room ? std::int64_t{0} : one.count}));
  }
  return {};
}

std::string json_text(const json::object& object) { return json::serialize(object); }

Received dmarc_received(const AggregateReport& report) {
  Received out;
  out.kind = Kind::dmarc;
  out.domain = report.policy.domain;
  out.organization = report.org_name.empty() ? report.email : report.org_name;
  out.email = report.email;
  out.report_id = report.report_id;
  out.begin = report.begin;
  out.end = report.end;
  out.policy = json_text(to_json(report.policy));
  for (const auto& record : report.records) {
    const std::string_view result = record.dkim && record.spf ? "dkim+spf"
                                    : record.dkim             ? "dkim"
                                    : record.spf              ? "spf"
                                                              : "none";
    out.rows.push_back({.source = record.source_ip,
                        .count = static_cast<std::int64_t>(record.count),
                        .passed = record.dkim || record.spf,
                        .result = std::string(result),
                        .facts = json_text(to_json(record))});
  }
  return out;
}

}  // namespace

Result<void> migrate(db::Connection& connection) { return db::migrate(connection, "reports", kReportSteps); }

Result<void> add_outcomes(db::Connection& connection, std::span<const Counted> counted, const RowLimits& limits,
                          const std::function<SystemTime(std::int64_t)>& due) {
  RowsOfDays all_rows(connection);
  for (const auto& one : counted) {
    if (auto added = add_one(connection, one, limits, all_rows, due); !added) return added;
  }
  return {};
}

Result<void> add_own_session(db::Connection& connection, std::int64_t day, std::string_view domain, SystemTime due) {
  return done(connection.run(
      "INSERT INTO report_day (kind, day, domain, kinds_of_rows, dropped, own, due, told_until, state, tries, words) "
      "VALUES ($1, $2, $3, 0, 0, 1, $4, $5, 0, 0, '') ON CONFLICT (kind, day, domain) DO UPDATE SET own = "
      "report_day.own + 1",
      {static_cast<std::int64_t>(Kind::tls), day, domain, to_database(due), to_database(begin_of(day))}));
}

Result<std::vector<Due>> due_days(db::Connection& connection, SystemTime now, bool even_now, std::size_t at_most) {
  auto rows = connection.query(
      "SELECT kind, day, domain, dropped, own, told_until, tries FROM report_day WHERE state = 0 AND due <= $1 ORDER "
      "BY "
      "due LIMIT $2",
      {even_now ? INT64_MAX : to_database(now), static_cast<std::int64_t>(at_most)});
  if (!rows) return pass(rows);
  std::vector<Due> found;
  while (true) {
    const auto more = rows->next();
    if (!more) return pass(more);
    if (!*more) return found;
    found.push_back({.kind = static_cast<Kind>(rows->integer(0)),
                     .day = rows->integer(1),
                     .domain = std::string(rows->text(2)),
                     .dropped = rows->integer(3),
                     .own = rows->integer(4),
                     .told_until = from_database(rows->integer(5)),
                     .tries = rows->integer(6)});
  }
}

Result<std::vector<Untold>> untold(db::Connection& connection, const Due& due) {
  auto rows = connection.query(
      "SELECT key, policy, facts, count - told, own, count FROM report_outcome WHERE kind = $1 AND day = $2 AND domain "
      "= "
      "$3 AND count > told ORDER BY policy, key",
      {static_cast<std::int64_t>(due.kind), due.day, std::string_view(due.domain)});
  if (!rows) return pass(rows);
  std::vector<Untold> found;
  while (true) {
    const auto more = rows->next();
    if (!more) return pass(more);
    if (!*more) return found;
    found.push_back({.key = std::string(rows->octets(0)),
                     .policy = std::string(rows->text(1)),
                     .facts = std::string(rows->text(2)),
                     .count = rows->integer(3),
                     .own = rows->integer(4),
                     .total = rows->integer(5)});
  }
}

Result<void> mark_told(db::Connection& connection, const Due& due, std::span<const Untold> told, SystemTime until,
                       DayState state, SystemTime next, std::string_view words) {
  const auto kind = static_cast<std::int64_t>(due.kind);
  for (const auto& one : told) {
    if (auto marked = connection.run(
            "UPDATE report_outcome SET told = told + $5 WHERE kind = $1 AND day = $2 AND domain = $3 AND key = $4",
            {kind, due.day, std::string_view(due.domain), db::Octets{one.key}, one.count});
        !marked) {
      return pass(marked);
    }
  }
  return done(connection.run(
      "UPDATE report_day SET state = $4, told_until = $5, tries = 0, words = $6, due = $7 WHERE kind = $1 AND day = $2 "
      "AND domain = $3",
      {kind, due.day, std::string_view(due.domain), static_cast<std::int64_t>(state), to_database(until), words,
       to_database(next)}));
}

Result<void> postpone(db::Connection& connection, const Due& due, SystemTime next, std::string_view words) {
  return done(connection.run(
      "UPDATE report_day SET due = $4, tries = tries + 1, words = $5 WHERE kind = $1 AND day = $2 AND domain = $3",
      {static_cast<std::int64_t>(due.kind), due.day, std::string_view(due.domain), to_database(next), words}));
}

std::vector<Received> received_of(const Report& report, const std::string& from) {
  std::vector<Received> all;
  if (const auto* aggregate = std::get_if<AggregateReport>(&report)) {
    all.push_back(dmarc_received(*aggregate));
  } else {
    const auto& tls = std::get<TlsReport>(report);
    const auto seconds = [](SystemTime time) {
      return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    };
    for (const auto& policy : tls.policies) {
      auto place = std::ranges::find(all, policy.domain, &Received::domain);
      if (place == all.end()) {
        all.push_back({.kind = Kind::tls,
                       .domain = policy.domain,
                       .organization = tls.organization,
                       .email = tls.contact,
                       .report_id = tls.report_id,
                       .begin = seconds(tls.begin),
                       .end = seconds(tls.end),
                       .from = {},
                       .policy = {},
                       .rows = {}});
        place = all.end() - 1;
      }
      json::array lines;
      for (const auto& line : policy.lines) lines.push_back(json::string(line));
      place->policy = json_text({{"policy-type", policy.type}, {"policy-string", std::move(lines)}});
      std::uint64_t told = 0;
      for (const auto& detail : policy.details) {
        told += detail.sessions;
        place->rows.push_back({.source = detail.receiving_host,
                               .count = static_cast<std::int64_t>(detail.sessions),
                               .passed = false,
                               .result = detail.result_type,
                               .facts = json_text({{"policy-type", policy.type},
                                                   {"result-type", detail.result_type},
                                                   {"receiving-mx-hostname", detail.receiving_host},
                                                   {"receiving-ip", detail.receiving_ip},
                                                   {"sending-mta-ip", detail.sending_ip},
                                                   {"failure-reason-code", detail.reason},
                                                   {"additional-information", detail.information}})});
      }
      // Failures that no detail tells of.
      if (policy.failures > told) {
        place->rows.push_back({.source = {},
                               .count = static_cast<std::int64_t>(policy.failures - told),
                               .passed = false,
                               .result = "unspecified",
                               .facts = json_text({{"policy-type", policy.type}})});
      }
      place->rows.push_back({.source = {},
                             .count = static_cast<std::int64_t>(policy.successes),
                             .passed = true,
                             .result = "",
                             .facts = json_text({{"policy-type", policy.type}})});
    }
  }
  for (auto& one : all) one.from = from;
  return all;
}

std::string id_of(const Received& received) {
  return digest_of({name_of(received.kind), received.domain, received.organization, received.email, received.report_id,
                    std::to_string(received.begin), std::to_string(received.end), received.from});
}

Result<bool> is_known(db::Connection& connection, const Received& received) {
  const auto id = id_of(received);
  const auto found =
      connection.number("SELECT 1 FROM report_received WHERE id = $1 AND number_of_rows >= 0", {db::Octets{id}});
  if (!found) return pass(found);
  return found->has_value();
}

Result<void> add_received(db::Connection& connection, const Received& received, SystemTime arrived, std::size_t first,
                          std::size_t at_most) {
  const auto id = id_of(received);
  const std::size_t last = std::min(received.rows.size(), first + at_most);
  const auto all = static_cast<std::int64_t>(received.rows.size());
  if (first == 0) {
    const auto put = connection.run(
        "INSERT INTO report_received (id, kind, domain, organization, email, report_id, begins, ends, arrived, sender, "
        "policy, number_of_rows) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO "
        "NOTHING",
        {db::Octets{id}, static_cast<std::int64_t>(received.kind), safe(received.domain), safe(received.organization),
         safe(received.email), safe(received.report_id), received.begin, received.end, to_database(arrived),
         safe(received.from), safe(received.policy), -all});
    if (!put) return pass(put);
  }
  for (std::size_t i = first; i < last; ++i) {
    const auto& row = received.rows[i];
    if (auto added = connection.run("INSERT INTO report_received_row (id, number, source, count, passed, result, "
                                    "facts) VALUES ($1, $2, $3, $4, "
                                    "$5, $6, $7) ON CONFLICT (id, number) DO NOTHING",
                                    {db::Octets{id}, static_cast<std::int64_t>(i), safe(row.source), row.count,
                                     std::int64_t{row.passed ? 1 : 0}, safe(row.result), safe(row.facts)});
        !added) {
      return pass(added);
    }
  }
  if (last < received.rows.size()) return {};
  return done(connection.run("UPDATE report_received SET number_of_rows = $2 WHERE id = $1", {db::Octets{id}, all}));
}

Result<RowsCame> rows_since(db::Connection& connection, SystemTime time, const Received& received) {
  RowsCame came;
  const auto id = id_of(received);
  const auto all = connection.number(
      "SELECT CAST(coalesce(sum(abs(number_of_rows)), 0) AS BIGINT) FROM report_received WHERE arrived >= $1 AND id <> "
      "$2",
      {to_database(time), db::Octets{id}});
  if (!all) return pass(all);
  came.all = all->value_or(0);
  const auto of_sender = connection.number(
      "SELECT CAST(coalesce(sum(abs(number_of_rows)), 0) AS BIGINT) FROM report_received WHERE arrived >= $1 AND id <> "
      "$2 AND sender = $3",
      {to_database(time), db::Octets{id}, safe(received.from)});
  if (!of_sender) return pass(of_sender);
  came.of_sender = of_sender->value_or(0);
  return came;
}

Result<bool> forget(db::Connection& connection, std::int64_t day, SystemTime time) {
  struct Day {
    std::int64_t kind;
    std::int64_t day;
    std::string domain;
  };
  std::vector<Day> days;
  {
    auto rows =
        connection.query("SELECT kind, day, domain FROM report_day WHERE day < $1 LIMIT $2", {day, kForgottenAtOnce});
    if (!rows) return pass(rows);
    while (true) {
      const auto more = rows->next();
      if (!more) return pass(more);
      if (!*more) break;
      days.push_back({.kind = rows->integer(0), .day = rows->integer(1), .domain = std::string(rows->text(2))});
    }
  }
  for (const auto& old : days) {
    for (const auto* sql : {"DELETE FROM report_outcome WHERE kind = $1 AND day = $2 AND domain = $3",
                            "DELETE FROM report_day WHERE kind = $1 AND day = $2 AND domain = $3"}) {
      if (auto gone = connection.run(sql, {old.kind, old.day, std::string_view(old.domain)}); !gone) return pass(gone);
    }
  }
  std::vector<std::string> ids;
  {
    auto rows = connection.query("SELECT id FROM report_received WHERE arrived < $1 LIMIT $2",
                                 {to_database(time), kForgottenAtOnce});
    if (!rows) return pass(rows);
    while (true) {
      const auto more = rows->next();
      if (!more) return pass(more);
      if (!*more) break;
      ids.emplace_back(rows->octets(0));
    }
  }
  for (const auto& id : ids) {
    for (const auto* sql :
         {"DELETE FROM report_received_row WHERE id = $1", "DELETE FROM report_received WHERE id = $1"}) {
      if (auto gone = connection.run(sql, {db::Octets{id}}); !gone) return pass(gone);
    }
  }
  return static_cast<std::int64_t>(days.size()) == kForgottenAtOnce ||
         static_cast<std::int64_t>(ids.size()) == kForgottenAtOnce;
}

}  // namespace pabal::reports::rows
