// What the book has, for an operator: by domain, source and result, who reported, and how it goes from day to day.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/json.hpp"
#include "db/database.hpp"
#include "reports/outcome_key.hpp"

namespace pabal::reports {

struct SummaryFilter {
  Kind kind = Kind::dmarc;
  std::string domain;      ///< A-labels; empty: all
  std::int64_t since = 0;  ///< first day (day_of)
  std::size_t at_most = 50;
};

/// Of others' reports: {"view":"received","since":"2026-10-23","reports":N,"messages":N,"passed":N,
/// "domains":[{"domain","reports","messages","passed"}], "sources":[{"source","messages","passed"}],
/// "results":[{"result","messages"}], "reporters":[{"organization","reports","messages","passed"}],
/// "trend":[{"day","messages","passed"}]}; of TLS "messages" are sessions. Lists have the biggest first, the trend is
/// by day.
[[nodiscard]] Result<json::object> received_summary(db::Connection& connection, const SummaryFilter& filter);
/// The same of what we saw ourselves ("view":"seen"), and "days", what became of our reports: [{"day","domain","state",
/// "words"}], the latest first.
[[nodiscard]] Result<json::object> seen_summary(db::Connection& connection, const SummaryFilter& filter);

}  // namespace pabal::reports
