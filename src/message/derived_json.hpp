// JMAP's properties that lists of letters ask for (RFC 8621 §4.1), from what was derived at delivery, without opening
// the message. email_json.hpp has all properties, from the message.
#pragma once
#include "base/json.hpp"
#include "message/derived.hpp"

namespace pabal::message {

/// size, messageId, inReplyTo, references, sender, from, to, cc, bcc, replyTo, subject, sentAt, hasAttachment, preview;
/// without those of the header where the envelope is left out.
[[nodiscard]] json::object listed_json(const Derived& derived);

}  // namespace pabal::message
