// A message as a JMAP Email object (RFC 8621 §4.1), with all that the message alone tells. What belongs to a mailbox
// (id, threadId, mailboxIds, keywords, receivedAt) is null, as Email/parse gives it (§4.9).
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "message/mime.hpp"

namespace pabal::message {

struct EmailJsonOptions {
  std::string blob_id;                           ///< of the whole message; those of parts are made of it
  std::size_t max_body_value_octets = SIZE_MAX;  ///< RFC 8621 §4.2 maxBodyValueBytes
  bool body_values = true;                       ///< of all text parts (fetchAllBodyValues)
  bool header_forms = true;  ///< "header:Subject:asText" and the like, of every field in all its forms
  MimeLimits limits{};
};

/// Every string in it is well-formed UTF-8. Properties in the RFC's order; then, with `header_forms`, for each field
/// name of the message (as its last instance has it written) `header:NAME` and `header:NAME:asFORM` with the last
/// instance's value, and the same with `:all` with all of them. A part that is Outlook's winmail.dat has one property
/// more than the RFC's, `tnef`: what is packed in it, an array of objects with name, type, size and cid.
[[nodiscard]] json::object email_json(std::string_view message, const EmailJsonOptions& options);

}  // namespace pabal::message
