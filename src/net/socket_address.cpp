#include "net/socket_address.hpp"

#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <fmt/format.h>

namespace pabal::net {

namespace ip = boost::asio::ip;

Result<SocketAddress> SocketAddress::of(const Endpoint& endpoint) {
  SocketAddress made;
  if (!endpoint.address) {
    sockaddr_un address{};
    if (endpoint.path.size() >= sizeof address.sun_path) {
      return fail(ErrorKind::limit, fmt::format("the path of a Unix socket has at most {} octets: {}",
                                                sizeof address.sun_path - 1, endpoint.path));
    }
    address.sun_family = AF_UNIX;
    endpoint.path.copy(address.sun_path, endpoint.path.size());
    std::memcpy(&made.storage_, &address, sizeof address);
    made.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + endpoint.path.size() + 1);
  } else if (endpoint.address->is_v4()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    address.sin_addr.s_addr = htonl(endpoint.address->to_v4().to_uint());
    std::memcpy(&made.storage_, &address, sizeof address);
    made.size_ = sizeof address;
  } else {
    sockaddr_in6 address{};
    const auto v6 = endpoint.address->to_v6();
    const auto bytes = v6.to_bytes();
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    address.sin6_scope_id = static_cast<std::uint32_t>(v6.scope_id());
    std::memcpy(&address.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&made.storage_, &address, sizeof address);
    made.size_ = sizeof address;
  }
  return made;
}

SocketAddress SocketAddress::local_of(int socket) {
  SocketAddress made;
  if (::getsockname(socket, made.room(), made.room_size()) != 0) made.size_ = 0;
  return made;
}

Endpoint SocketAddress::endpoint() const {
  if (size_ == 0) return {};
  if (family() == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, &storage_, sizeof address);
    return Endpoint::of(ip::address_v4(ntohl(address.sin_addr.s_addr)), ntohs(address.sin_port));
  }
  if (family() == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, &storage_, sizeof address);
    ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
    return Endpoint::of(ip::address_v6(bytes, address.sin6_scope_id), ntohs(address.sin6_port));
  }
  const auto path_at = offsetof(sockaddr_un, sun_path);
  if (family() != AF_UNIX || size_ <= path_at) return {};
  sockaddr_un address{};
  std::memcpy(&address, &storage_, std::min<std::size_t>(size_, sizeof address));
  const std::size_t room = size_ - path_at;
  // An abstract name begins with a NUL; it is shown with '@', as ss(8) does.
  if (address.sun_path[0] == '\0') {
    return Endpoint::unix_socket(room > 1 ? "@" + std::string(address.sun_path + 1, room - 1) : std::string());
  }
  return Endpoint::unix_socket(std::string(address.sun_path, ::strnlen(address.sun_path, room)));
}

void set_tcp_options(int socket, const Endpoint& endpoint) noexcept {
  if (!endpoint.address) return;
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

}  // namespace pabal::net
