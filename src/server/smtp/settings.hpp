// What an operator can set for smtp, submission and lmtp, with the defaults. The names are those of the settings file.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mailauth/letter_check.hpp"
#include "net/endpoint.hpp"
#include "smtp/verb.hpp"

namespace pabal::server::smtp {

using smtp_protocol = pabal::smtp::Protocol;

/// How letters of strangers are judged by who really sent them.
struct AuthSettings {
  bool enabled = true;
  bool received_spf = true;       ///< write Received-SPF beside Authentication-Results
  mailauth::CheckSettings check;  ///< with what follows from it
  /// Clients here are our own: their letters are not judged. None of a Unix socket's is.
  std::vector<net::Network> trusted_networks = {net::Network::parse("127.0.0.0/8").value(),
                                                net::Network::parse("::1/128").value()};
  std::vector<net::Network> allow_networks = {};  ///< judged, but never refused or set aside for it
  std::size_t refusal_traces = 2000;              ///< a day, of letters that are refused (delivery::Refusals)
};

/// For all listeners of the three protocols. RFC 5321 §4.5.3 names what a server must at least allow.
struct Settings {
  std::string hostname = "localhost";  ///< our name in the greeting, EHLO and Received
  std::string authserv_id = {};        ///< our name in Authentication-Results (RFC 8601 §2.5); empty: the hostname
  [[nodiscard]] const std::string& own_id() const noexcept { return authserv_id.empty() ? hostname : authserv_id; }

  // Sizes.
  std::uint64_t max_message_size = 50ULL << 20;  ///< announced in SIZE, enforced while reading (RFC 1870)
  std::size_t max_recipients = 1000;             ///< of one message; RFC 5321 §4.5.3.1.8: at least 100
  std::size_t max_mailboxes = 20'000;            ///< that the recipients of one message lead to, by aliases
  std::size_t max_command_line = 2048;           ///< octets with CRLF; RFC 5321 §4.5.3.1.4: at least 512
  std::size_t max_auth_line = 12'288;            ///< of an AUTH exchange; RFC 4954 §4
  std::size_t max_text_line = 998 + 2;           ///< octets with CRLF, where long_lines is off (RFC 5322 §2.1.1)
  bool long_lines = true;                        ///< accept text lines of any length, as relays do
  std::size_t max_header_size = 256UL << 10;
  std::size_t max_received_hops = 100;            ///< Received fields; more is a loop (RFC 5321 §6.3: at least 100)
  std::uint64_t max_discarded_data = 1ULL << 30;  ///< read and thrown away after a refusal before the connection is cut

  // Counts by session.
  std::size_t max_errors = 20;  ///< refused commands since the last accepted message; then 421
  std::size_t max_auth_failures = 5;
  std::size_t max_transactions = 1000;          ///< announced in LIMITS (RFC 9422)
  std::size_t max_commands_without_mail = 100;  ///< NOOP, RSET, EHLO and the like since the last MAIL; then 421

  // Times (RFC 5321 §4.5.3.2.7 and following).
  std::chrono::milliseconds command_timeout = std::chrono::minutes(5);
  std::chrono::milliseconds data_timeout = std::chrono::minutes(3);
  std::chrono::milliseconds max_session_time = std::chrono::hours(2);
  std::chrono::milliseconds greeting_delay{0};  ///< wait this long with the greeting; who talks before it is refused

  // How strict.
  bool require_hello = true;
  bool strict_pipelining = true;          ///< refuse who talks on after EHLO, AUTH or DATA without waiting
  bool spaces_after_colon = true;         ///< `MAIL FROM: <a@b>`
  bool missing_brackets = false;          ///< `MAIL FROM:a@b`
  bool normalise_bare_newlines = false;   ///< make CRLF of bare CRs and LFs in DATA instead of refusing them
  bool full_mailbox_is_temporary = true;  ///< 452 4.2.2 instead of 552 5.2.2
  bool binary_mime = true;                ///< BODY=BINARYMIME (RFC 3030)
  bool offer_auth_on_smtp = true;         ///< AUTH on port 25 too, once there is TLS
  bool check_sender_fields = true;        ///< submitters' From and Sender must be theirs

  // What is announced only once the parts behind it are there.
  bool dsn = true;
  bool relay = false;  ///< something carries letters elsewhere; with it DSN, DELIVERBY, MT-PRIORITY, FUTURERELEASE
  std::chrono::seconds max_hold = std::chrono::days(30);  ///< RFC 4865: how far ahead a submitter may date a letter
  bool require_tls_extension = false;

  AuthSettings auth = {};

  // By client address (IPv4 address, IPv6 /64); loopback, Unix sockets and rate_exempt are not counted.
  double messages_per_minute = 600;
  double recipients_per_minute = 6000;
  std::size_t rate_tracked_addresses = 16'384;
  std::vector<net::Network> rate_exempt = {};
};

/// One listener's own.
struct ListenerSettings {
  smtp_protocol protocol = smtp_protocol::smtp;
  bool starttls = false;              ///< offer STARTTLS
  bool require_tls = false;           ///< nothing goes before STARTTLS
  bool allow_plaintext_auth = false;  ///< passwords without TLS from anywhere; from loopback they always go
};

}  // namespace pabal::server::smtp
