// URLs that carry their authorization (RFC 4467): who made one may let others read what it names.
#pragma once
#include "server/imap/url_part.hpp"

namespace pabal::server::imap {

/// What a URL with `URLAUTH` leads to, where it is vouched for and this session is among those meant (RFC 4467 §6).
/// Kinds `syntax` and `not_found`: it is not, whatever the reason. Both must outlive it.
[[nodiscard]] Async<Result<UrlLetter>> open_authorized(Session* session, const grammar::Url* url,
                                                       const std::string* text);

/// `URLMECH INTERNAL`: which mechanisms there are for the open mailbox.
inline constexpr std::string_view kUrlMechanisms = "URLMECH INTERNAL";

}  // namespace pabal::server::imap
