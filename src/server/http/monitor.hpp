// The listener for those who watch over the server (protocol "metrics"): GET /metrics in Prometheus' text format and
// GET /healthz (or /health), over HTTP/1.1 (RFC 9112). It changes nothing and needs no login, so it belongs on an
// address that only they reach.
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "base/async.hpp"
#include "base/error.hpp"
#include "base/metrics.hpp"
#include "net/server.hpp"

namespace pabal::server::http {

struct MonitorLimits {
  std::size_t header_octets = 8192;                              ///< request line and fields of one request
  std::size_t requests = 1000;                                   ///< on one connection
  std::chrono::milliseconds timeout = std::chrono::seconds(30);  ///< of each wait, also for the next request
};

/// Whether the server is well; the error's words for the peer are shown. Called on an I/O thread: it must not block.
using HealthCheck = std::function<Result<void>()>;

/// What is to be done before metrics are shown; empty: nothing.
using Refresh = std::function<Async<>()>;

/// A handler for Server::bind. `metrics` must outlive the sessions.
[[nodiscard]] net::SessionHandler make_monitor(const Metrics& metrics, HealthCheck health, MonitorLimits limits = {},
                                               Refresh refresh = {});

}  // namespace pabal::server::http
