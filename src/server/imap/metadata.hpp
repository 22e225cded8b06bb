// Annotations as METADATA shows them (RFC 5464).
#pragma once
#include <map>
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

/// What is known of a mailbox's entries, so that a change is seen: a digest of each value by its name.
using MetadataSeen = std::map<std::string, std::size_t>;
[[nodiscard]] MetadataSeen seen_of(std::span<const store::Annotation> entries);
/// Names that are in one of both alone, or have another value.
[[nodiscard]] std::vector<std::string> differing(const MetadataSeen& before, const MetadataSeen& now);
/// `* METADATA name entry …`, unasked for (RFC 5464 §4.4.2); nothing where there are none.
void append_metadata_change(Session& session, std::string_view mailbox, std::span<const std::string> names);

}  // namespace pabal::server::imap
