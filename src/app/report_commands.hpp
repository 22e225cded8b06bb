// The commands about reports that work on the data alone, whether or not a server runs.
#pragma once
#include <optional>

#include "base/error.hpp"
#include "base/json.hpp"
#include "reports/book.hpp"

namespace pabal::app {

/// "dmarc report" and "tlsrpt report", with members domain, days and seen (true: what we saw ourselves). Nothing where
/// the request is another. Blocking.
[[nodiscard]] std::optional<Result<json::value>> execute_report(reports::Book& book, const json::object& request);

}  // namespace pabal::app
