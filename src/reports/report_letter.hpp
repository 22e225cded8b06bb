// The letters that carry reports: DMARC's (RFC 7489 §7.2.1.1) and TLS' (RFC 8460 §5.3).
#pragma once
#include <string>
#include <string_view>

#include "address/email_address.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "reports/aggregate.hpp"
#include "reports/tls_report.hpp"

namespace pabal::reports {

/// Who sends reports, as they say it themselves.
struct Reporter {
  EmailAddress address;      ///< From, and the contact
  std::string organization;  ///< of a person's reading
  std::string contact;       ///< more of it: a URL; may be empty
  std::string hostname;      ///< for the Message-ID
};

/// What travels: the packed report, and the name of its file.
struct PackedReport {
  std::string file_name;  ///< "seoul.example!busan.example!1795305600!1795391999.xml.gz"
  std::string octets;
};
[[nodiscard]] PackedReport pack(const AggregateReport& report, const Domain& submitter);
[[nodiscard]] PackedReport pack(const TlsReport& report, std::string_view domain, const Domain& submitter);

struct ReportLetter {
  std::string report_domain;  ///< of which it is
  std::string report_id;
  EmailAddress to;
  SystemTime now;
};
/// The whole letter, with CRLF. Errors: those of the writing.
[[nodiscard]] Result<std::string> write_dmarc_letter(const Reporter& reporter, const ReportLetter& letter,
                                                     const PackedReport& report, Random& random);
[[nodiscard]] Result<std::string> write_tls_letter(const Reporter& reporter, const ReportLetter& letter,
                                                   const PackedReport& report, Random& random);

}  // namespace pabal::reports
