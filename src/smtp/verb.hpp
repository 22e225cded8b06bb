// The commands of SMTP, submission and LMTP by name, and when each may be given. Pure: tested as a table.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "smtp/reply.hpp"

namespace pabal::smtp {

enum class Protocol : std::uint8_t { smtp, submission, lmtp };

enum class Verb : std::uint8_t {
  helo,
  ehlo,
  lhlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  quit,
  vrfy,
  help,
  starttls,
  auth,
  expn,  ///< this and those below are known and not done
  etrn,
  atrn,
  turn,
  send,
  soml,
  saml,
  burl,
};

/// The table of commands.
struct VerbFacts {
  Verb verb;
  std::string_view name;
  bool done;          ///< false: 502
  bool before_hello;  ///< may be given before HELO, EHLO or LHLO
  bool before_tls;    ///< may be given where TLS is demanded and not there yet (RFC 3207 §4)
  bool before_auth;   ///< may be given on a submission port before authentication (RFC 6409 §4.3)
  bool ends_group;    ///< must be the last of a pipelined group (RFC 2920 §3.1)
};
[[nodiscard]] const VerbFacts& facts_of(Verb verb) noexcept;
/// By name, in any case.
[[nodiscard]] std::optional<Verb> find_verb(std::string_view name) noexcept;

/// How far a session has come.
enum class Stage : std::uint8_t {
  connected,  ///< no HELO, EHLO or LHLO yet
  greeted,
  sender,      ///< MAIL was accepted
  recipients,  ///< so was at least one RCPT
  chunks,      ///< a BDAT was accepted, and it was not the last
  broken,      ///< a BDAT failed: only RSET, EHLO or QUIT lead out (RFC 3030 §2)
};

/// All that a decision about a command depends on.
struct Situation {
  Protocol protocol = Protocol::smtp;
  Stage stage = Stage::connected;
  bool tls = false;
  bool tls_possible = false;   ///< STARTTLS would work
  bool tls_demanded = false;   ///< nothing but STARTTLS goes without TLS
  bool auth_offered = false;   ///< at least one mechanism would work on this connection
  bool auth_demanded = false;  ///< no transaction without authentication
  bool authenticated = false;
  bool hello_demanded = true;
  bool recipients_refused = false;  ///< every RCPT of this transaction was refused, and there was one
  bool binary = false;              ///< MAIL had BODY=BINARYMIME
};

/// Whether the command may be given now; the refusal otherwise.
[[nodiscard]] std::expected<void, Reply> may(Verb verb, const Situation& now);

}  // namespace pabal::smtp
