// The control socket: how the command line speaks to a running server. One request a line, a JSON object; one answer a
// line:
//
//   {"command":"account show","address":"alice@seoul.example"}
//   {"ok":true,"result":{…}}
//   {"ok":false,"kind":"not_found","reason":"alice@seoul.example: no such account"}
//
// A request with a member "body": N is followed by N octets (a message). The socket lies in the data folder, 0600: who
// may open it may do everything. What it does blocks, so it runs on a pool of its own and never on a connection's
// thread.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "net/server.hpp"

namespace pabal::server::control {

/// Carries out a request; blocking.
using Execute = std::function<Result<json::value>(const json::object& request)>;
/// Carries out a request with a body, as a coroutine.
using ExecuteWithBody = std::function<Async<Result<json::value>>(json::object request, std::string body)>;

struct Options {
  std::size_t max_request = 4 << 20;  ///< octets of a line
  std::size_t max_body = 50 << 20;
  std::chrono::milliseconds timeout{
      60'000};  ///< for the next octets of a request; a client that says nothing is let go
};

/// What stands behind the socket. The pool must outlive the server's sessions.
struct Service {
  Execute execute;
  ExecuteWithBody execute_with_body;
  Pool* pool = nullptr;
  Options options = {};
};

/// A handler for net::Server.
[[nodiscard]] net::SessionHandler make_handler(Service service);

/// Serves one connection to its peer's end; does not close it. What the handler does, exposed for tests.
[[nodiscard]] Async<> serve(std::shared_ptr<const Service> service, net::Stream* stream, Log log);

/// The answer to one request as a line without its end. Any thread.
[[nodiscard]] std::string answer_line(const Result<json::value>& result);

}  // namespace pabal::server::control
