// SocketAddress: an Endpoint as the system calls want it.
#pragma once
#include <sys/socket.h>

#include "base/error.hpp"
#include "net/endpoint.hpp"

namespace pabal::net {

class SocketAddress {
 public:
  SocketAddress() = default;
  /// Error: limit, where a Unix socket's path is too long.
  [[nodiscard]] static Result<SocketAddress> of(const Endpoint& endpoint);
  /// Where a socket is bound.
  [[nodiscard]] static SocketAddress local_of(int socket);

  [[nodiscard]] Endpoint endpoint() const;
  [[nodiscard]] int family() const noexcept { return storage_.ss_family; }
  [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t size() const noexcept { return size_; }
  /// For accept() and its like, which fill it.
  [[nodiscard]] sockaddr* room() noexcept { return reinterpret_cast<sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t* room_size() noexcept {
    size_ = sizeof storage_;
    return &size_;
  }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

/// No delay of small writes, and keep-alive; nothing for a Unix socket. What a listening socket has, its connections
/// get.
void set_tcp_options(int socket, const Endpoint& endpoint) noexcept;

}  // namespace pabal::net
