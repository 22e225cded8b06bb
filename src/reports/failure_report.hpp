// Failure reports: one letter that failed, told to the domain that its author's address is of (RFC 7489 §7.3), in the
// form of RFC 6591. Who gets one is whoever the domain names, which may be the spammer's own: so nothing in it tells of
// our people. No text, no subject, no recipients, no way that the letter took; what is left of addresses is their
// domains, and a number in place of each local part, the same for the same (RFC 6590).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "reports/outcomes.hpp"
#include "reports/report_letter.hpp"

namespace pabal::reports {

/// What is to be told of the letter by the options that its domain has set (fo=): "dmarc", "signature", "spf" (RFC 6591
/// §3.3); nothing where it doesn't want to hear of it, or where the DNS might have said otherwise.
[[nodiscard]] std::optional<std::string_view> failure_to_tell(const JudgedLetter& letter);

/// Whether the letter is a report, a notice or another that a machine wrote: they are never answered, whatever they
/// say.
[[nodiscard]] bool is_from_machine(std::string_view header);

/// `key` makes the numbers in place of local parts, and is nobody else's: who knows it can try names.
struct Redaction {
  std::string key;
};
/// Every address in a text, its local part made a number. What is behind 4,000 octets is cut off.
[[nodiscard]] std::string redacted(std::string_view text, const Redaction& redaction);
/// What may be told of a header section: From, Sender, Date, Message-ID, and of signatures what says how they were
/// made.
[[nodiscard]] std::string redacted_header(std::string_view header, const Redaction& redaction);

/// The whole letter, with CRLF. Errors: those of the writing.
[[nodiscard]] Result<std::string> write_failure_letter(const Reporter& reporter, const JudgedLetter& letter,
                                                       std::string_view failure, const ReportLetter& to,
                                                       const Redaction& redaction, Random& random);

}  // namespace pabal::reports
