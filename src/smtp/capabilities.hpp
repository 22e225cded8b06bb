// Capabilities: what a server offers in its answer to EHLO or LHLO (RFC 5321 §4.1.1.1), as its client reads it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/client_reply.hpp"

namespace pabal::smtp {

struct Capabilities {
  std::string name;                     ///< as the server calls itself; may be empty or nonsense
  bool extended = false;                ///< EHLO or LHLO was answered; false: HELO
  bool pipelining = false;              ///< RFC 2920
  bool eight_bit_mime = false;          ///< RFC 6152
  bool chunking = false;                ///< RFC 3030
  bool binary_mime = false;             ///< RFC 3030
  bool smtputf8 = false;                ///< RFC 6531
  bool dsn = false;                     ///< RFC 3461
  bool require_tls = false;             ///< RFC 8689
  bool starttls = false;                ///< RFC 3207
  bool enhanced_status_codes = false;   ///< RFC 2034
  bool priority = false;                ///< MT-PRIORITY, RFC 6710
  bool size = false;                    ///< RFC 1870
  std::uint64_t max_size = 0;           ///< the most octets of a letter; 0: no limit is said
  bool deliver_by = false;              ///< RFC 2852
  std::uint64_t min_by_time = 0;        ///< the shortest by-time that it takes, in seconds
  bool future_release = false;          ///< RFC 4865
  std::uint64_t rcpt_max = 0;           ///< LIMITS (RFC 9422): recipients a transaction; 0: not said
  std::uint64_t mail_max = 0;           ///< transactions a connection; 0: not said
  std::uint64_t rcpt_domain_max = 0;    ///< domains of recipients a transaction; 0: not said
  std::vector<std::string> mechanisms;  ///< of AUTH (RFC 4954), in capitals, each once

  [[nodiscard]] bool has_mechanism(std::string_view wanted) const noexcept;
  /// "PIPELINING SIZE=1000 …", for the trace.
  [[nodiscard]] std::string text() const;
};

/// Reads a positive reply to EHLO or LHLO. Whatever is malformed is as if it wasn't there; of what is said twice the
/// first counts. `AUTH=PLAIN`, an old form, is read like `AUTH PLAIN`.
[[nodiscard]] Capabilities parse_capabilities(const ClientReply& reply);

}  // namespace pabal::smtp
