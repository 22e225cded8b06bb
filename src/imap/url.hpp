// IMAP URLs (RFC 5092; URLAUTH, RFC 4467; PARTIAL, RFC 5550 §3.1) as CATENATE, GENURLAUTH and URLFETCH take them: a
// server, a mailbox, a message in it, a part of that, and who may read it without logging in there. Floor 3: octets in,
// values out; which mailbox they lead to is the server's affair.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "imap/fetch_items.hpp"
#include "imap/mailbox_name.hpp"

namespace pabal::imap {

inline constexpr std::size_t kLongestUrl = 8'000;  ///< octets

/// `imap://user;AUTH=type@host:port`.
struct UrlServer {
  std::string user;  ///< decoded; empty: none was named
  std::string auth;  ///< in upper case; "*" is any; empty: none was named
  std::string host;  ///< in lower case; an IPv6 address without its brackets
  std::uint16_t port = 143;
  friend bool operator==(const UrlServer&, const UrlServer&) = default;
};

/// `;EXPIRE=…;URLAUTH=access:mechanism:token` (RFC 4467 §3).
struct UrlAuthorization {
  enum class Access : std::uint8_t { anonymous, authuser, user, submit };
  Access access = Access::authuser;
  std::string user;                   ///< of user+ and submit+
  std::optional<SystemTime> expires;  ///< never
  /// As GENURLAUTH gets them and URLFETCH doesn't: without mechanism and token.
  std::string mechanism;  ///< in upper case
  std::string token;      ///< hexadecimal, as written
  std::size_t rump = 0;   ///< octets of the URL up to the mechanism's colon: what the token vouches for
};

struct Url {
  std::optional<UrlServer> server;     ///< nothing: a relative one
  std::optional<MailboxName> mailbox;  ///< nothing: the selected one (`;UID=…`), or none at all
  std::optional<std::uint32_t> uid_validity;
  std::optional<std::uint32_t> uid;  ///< nothing: the mailbox itself, or a search
  bool search = false;               ///< `?program`; what it is isn't read
  Section section;                   ///< none: the whole message
  std::optional<Partial> partial;    ///< `;PARTIAL=0.1024`
  std::optional<UrlAuthorization> authorization;

  /// Reads an absolute or relative URL. Kind `syntax`: it is none, is longer than kLongestUrl, or what it decodes to
  /// has controls or isn't UTF-8. Keywords count in any case; `;PARTIAL=5` goes to the end.
  [[nodiscard]] static Result<Url> parse(std::string_view text);
};

/// One line, for tests.
[[nodiscard]] std::string describe(const Url& url);

}  // namespace pabal::imap
