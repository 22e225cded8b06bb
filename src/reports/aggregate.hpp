// DMARC aggregate reports (RFC 7489 §7.2 and appendix C, RFC 9990): as a value, written as XML that keeps to the
// schema, read from whatever the world calls by that name, and shown as JSON.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "reports/outcomes.hpp"

namespace pabal::reports {

struct AggregateRecord {
  std::string source_ip;
  std::uint64_t count = 0;
  std::string disposition;  ///< "none", "quarantine", "reject"; of others' reports any word
  bool dkim = false;        ///< passed and aligned
  bool spf = false;
  std::vector<OverrideReason> reasons;
  std::string envelope_to;
  std::string envelope_from;
  std::string header_from;
  std::vector<JudgedDkim> dkim_results;
  std::vector<JudgedSpf> spf_results;
};

struct AggregateReport {
  std::string version;
  std::string org_name;
  std::string email;
  std::string extra_contact_info;
  std::string report_id;
  std::int64_t begin = 0;  ///< seconds since 1970
  std::int64_t end = 0;
  std::vector<std::string> errors;
  PublishedPolicy policy;
  std::vector<AggregateRecord> records;
};

/// By the schema of RFC 9990 (which drops `pct` and `version` of RFC 7489's and else is the same), without a namespace
/// as all the world sends it: the elements in its order, IPv6 addresses in full, words that it doesn't know as the
/// nearest that it does. Text that XML can't carry is left out.
[[nodiscard]] std::string write_aggregate(const AggregateReport& report);

struct AggregateLimits {
  std::size_t octets = std::size_t{32} << 20;
  std::size_t records = 100'000;  ///< more don't fit into so many octets, as they are ordinarily written
  std::size_t marks = 4'000'000;  ///< '<' in the text, which bounds the tree's memory: 40 for each record
  int depth = 16;
};

/// Reads one, by the names of its elements in any order, with or without a namespace; what the schema doesn't know is
/// skipped. Encodings other than UTF-8 are converted. Errors, with words for an operator: syntax (no XML, or no such
/// report: no reporter, policy domain, or time), policy (a document type declaration, which no report needs and attacks
/// are made of), limit.
[[nodiscard]] Result<AggregateReport> read_aggregate(std::string_view xml, const AggregateLimits& limits = {});

[[nodiscard]] json::object to_json(const AggregateReport& report);
[[nodiscard]] json::object to_json(const AggregateRecord& record);
[[nodiscard]] json::object to_json(const PublishedPolicy& policy);

}  // namespace pabal::reports
