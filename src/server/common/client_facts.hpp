// What the login is told of a connection (account::ClientFacts), the same for all protocols.
#pragma once
#include <string>

#include "account/authenticator.hpp"
#include "net/stream.hpp"

namespace pabal::server::common {

/// Passwords may come as they are: TLS, loopback, or the listener allows them.
[[nodiscard]] inline bool plaintext_allowed(const net::Stream& stream, bool listener_allows) {
  return stream.tls() != nullptr || listener_allows || stream.is_loopback();
}

/// The stream must outlive what is returned.
[[nodiscard]] account::ClientFacts client_facts(const net::Stream& stream, bool listener_allows_plaintext,
                                                std::string protocol, std::string session);

}  // namespace pabal::server::common
