#include "server/common/client_facts.hpp"

namespace pabal::server::common {

account::ClientFacts client_facts(const net::Stream& stream, bool listener_allows_plaintext, std::string protocol,
                                  std::string session) {
  const auto* tls = stream.tls();
  return {.address = stream.peer().address ? stream.peer().host() : std::string(),
          .encrypted = plaintext_allowed(stream, listener_allows_plaintext),
          .tls_exporter = tls == nullptr ? std::string() : tls->exporter,
          .protocol = std::move(protocol),
          .session = std::move(session),
          .abandoned = [from = &stream] { return from->interrupted() || from->peer_has_left(); }};
}

}  // namespace pabal::server::common
