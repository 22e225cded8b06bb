// The command line's end of the control socket; blocking.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/json.hpp"
#include "net/listener.hpp"

namespace pabal::server::control {

class Client {
 public:
  /// Nothing where nobody serves there (no socket, or nobody behind it).
  [[nodiscard]] static Result<std::optional<Client>> connect(const std::string& path);

  /// Sends the request (with the body's size added where there is one) and waits for its answer.
  [[nodiscard]] Result<json::value> request(json::object request,
                                            const std::optional<std::string>& body = std::nullopt);

 private:
  explicit Client(net::FileDescriptor socket) : socket_(std::move(socket)) {}
  [[nodiscard]] Result<void> send(std::string_view octets);
  [[nodiscard]] Result<std::string> receive_line();

  net::FileDescriptor socket_;
  std::string received_;
};

/// An answer line as the Result that it stands for.
[[nodiscard]] Result<json::value> read_answer(std::string_view line);

}  // namespace pabal::server::control
