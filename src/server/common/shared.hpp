// What the sessions of one server share, whatever its protocol: limits, counters, buffers. IMAP's and POP3's servers
// add what is their own.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "net/output_buffers.hpp"
#include "net/tls.hpp"

namespace pabal::server::common {

/// What a listener decides.
struct Policy {
  bool starttls = false;              ///< STARTTLS or STLS works: `tls` is set
  bool allow_plaintext_auth = false;  ///< passwords also without TLS from anywhere; loopback may always
  std::shared_ptr<const net::TlsContext> tls;
};

/// Those limits of a session that don't depend on its protocol.
struct ConnectionLimits {
  std::chrono::milliseconds idle_timeout;   ///< for each line
  std::chrono::milliseconds login_timeout;  ///< from the greeting to the login
  std::chrono::milliseconds write_timeout;  ///< until a client has taken a window
  std::size_t max_errors;                   ///< commands that were no commands, or came at the wrong time
  std::size_t max_commands_before_login;
  std::size_t max_login_failures;

  /// Of a protocol's own limits, in which they stand under the same names.
  template <class Limits>
  [[nodiscard]] static ConnectionLimits of(const Limits& limits) {
    return {.idle_timeout = limits.idle_timeout,
            .login_timeout = limits.login_timeout,
            .write_timeout = limits.write_timeout,
            .max_errors = limits.max_errors,
            .max_commands_before_login = limits.max_commands_before_login,
            .max_login_failures = limits.max_login_failures};
  }
};

struct Shared {
  /// `protocol` as in "imap"; `commands` are counted in this order. Clock and metrics must outlive it.
  Shared(std::string_view protocol, const std::vector<std::string_view>& command_names, const Clock& time,
         Metrics& metrics, const ConnectionLimits& limits);

  std::string protocol;
  const Clock* clock;
  ConnectionLimits connection_limits;
  net::OutputBuffers buffers;
  Gauge sessions;
  std::vector<Counter> commands;
  Counter wrong_commands;
  Counter logins_good;
  Counter logins_bad;
};

/// The names of a grammar's verbs, for Shared.
template <class Verbs>
[[nodiscard]] std::vector<std::string_view> names_of(const Verbs& verbs) {
  std::vector<std::string_view> names(verbs.size());
  for (const auto& verb : verbs) names[static_cast<std::size_t>(verb.verb)] = verb.name;
  return names;
}

}  // namespace pabal::server::common
