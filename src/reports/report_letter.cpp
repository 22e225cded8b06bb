#include "reports/report_letter.hpp"

#include <fmt/format.h>

#include "message/builder.hpp"
#include "message/content_source.hpp"
#include "reports/unpack.hpp"

namespace pabal::reports {
namespace {

using message::Entity;

std::int64_t seconds_of(SystemTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

/// RFC 7489 §7.2.1.1: "Report Domain: x Submitter: y Report-ID: <z>".
std::string subject_of(const Reporter& reporter, const ReportLetter& letter) {
  const auto* domain = reporter.address.domain();
  return fmt::format("Report Domain: {} Submitter: {} Report-ID: <{}>", letter.report_domain,
                     domain != nullptr ? domain->ascii() : reporter.hostname, letter.report_id);
}

Result<void> write_header(message::HeaderWriter& header, const Reporter& reporter, const ReportLetter& letter,
                          Random& random) {
  const auto done = [](Result<void> step, Result<void>& all) {
    if (all && !step) all = std::move(step);
  };
  Result<void> all;
  done(header.date("Date", letter.now), all);
  done(header.address("From", {.name = reporter.organization, .address = reporter.address}), all);
  done(header.address("To", {.name = {}, .address = letter.to}), all);
  done(header.text("Subject", subject_of(reporter, letter)), all);
  done(header.message_id("Message-ID", message::make_message_id(letter.now, random, reporter.hostname)), all);
  // RFC 3834: so that nobody's vacation answers it.
  done(header.structured("Auto-Submitted", "auto-generated"), all);
  return all;
}

}  // namespace

PackedReport pack(const AggregateReport& report, const Domain& submitter) {
  return {
      .file_name = fmt::format("{}!{}!{}!{}.xml.gz", submitter.ascii(), report.policy.domain, report.begin, report.end),
      .octets = gzip(write_aggregate(report))};
}

PackedReport pack(const TlsReport& report, std::string_view domain, const Domain& submitter) {
  return {.file_name = fmt::format("{}!{}!{}!{}.json.gz", submitter.ascii(), domain, seconds_of(report.begin),
                                   seconds_of(report.end)),
          .octets = gzip(write_tls_report(report))};
}

Result<std::string> write_dmarc_letter(const Reporter& reporter, const ReportLetter& letter, const PackedReport& report,
                                       Random& random) {
  message::OutgoingMessage out;
  if (auto written = write_header(out.header(), reporter, letter, random); !written) return pass(written);
  std::vector<Entity> parts;
  parts.push_back(Entity::text(
      fmt::format("This is a DMARC aggregate report (RFC 7489) of {} about mail whose From field names\n"
                  "{}. It was made by a machine for machines: the attached file is XML, packed with gzip.\n",
                  reporter.organization, letter.report_domain)));
  parts.push_back(Entity::attachment(report.file_name, "application/gzip", message::source_of(report.octets)));
  out.set_body(Entity::mixed(std::move(parts)));
  return out.text(random);
}

Result<std::string> write_tls_letter(const Reporter& reporter, const ReportLetter& letter, const PackedReport& report,
                                     Random& random) {
  message::OutgoingMessage out;
  auto& header = out.header();
  if (auto written = write_header(header, reporter, letter, random); !written) return pass(written);
  const auto* domain = reporter.address.domain();
  const std::string submitter = domain != nullptr ? domain->ascii() : reporter.hostname;
  if (auto written = header.structured("TLS-Report-Domain", letter.report_domain); !written) return pass(written);
  if (auto written = header.structured("TLS-Report-Submitter", submitter); !written) return pass(written);
  // RFC 8460 §5.3: it must get through where TLS is what is broken; RFC 8689 §5 has the field for it.
  if (auto written = header.structured("TLS-Required", "No"); !written) return pass(written);
  std::vector<Entity> parts;
  parts.push_back(Entity::text(
      fmt::format("This is a TLS report (RFC 8460) of {} about sessions with the mail hosts of\n"
                  "{}. It was made by a machine for machines: the attached file is JSON, packed with gzip.\n",
                  reporter.organization, letter.report_domain)));
  parts.push_back(Entity::attachment(report.file_name, "application/tlsrpt+gzip", message::source_of(report.octets)));
  auto body = Entity::multipart("report", std::move(parts));
  body.parameters.push_back({.name = "report-type", .value = "tlsrpt", .language = {}});
  out.set_body(std::move(body));
  return out.text(random);
}

}  // namespace pabal::reports
