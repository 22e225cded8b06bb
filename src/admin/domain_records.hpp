// The records that a domain needs in the DNS, and how they compare with what the DNS says. Pure functions: the facts
// in, records out; the answers in, a judgement out.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "account/domain_keys.hpp"
#include "admin/service.hpp"
#include "dns/resolver.hpp"

namespace pabal::admin {

enum class RecordPurpose : std::uint8_t { mx, spf, dkim, dmarc, dmarc_consent, tls_rpt, service, address };
/// "MX", "SPF", "DKIM", "DMARC", "DMARC consent", "TLS-RPT", "SRV", "address".
[[nodiscard]] std::string_view name_of(RecordPurpose purpose) noexcept;

struct WantedRecord {
  RecordPurpose purpose = RecordPurpose::mx;
  std::string name;  ///< with its last dot
  dns::Record record;
  std::string comment = {};                              ///< what it is for; of a key: where that is in its life
  std::optional<account::DomainKey> key = std::nullopt;  ///< of a DKIM record
};

/// In the order in which they are shown. Keys that were withdrawn have none.
[[nodiscard]] std::vector<WantedRecord> wanted_records(const Facts& facts, const Domain& domain,
                                                       const std::vector<account::DomainKey>& keys);
/// What only somebody else can do, in sentences.
[[nodiscard]] std::vector<std::string> record_notes(const Facts& facts, const Domain& domain,
                                                    const std::vector<account::DomainKey>& keys);

enum class RecordFound : std::uint8_t {
  there,
  missing,
  differs,  ///< there is another in its place
  unknown,  ///< the DNS didn't say
};
[[nodiscard]] std::string_view name_of(RecordFound found) noexcept;

struct RecordCheck {
  RecordFound found = RecordFound::unknown;
  std::vector<std::string> others = {};  ///< what stands there instead
  std::string why = {};                  ///< where it isn't known, or what is wrong
};

/// Compares as those do who use the record: a key by what it is (RFC 6376 §3.6.1), a policy (SPF, DMARC, TLS-RPT) by
/// whether there is exactly one; those of DMARC and TLS-RPT are read, and what is wrong in one is said.
[[nodiscard]] RecordCheck check_record(const WantedRecord& wanted, const dns::Answer& answer);

}  // namespace pabal::admin
