// The metrics listener: HTTP (RFC 9112) for Prometheus, GET /metrics, and GET /health for who only wants to know
// whether it lives. One request a connection. The web pages' HTTP comes with them.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "net/server.hpp"

namespace pabal::server::http {

struct MetricsPage {
  std::function<std::string()> text;  ///< Prometheus' text format, version 0.0.4
  std::function<bool()> healthy;      ///< false: 503 on /health
  std::chrono::milliseconds timeout{10'000};
};

/// A handler for net::Server.
[[nodiscard]] net::SessionHandler make_metrics_handler(MetricsPage page);

/// Reads one request and says what to answer; empty where there is nobody to answer to. What the handler does, exposed
/// for tests.
[[nodiscard]] Async<std::string> answer(std::shared_ptr<const MetricsPage> page, net::Stream* stream);

/// The whole response to a request's head, by method and target; exposed for tests.
[[nodiscard]] std::string respond(const MetricsPage& page, std::string_view method, std::string_view target);

}  // namespace pabal::server::http
