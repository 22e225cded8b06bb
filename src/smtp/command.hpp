// The command lines of SMTP, submission and LMTP: RFC 5321 §4.1 and the parameters of the extensions (SIZE 1870,
// 8BITMIME 6152, CHUNKING and BINARYMIME 3030, SMTPUTF8 6531, AUTH 4954, DSN 3461, REQUIRETLS 8689, MT-PRIORITY 6710,
// FUTURERELEASE 4865, DELIVERBY 2852),
// parsed into values that own their text.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "address/email_address.hpp"
#include "base/clock.hpp"
#include "smtp/reply.hpp"
#include "smtp/verb.hpp"

namespace pabal::smtp {

/// HELO, EHLO or LHLO. The name is a domain, an address literal with its brackets, or whatever of printable characters
/// the peer takes for its name: many send underscores or a bare host name, and none of it is proof of anything.
struct Hello {
  Verb verb = Verb::ehlo;
  std::string name = {};
};

enum class Body : std::uint8_t { seven_bit, eight_bit_mime, binary_mime };

/// RFC 2852 §4: `BY=120;RT`.
struct By {
  std::chrono::seconds time{0};
  bool returns = false;  ///< mode R, else N
  bool traced = false;   ///< T
};

struct Mail {
  std::optional<EmailAddress> sender = std::nullopt;  ///< nothing: the null reverse-path
  std::optional<std::uint64_t> size = std::nullopt;   ///< SIZE, in octets
  Body body = Body::seven_bit;
  bool smtputf8 = false;
  bool require_tls = false;
  std::optional<int> priority = std::nullopt;                   ///< MT-PRIORITY, -9 to 9
  std::optional<std::chrono::seconds> hold_for = std::nullopt;  ///< HOLDFOR (RFC 4865); never with hold_until
  std::optional<SystemTime> hold_until = std::nullopt;          ///< HOLDUNTIL
  std::optional<By> by = std::nullopt;                          ///< BY (RFC 2852)
  std::string auth = {};   ///< AUTH, decoded: a mailbox or "<>"; kept for nobody yet
  std::string ret = {};    ///< RET, "FULL" or "HDRS"
  std::string envid = {};  ///< ENVID, decoded
};

struct Rcpt {
  std::optional<EmailAddress> recipient = std::nullopt;  ///< nothing: <postmaster> without a domain
  std::string notify = {};                               ///< NOTIFY as given
  std::string orcpt = {};                                ///< ORCPT "type;address", decoded
};

struct Bdat {
  std::uint64_t size = 0;
  bool last = false;
};

struct Auth {
  std::string mechanism = {};                         ///< in capitals
  std::optional<std::string> initial = std::nullopt;  ///< base64 as given; "=" stands for an empty one
};

struct Vrfy {
  std::string argument = {};
};

/// A command without anything to keep: DATA, RSET, NOOP, QUIT, HELP, STARTTLS, and those that are not done.
struct Plain {
  Verb verb = Verb::noop;
};

using Command = std::variant<Hello, Mail, Rcpt, Bdat, Auth, Vrfy, Plain>;
[[nodiscard]] Verb verb_of(const Command& command) noexcept;

/// What the parser lets pass, and which parameters exist; a parameter that doesn't is refused with 555.
struct ParseRules {
  bool spaces_after_colon = true;  ///< `MAIL FROM: <a@b>`, which the grammar forbids and many send
  bool missing_brackets = false;   ///< `MAIL FROM:a@b`
  bool dsn = false;                ///< RET, ENVID, NOTIFY, ORCPT
  bool binary_mime = false;        ///< BODY=BINARYMIME
  bool require_tls = false;        ///< REQUIRETLS
  bool priority = false;           ///< MT-PRIORITY
  bool future_release = false;     ///< HOLDFOR, HOLDUNTIL
  bool deliver_by = false;         ///< BY
};

/// One line without its CRLF. The refusal says what is wrong: 500 unknown, 501 syntax, 555 unknown parameter.
[[nodiscard]] std::expected<Command, Reply> parse_command(std::string_view line, const ParseRules& rules);

/// True for a first line that only an HTTP client would send: a web page that was made to speak to a mail server.
[[nodiscard]] bool looks_like_http(std::string_view line) noexcept;

}  // namespace pabal::smtp
