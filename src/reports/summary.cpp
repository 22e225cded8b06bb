#include "reports/summary.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "codec/timestamp.hpp"
#include "reports/report_rows.hpp"

namespace pabal::reports {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kMostSeen = 500'000;  ///< rows that are looked at
constexpr std::size_t kMostKeys = 50'000;    ///< of one list, before the biggest are chosen

std::string date_of(std::int64_t day) {
  // The form has four digits for the year; a report may speak of any.
  if (day < 0 || day > 2'932'896) return "?";
  return codec::format_timestamp(begin_of(day)).substr(0, 10);
}

struct Sum {
  std::int64_t reports = 0;
  std::int64_t messages = 0;
  std::int64_t passed = 0;
};

json::object line_of(std::string_view name, const std::string& value, const Sum& sum, bool with_reports) {
  json::object line{{name, value}};
  if (with_reports) line["reports"] = sum.reports;
  line["messages"] = sum.messages;
  line["passed"] = sum.passed;
  return line;
}

/// Runs `sql`, whose columns are a key, the number of reports, messages, and those that passed.
Result<json::array> grouped(db::Connection& connection, const std::string& sql, const SummaryFilter& filter,
                            std::string_view name, bool with_reports, bool by_day = false) {
  auto rows = connection.query(sql, {static_cast<std::int64_t>(filter.kind), filter.since * kDaySeconds,
                                     std::string_view(filter.domain), static_cast<std::int64_t>(filter.at_most)});
  if (!rows) return pass(rows);
  json::array list;
  while (true) {
    const auto more = rows->next();
    if (!more) return pass(more);
    if (!*more) return list;
    const auto key = by_day ? date_of(rows->integer(0)) : std::string(rows->text(0));
    list.push_back(line_of(name, key,
                           {.reports = rows->integer(1), .messages = rows->integer(2), .passed = rows->integer(3)},
                           with_reports));
  }
}

std::string received_query(std::string_view key, std::string_view order) {
  return fmt::format(
      "SELECT {}, count(DISTINCT r.id), CAST(coalesce(sum(w.count), 0) AS BIGINT), "
      "CAST(coalesce(sum(w.count * w.passed), 0) AS BIGINT) FROM report_received r JOIN report_received_row w ON w.id "
      "= "
      "r.id AND r.number_of_rows >= 0 WHERE r.kind = $1 AND r.begins >= $2 AND ($3 = '' OR r.domain = $3) GROUP BY 1 "
      "ORDER BY {} LIMIT $4",
      key, order);
}

using Sums = std::map<std::string, Sum>;

void add(Sums& sums, const std::string& key, std::int64_t count, bool passed) {
  if (sums.size() >= kMostKeys && !sums.contains(key)) return;
  auto& sum = sums[key];
  sum.messages += count;
  if (passed) sum.passed += count;
}

json::array biggest(const Sums& sums, std::string_view name, std::size_t at_most) {
  std::vector<std::pair<std::string, Sum>> all(sums.begin(), sums.end());
  std::ranges::sort(all, [](const auto& a, const auto& b) {
    return a.second.messages != b.second.messages ? a.second.messages > b.second.messages : a.first < b.first;
  });
  if (all.size() > at_most) all.resize(at_most);
  json::array list;
  for (const auto& [key, sum] : all) list.push_back(line_of(name, key, sum, false));
  return list;
}

std::string_view state_word(std::int64_t state) {
  switch (static_cast<rows::DayState>(state)) {
    case rows::DayState::open:
      return "waits";
    case rows::DayState::told:
      return "told";
    case rows::DayState::nothing:
      return "nobody to tell";
  }
  return "?";
}

Result<json::array> told_days(db::Connection& connection, const SummaryFilter& filter) {
  auto rows = connection.query(
      "SELECT day, domain, state, words, dropped FROM report_day WHERE kind = $1 AND day >= $2 AND ($3 = '' OR domain "
      "= "
      "$3) ORDER BY day DESC, domain LIMIT $4",
      {static_cast<std::int64_t>(filter.kind), filter.since, std::string_view(filter.domain),
       static_cast<std::int64_t>(filter.at_most)});
  if (!rows) return pass(rows);
  json::array list;
  while (true) {
    const auto more = rows->next();
    if (!more) return pass(more);
    if (!*more) return list;
    list.push_back(json::object{{"day", date_of(rows->integer(0))},
                                {"domain", std::string(rows->text(1))},
                                {"state", state_word(rows->integer(2))},
                                {"words", std::string(rows->text(3))},
                                {"dropped", rows->integer(4)}});
  }
}

}  // namespace

Result<json::object> received_summary(db::Connection& connection, const SummaryFilter& filter) {
  json::object out{{"kind", name_of(filter.kind)}, {"view", "received"}, {"since", date_of(filter.since)}};
  const auto total = grouped(connection, received_query("''", "1"), filter, "all", true);
  if (!total) return pass(total);
  const Sum none;
  const auto all = total->empty() ? line_of("all", "", none, true) : total->front().get_object();
  for (const auto* name : {"reports", "messages", "passed"}) out[name] = all.at(name);
  struct List {
    const char* name;
    const char* key;
    const char* member;
    const char* order;
    bool reports;
  };
  for (const List list : {List{"domains", "r.domain", "domain", "3 DESC, 1", true},
                          List{"sources", "w.source", "source", "3 DESC, 1", false},
                          List{"results", "w.result", "result", "3 DESC, 1", false},
                          List{"reporters", "r.organization", "organization", "3 DESC, 1", true},
                          List{"senders", "r.sender", "sender", "3 DESC, 1", true},
                          List{"trend", "r.begins / 86400", "day", "1", false}}) {
    SummaryFilter own = filter;
    if (std::string_view(list.name) == "trend") own.at_most = 1000;
    auto found = grouped(connection, received_query(list.key, list.order), own, list.member, list.reports,
                         std::string_view(list.name) == "trend");
    if (!found) return pass(found);
    out[list.name] = *std::move(found);
  }
  return out;
}

Result<json::object> seen_summary(db::Connection& connection, const SummaryFilter& filter) {
  Sum total;
  Sums domains;
  Sums sources;
  Sums results;
  Sums trend;
  {
    auto rows = connection.query(
        "SELECT day, domain, facts, count FROM report_outcome WHERE kind = $1 AND day >= $2 AND ($3 = '' OR domain = "
        "$3) "
        "LIMIT $4",
        {static_cast<std::int64_t>(filter.kind), filter.since, std::string_view(filter.domain), kMostSeen});
    if (!rows) return pass(rows);
    while (true) {
      const auto more = rows->next();
      if (!more) return pass(more);
      if (!*more) break;
      const auto count = rows->integer(3);
      std::string source;
      std::string result;
      bool passed = false;
      if (filter.kind == Kind::dmarc) {
        const auto record = dmarc_record_of(rows->text(2));
        if (!record) continue;
        source = record->source_ip;
        result = record->dkim && record->spf ? "dkim+spf" : record->dkim ? "dkim" : record->spf ? "spf" : "none";
        passed = record->dkim || record->spf;
      } else {
        const auto detail = tls_detail_of(rows->text(2));
        if (!detail) continue;
        source = detail->receiving_host;
        result = detail->result_type;
        passed = result.empty();
      }
      total.messages += count;
      if (passed) total.passed += count;
      add(domains, std::string(rows->text(1)), count, passed);
      add(sources, source, count, passed);
      add(results, result, count, passed);
      add(trend, date_of(rows->integer(0)), count, passed);
    }
  }
  auto days = told_days(connection, filter);
  if (!days) return pass(days);
  json::array by_day;
  for (const auto& [day, sum] : trend) by_day.push_back(line_of("day", day, sum, false));
  return json::object{{"kind", name_of(filter.kind)},
                      {"view", "seen"},
                      {"since", date_of(filter.since)},
                      {"messages", total.messages},
                      {"passed", total.passed},
                      {"domains", biggest(domains, "domain", filter.at_most)},
                      {"sources", biggest(sources, "source", filter.at_most)},
                      {"results", biggest(results, "result", filter.at_most)},
                      {"trend", std::move(by_day)},
                      {"days", *std::move(days)}};
}

}  // namespace pabal::reports
