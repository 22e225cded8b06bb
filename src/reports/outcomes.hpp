// What a letter's check leaves for the reports: the facts that a row of a DMARC aggregate report is made of (RFC 7489
// §7.2, appendix C; RFC 9990). Who judges letters calls note() once for each; who counts them stands behind the
// interface (reports::Book).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace pabal::reports {

enum class Disposition : std::uint8_t { none, quarantine, reject };
/// "none", "quarantine", "reject".
[[nodiscard]] std::string_view name_of(Disposition disposition) noexcept;

/// The policy as it was published, values as in the record; what is empty wasn't there. Domains in A-labels.
struct PublishedPolicy {
  std::string domain;  ///< at which the record was found
  std::string p;
  std::string sp;
  std::string np;
  std::string adkim;      ///< "r", "s"
  std::string aspf;       ///< "r", "s"
  std::string pct;        ///< of RFC 7489
  std::string t;          ///< of its successor: "y", "n"
  std::string fo;         ///< "0", "1:d:s"
  std::string discovery;  ///< "psl" or "treewalk"
  std::string rua;        ///< the tag's value
  std::string ruf;
  friend auto operator<=>(const PublishedPolicy&, const PublishedPolicy&) = default;
};

/// A DKIM signature's result, in the words of RFC 8601: "pass", "fail", "temperror"…
struct JudgedDkim {
  std::string domain;
  std::string selector;
  std::string result;
  std::string human;  ///< what else there is to say; may be empty
  friend auto operator<=>(const JudgedDkim&, const JudgedDkim&) = default;
};

struct JudgedSpf {
  std::string domain;
  bool helo = false;  ///< scope helo; else mfrom
  std::string result;
  std::string record = {};  ///< as published; only where wants_header() said so
  friend auto operator<=>(const JudgedSpf&, const JudgedSpf&) = default;
};

/// Why something else was done than the policy asks: "forwarded", "sampled_out", "trusted_forwarder", "mailing_list",
/// "local_policy", "policy_test_mode", "other".
struct OverrideReason {
  std::string type;
  std::string comment;
  friend auto operator<=>(const OverrideReason&, const OverrideReason&) = default;
};

/// One letter whose From domain has a DMARC policy, as it was judged.
struct JudgedLetter {
  SystemTime time;
  std::string source_ip;      ///< "192.0.2.1", "2001:db8::1"
  std::string header_from;    ///< the From field's domain
  std::string envelope_from;  ///< the reverse-path's domain; empty for the null one
  PublishedPolicy policy;
  Disposition disposition = Disposition::none;  ///< what was done
  bool dkim_aligned = false;                    ///< an aligned signature passed
  bool spf_aligned = false;                     ///< SPF passed for an aligned domain
  std::vector<OverrideReason> reasons = {};
  std::vector<JudgedDkim> dkim = {};  ///< all signatures, whatever they say; at most 20 count
  std::vector<JudgedSpf> spf = {};    ///< at least one
  /// To whom it goes, as addresses. Letters to our own report addresses alone are counted apart: they are reports
  /// themselves, and would have reports go round in circles.
  std::vector<std::string> recipients = {};
  /// For a failure report (RFC 6591): the header section, and the letter's Authentication-Results without the field's
  /// name. Only where wants_header() said so; else empty.
  std::string header = {};
  std::string authentication_results = {};
};

/// Where judged letters are noted. Any thread.
class Outcomes {
 public:
  virtual ~Outcomes() = default;
  /// Counts it; cheap, never waits for a disk.
  virtual void note(JudgedLetter letter) noexcept = 0;
  /// Whether a failure report may be sent of it, for which the letter's header is wanted (`header` aside all must be
  /// filled in).
  [[nodiscard]] virtual bool wants_header(const JudgedLetter& letter) const noexcept = 0;
};

}  // namespace pabal::reports
