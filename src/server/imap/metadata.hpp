// Annotations as METADATA shows them (RFC 5464).
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/imap/session.hpp"

namespace pabal::server::imap {

/// RFC 5464 §3.3: any of these, beside the right to look the mailbox up.
inline constexpr Rights kForMetadata = right::read | right::seen | right::write | right::insert | right::post;

/// `* METADATA name (entry value …)`: of these entries; one that isn't there is NIL.
void append_metadata(Session& session, std::string_view mailbox, std::span<const std::string> wanted,
                     std::span<const store::Annotation> entries);

/// `* METADATA name entry …`, unasked for (RFC 5464 §4.4.2); nothing where there are none.
void append_metadata_change(Session& session, std::string_view mailbox, std::span<const std::string> names);

}  // namespace pabal::server::imap
