// The header fields that say what was found out: Authentication-Results (RFC 8601) and Received-SPF (RFC 7208 §9.1).
// Values of strangers stand in them, so that each is quoted where it must be, cleaned of controls and cut where it is
// long. message::parse_authentication_results reads what is written here as it was meant.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "mailauth/arc.hpp"
#include "mailauth/dkim.hpp"
#include "mailauth/dmarc.hpp"
#include "mailauth/iprev.hpp"
#include "mailauth/spf.hpp"
#include "message/trace_fields.hpp"

namespace pabal::mailauth {

/// The field's whole lines, `Authentication-Results: mx.example; spf=pass …`, folded, with the last CRLF. Without
/// results it says `none`. `authserv_id` is our own name. Bounded: at most 100 results with 20 properties each, values
/// of at most 256 octets; what is more is left out or cut.
[[nodiscard]] std::string authentication_results_field(std::string_view authserv_id,
                                                       std::span<const message::AuthenticationResult> results);
/// What stands behind the colon, on one line without folding: what ARC-Authentication-Results has after `i=N; `.
[[nodiscard]] std::string authentication_results_text(std::string_view authserv_id,
                                                      std::span<const message::AuthenticationResult> results);

// The results of each method, with the properties of RFC 8601 §2.7 and the registry.

/// spf=… smtp.mailfrom=… or smtp.helo=….
[[nodiscard]] message::AuthenticationResult result_of(const SpfOutcome& outcome);
/// iprev=… policy.iprev=….
[[nodiscard]] message::AuthenticationResult result_of(const IprevOutcome& outcome);
/// dmarc=… header.from=… policy.dmarc=….
[[nodiscard]] message::AuthenticationResult result_of(const DmarcOutcome& outcome);
/// dkim=… header.d=… header.i=… header.s=… header.a=… header.b=…, as many as there are of them: one for each signature.
[[nodiscard]] message::AuthenticationResult result_of(const DkimOutcome& outcome);
/// arc=… header.oldest-pass=… smtp.remote-ip=… (RFC 8617 §10.2); `client` is who gave us the letter.
[[nodiscard]] message::AuthenticationResult result_of(const ArcOutcome& outcome, const IpAddress& client);
/// auth=pass smtp.auth=… (RFC 8601 §2.7.4): who logged in.
[[nodiscard]] message::AuthenticationResult authenticated(std::string_view user);

/// `Received-SPF: pass (mx.example: …) client-ip=…; envelope-from=…; helo=…; …`, folded, with the last CRLF.
[[nodiscard]] std::string received_spf_field(const SpfOutcome& outcome, const SpfQuery& query);

}  // namespace pabal::mailauth
