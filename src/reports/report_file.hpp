// Reports as they come: letters with attachments, archives, or bare XML and JSON. Whatever it is, it is found out here.
#pragma once
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "reports/aggregate.hpp"
#include "reports/tls_report.hpp"
#include "reports/unpack.hpp"

namespace pabal::reports {

using Report = std::variant<AggregateReport, TlsReport>;

struct ReportFile {
  std::vector<Report> reports;
  std::vector<std::string> refused;  ///< what looked like one and is none, and why: "report.xml.gz: …"
  /// Of a letter: the From field's domain, A-labels; empty where there is none, or several.
  std::string from;
};

/// Any octets. At most 16 attachments of a letter are looked at. All bounds of unpack() and of the readers hold, and
/// those of what comes out (octets, files, records, policies, details) for the whole letter: many attachments may take
/// no more than one. Blocking and up to a second of work: on a pool. Error (`not_found`): nothing in it even looks like
/// a report.
[[nodiscard]] Result<ReportFile> read_report_file(std::string_view octets, const UnpackLimits& limits = {});

/// ReportFile::from alone, without unpacking anything.
[[nodiscard]] std::string report_sender(std::string_view octets);

}  // namespace pabal::reports
