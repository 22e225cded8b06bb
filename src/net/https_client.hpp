// HttpsClient: fetches one small document over HTTPS (RFC 9110), for MTA-STS policies, or posts one, for TLS reports.
// No redirects, no cookies, no kept connections.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "net/endpoint.hpp"
#include "net/tls.hpp"

namespace pabal::net {

struct HttpsRequest {
  std::string host{};                 ///< sent as SNI and Host; its certificate must have this name
  std::vector<Endpoint> addresses{};  ///< tried in this order
  std::string path{};                 ///< begins with '/'
  std::size_t most_octets = 64UL << 10;
  std::chrono::milliseconds time{60'000};  ///< for all of it
};

struct HttpsResponse {
  int status = 0;
  std::string media_type;  ///< lower case, without parameters: "text/plain"
  std::string body;
};

class HttpsClient {
 public:
  virtual ~HttpsClient() = default;
  /// Errors: timeout; closed, io (no connection); policy (the certificate does not do); limit (too long); syntax (no
  /// HTTP). Goes on at home.
  [[nodiscard]] virtual Async<Result<HttpsResponse>> get(HttpsRequest request) = 0;
};

/// What is posted.
struct HttpsDocument {
  std::string media_type;  ///< "application/tlsrpt+gzip"
  std::string octets;
};

/// The real one. Any thread.
class TlsHttpsClient final : public HttpsClient {
 public:
  explicit TlsHttpsClient(std::shared_ptr<const TlsClientContext> tls) : tls_(std::move(tls)) {}
  [[nodiscard]] Async<Result<HttpsResponse>> get(HttpsRequest request) override;
  /// Posts a document (RFC 9110 §9.3.3), to the first address that takes the connection and the handshake: what was
  /// written once isn't written to another. Errors and the rest as for get().
  [[nodiscard]] Async<Result<HttpsResponse>> post(HttpsRequest request, HttpsDocument document);

 private:
  /// Without a document it is a GET.
  [[nodiscard]] Async<Result<HttpsResponse>> talk(HttpsRequest request, std::optional<HttpsDocument> document);

  std::shared_ptr<const TlsClientContext> tls_;
};

}  // namespace pabal::net
