#include "net/local_addresses.hpp"

#include <cstring>
#include <memory>
#include <netinet/in.h>

#include <ifaddrs.h>
#include <net/if.h>

namespace pabal::net {

namespace ip = boost::asio::ip;

std::vector<ip::address> local_addresses() {
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype([](ifaddrs* list) { ::freeifaddrs(list); })> list(raw);
  std::vector<ip::address> all;
  for (const ifaddrs* one = list.get(); one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_UP) == 0) continue;
    if (one->ifa_addr->sa_family == AF_INET) {
      sockaddr_in address{};
      std::memcpy(&address, one->ifa_addr, sizeof address);
      all.emplace_back(ip::address_v4(ntohl(address.sin_addr.s_addr)));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 address{};
      std::memcpy(&address, one->ifa_addr, sizeof address);
      ip::address_v6::bytes_type octets;
      std::memcpy(octets.data(), &address.sin6_addr, octets.size());
      all.emplace_back(ip::address_v6(octets));
    }
  }
  return all;
}

}  // namespace pabal::net
