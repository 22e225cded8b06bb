// TestClient: a blocking client over TCP or a Unix socket, plain or TLS, for tests of servers. It throws
// std::runtime_error with what went wrong, also when the server is silent for longer than the timeout.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "net/endpoint.hpp"
#include "net/listener.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"

namespace pabal::net {

class TlsSession;

class TestClient {
 public:
  explicit TestClient(const Endpoint& to, std::chrono::milliseconds timeout = std::chrono::seconds(10));
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void send(std::string_view octets);
  /// A line with its line end; "" at the end of the input.
  [[nodiscard]] std::string read_line();
  /// Exactly so many octets, or fewer at the end of the input.
  [[nodiscard]] std::string read(std::size_t count);
  /// All up to the end of the input. A reset counts as an end.
  [[nodiscard]] std::string read_to_end();
  /// Sends a line (CRLF is added) and reads the reply line.
  [[nodiscard]] std::string ask(std::string_view line);
  /// The client's side of the handshake; the facts of it.
  TlsInfo start_tls(const std::shared_ptr<const TlsClientContext>& context, const std::string& peer_name);
  /// Ends this side alone.
  void half_close();
  [[nodiscard]] int socket() const noexcept { return socket_.get(); }

  /// A context that trusts anybody.
  [[nodiscard]] static std::shared_ptr<const TlsClientContext> trusting();

 private:
  [[nodiscard]] bool fill();
  void wait(bool writing);

  FileDescriptor socket_;
  std::chrono::milliseconds timeout_;
  std::shared_ptr<const TlsClientContext> context_;
  std::unique_ptr<TlsSession> tls_;
  std::string input_;
};

}  // namespace pabal::net
