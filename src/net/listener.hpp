// Where a server listens, and the sockets that come of it. Binding is apart from accepting, so that low ports are bound
// before root is given up and before the first thread runs.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "net/endpoint.hpp"

namespace pabal::net {

/// When TLS begins: never, when the client asks for it (RFC 3207, RFC 2595), or before the first word (RFC 8314).
enum class TlsMode : std::uint8_t { off, starttls, implicit };

struct ListenerOptions {
  std::string protocol;    ///< "smtp"; names the listener in log and metrics
  std::string address;     ///< "0.0.0.0", "::" (v6 alone), or "unix:PATH"
  std::uint16_t port = 0;  ///< 0: any free one, for tests
  TlsMode tls = TlsMode::starttls;
  /// The mode of a Unix socket's file, from its first moment on: who may connect. Without it the umask decides.
  std::optional<unsigned> unix_mode = std::nullopt;
  std::vector<Network> proxy_protocol;  ///< whose PROXY header is believed and demanded; others are then closed
};

/// A file descriptor that is closed with its owner.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) noexcept : number_(number) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : number_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  [[nodiscard]] int get() const noexcept { return number_; }
  /// The caller closes it from now on.
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
  [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

/// Sockets that systemd opened for us (sd_listen_fds(3)): LISTEN_FDS of them from number 3 on.
class ActivatedSockets {
 public:
  /// Takes them over, if LISTEN_PID names this process, and removes the variables from the environment. Once, at the
  /// start of main.
  [[nodiscard]] static ActivatedSockets take();
  /// The one that is bound where `options` want to listen, if there is one; it is then the caller's.
  [[nodiscard]] FileDescriptor find(const ListenerOptions& options);
  /// Where those listen that nobody has asked for.
  [[nodiscard]] std::vector<std::string> unused() const;

 private:
  struct Socket {
    FileDescriptor descriptor;
    Endpoint bound;
  };
  std::vector<Socket> sockets_;
};

/// The bound, listening sockets of one listener.
struct BoundListener {
  ListenerOptions options;
  Endpoint local;                       ///< with the port that was given for port 0
  std::vector<FileDescriptor> sockets;  ///< one a thread (SO_REUSEPORT), or one alone (Unix sockets, systemd's)
  std::string unlink_at_end;            ///< path of a Unix socket that we made
};

/// Before the first thread, where a Unix socket has a mode: the umask is the process's.
/// Binds `sockets` sockets, or takes systemd's. A Unix socket's file that is there already is replaced only where
/// nobody answers on it. Errors name the address and the reason.
[[nodiscard]] Result<BoundListener> bind_listener(ListenerOptions options, std::size_t sockets,
                                                  ActivatedSockets& activated);

}  // namespace pabal::net
