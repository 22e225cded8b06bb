#include "app/report_commands.hpp"

#include "address/domain.hpp"
#include "base/text.hpp"
#include "reports/summary.hpp"

namespace pabal::app {
namespace {

constexpr std::int64_t kMostDays = 10'000;

Result<reports::SummaryFilter> filter_of(const json::object& request, reports::Kind kind, std::int64_t today) {
  reports::SummaryFilter filter;
  filter.kind = kind;
  std::int64_t days = 30;
  if (const auto* value = request.if_contains("days")) {
    if (!value->is_int64() || value->get_int64() < 1 || value->get_int64() > kMostDays) {
      return fail(ErrorKind::syntax, fmt::format("days: expected a number from 1 to {}", kMostDays));
    }
    days = value->get_int64();
  }
  filter.since = today - days + 1;
  if (const auto* value = request.if_contains("domain")) {
    if (!value->is_string()) return fail(ErrorKind::syntax, "domain: expected text");
    const std::string_view text(value->get_string().data(), value->get_string().size());
    const auto domain = Domain::parse(text);
    if (!domain) return fail(ErrorKind::syntax, fmt::format("{}: not a domain", printable(text)));
    filter.domain = domain->ascii();
  }
  return filter;
}

}  // namespace

std::optional<Result<json::value>> execute_report(reports::Book& book, const json::object& request) {
  const auto* command = request.if_contains("command");
  if (command == nullptr || !command->is_string()) return std::nullopt;
  const bool dmarc = command->get_string() == "dmarc report";
  if (!dmarc && command->get_string() != "tlsrpt report") return std::nullopt;
  const auto filter =
      filter_of(request, dmarc ? reports::Kind::dmarc : reports::Kind::tls, reports::day_of(book.clock().now()));
  if (!filter) return Result<json::value>(pass(filter));
  const auto* seen = request.if_contains("seen");
  const bool ours = seen != nullptr && seen->is_bool() && seen->get_bool();
  if (ours) {
    if (auto written = book.flush(); !written) return Result<json::value>(pass(written));
  }
  auto summary = book.readers().read([&](db::Connection& connection) {
    return ours ? reports::seen_summary(connection, *filter) : reports::received_summary(connection, *filter);
  });
  if (!summary) return Result<json::value>(pass(summary));
  return Result<json::value>(json::value(*std::move(summary)));
}

}  // namespace pabal::app
