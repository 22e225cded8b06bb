// The Received field that we put before every message (RFC 5321 §4.4).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "address/email_address.hpp"
#include "base/clock.hpp"
#include "smtp/verb.hpp"

namespace pabal::smtp {

/// The name of the protocol for the `with` clause: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA, LMTP… (RFC 3848), UTF8SMTP…
/// (RFC 6531 §4.3) where the transaction asked for SMTPUTF8. Static lifetime.
[[nodiscard]] std::string_view protocol_name(Protocol protocol, bool extended, bool tls, bool authenticated,
                                             bool utf8) noexcept;

struct ReceivedFacts {
  std::string_view helo = {};    ///< as the client named itself; empty if it did not
  std::string_view client = {};  ///< IP address as text; empty for a Unix socket
  bool client_is_v6 = false;
  std::string_view host = {};         ///< our name
  std::string_view protocol = {};     ///< protocol_name()
  std::string_view tls_version = {};  ///< "TLSv1.3"; empty without TLS
  std::string_view tls_cipher = {};
  std::string_view id = {};                 ///< the letter's id
  const EmailAddress* recipient = nullptr;  ///< only where there is exactly one, else a Bcc would show
  bool utf8 = false;                        ///< the field may hold UTF-8 (RFC 6531 §3.7.3)
  SystemTime time = {};
};

/// The whole field with its CRLF. What the client said of itself is put into a form that can't be mistaken for anything
/// that we say: a name that is no domain and no address literal stands in a comment, with all but letters, digits and a
/// few marks replaced.
[[nodiscard]] std::string received_field(const ReceivedFacts& facts);

}  // namespace pabal::smtp
