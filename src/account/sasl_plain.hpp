// The message of SASL PLAIN (RFC 4616).
#pragma once
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::account {

struct PlainMessage {
  std::string authzid;  ///< empty: the user itself
  std::string user;
  std::string password;
};

/// [authzid] NUL authcid NUL passwd; name and password not empty, all of it UTF-8 (§2). `syntax` otherwise.
[[nodiscard]] Result<PlainMessage> parse_plain(std::string_view message);

}  // namespace pabal::account
