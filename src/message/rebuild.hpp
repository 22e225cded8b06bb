// A parsed message as one to be written: its parts as entities with their contents decoded, its header fields copied.
// For changing a letter (an answer that encloses it, a draft that is edited) and for proving that reader and writer
// mean the same: what is rebuilt reads as the same parts.
#pragma once
#include <string_view>

#include "message/builder.hpp"
#include "message/mime.hpp"

namespace pabal::message {

/// Fields of the top that can't be written as they are come in ASCII (RFC 6857); MIME's own are written anew. Where the
/// reader saw no parts in a multipart, it becomes octets of type application/octet-stream; parameters beyond the first
/// fifty are left out. Never fails.
[[nodiscard]] OutgoingMessage rebuild(std::string_view message, const MimeTree& tree);

}  // namespace pabal::message
