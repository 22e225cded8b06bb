// What other servers send back: bounces by RFC 3464, complaints by RFC 5965, and the many older and private forms,
// which a table of rules recognises (bounce_rules.cpp). Says which recipient, and why, in our own words.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message/mime.hpp"

namespace pabal::message {

enum class BounceKind : std::uint8_t {
  failure,
  delay,      ///< still being tried
  success,    ///< a report that all is well
  complaint,  ///< a feedback report
  auto_reply  ///< somebody's machine answers; nothing is wrong
};

enum class BounceReason : std::uint8_t {
  unknown,
  unknown_user,
  mailbox_full,
  mailbox_disabled,
  host_unknown,    ///< no such domain, no MX
  unreachable,     ///< no connection, time-outs
  expired,         ///< tried for too long
  spam,            ///< for what the message holds
  blocked,         ///< for where it came from, or by a rule
  authentication,  ///< SPF, DKIM, DMARC, reverse DNS
  too_big,
  rate_limited,
  relay_denied,
  loop,
  virus,
  malformed,  ///< syntax, protocol, line lengths
  system,     ///< the other server's own trouble
};

[[nodiscard]] std::string_view name_of(BounceKind kind) noexcept;
[[nodiscard]] std::string_view name_of(BounceReason reason) noexcept;

struct BouncedRecipient {
  std::string address;  ///< as found, without brackets
  std::string status;   ///< "5.1.1"; empty where none was told
  int smtp_code = 0;    ///< 550; 0 where none was told
  BounceReason reason = BounceReason::unknown;
  std::string text;  ///< the other server's words, on one line, at most 1,000 octets
};

struct Bounce {
  std::string rule;  ///< which form: "rfc3464", "rfc5965", or a name of the table
  BounceKind kind = BounceKind::failure;
  std::vector<BouncedRecipient> recipients;  ///< may be empty: some don't say
};

/// Nothing where the message is no such thing. Any octets; time is linear in the size of header and texts, of which at
/// most 256 KiB are looked at.
[[nodiscard]] std::optional<Bounce> recognise_bounce(std::string_view message, const MimeTree& tree);

/// What words and codes of a refusal mean: phrases first, since they say more, then the status, then the SMTP code.
[[nodiscard]] BounceReason bounce_reason(std::string_view words, std::string_view status, int smtp_code);
/// The first enhanced status code (RFC 3463) in a text; empty where there is none.
[[nodiscard]] std::string find_status(std::string_view text);
/// The first SMTP reply code of class 4 or 5; 0 where there is none.
[[nodiscard]] int find_smtp_code(std::string_view text);

}  // namespace pabal::message
