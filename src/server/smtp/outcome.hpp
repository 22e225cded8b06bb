// Outcome: what a command handler gives back to the loop, which alone writes; and how what went wrong below is said in
// SMTP.
#pragma once
#include <vector>

#include "base/error.hpp"
#include "server/smtp/settings.hpp"
#include "smtp/data.hpp"
#include "smtp/reply.hpp"

namespace pabal::server::smtp {

using pabal::smtp::Reply;

enum class Then : std::uint8_t {
  go_on,
  start_tls,  ///< once the reply is written
  close,      ///< once the reply is written
  hang_up,    ///< without a reply: the connection is gone or the goodbye is said already
};

struct Outcome {
  Reply reply;
  std::vector<Reply> more = {};  ///< LMTP: the replies for the second recipient and those after it
  Then then = Then::go_on;

  Outcome(Reply the_reply, Then what_then = Then::go_on) : reply(std::move(the_reply)), then(what_then) {}  // NOLINT
  Outcome(int code, std::string_view status, std::string words, Then what_then = Then::go_on)
      : reply(code, status, std::move(words)), then(what_then) {}
  [[nodiscard]] static Outcome hang_up() { return {0, "", "", Then::hang_up}; }
};

/// The reply for a message or recipient that could not be delivered. `lmtp`: a full mailbox is permanent (RFC 2033 §4.2
/// leaves the retrying to the sender, who would do it for days).
[[nodiscard]] Reply reply_for(const Error& error, const Settings& settings, bool lmtp);
/// The reply for a message whose text may not stand.
[[nodiscard]] Reply reply_for(pabal::smtp::TextFault fault);

}  // namespace pabal::server::smtp
