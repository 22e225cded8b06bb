// What vouches for a URL (RFC 4467 §2.4.1, INTERNAL): a keyed hash of it up to the mechanism's name.
#pragma once
#include <string>
#include <string_view>

namespace pabal::server::imap {

inline constexpr std::size_t kUrlKeyOctets = 32;

/// Hexadecimal: an octet that says which algorithm it is (1: HMAC-SHA-256), and the hash of `rump`, the URL's octets.
[[nodiscard]] std::string url_token(std::string_view key, std::string_view rump);
/// Takes as long whatever the token is. Its letters may be of any case.
[[nodiscard]] bool is_url_token(std::string_view key, std::string_view rump, std::string_view token);

}  // namespace pabal::server::imap
