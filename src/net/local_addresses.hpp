// The addresses of this machine.
#pragma once
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace pabal::net {

/// Of all interfaces that are up, as they are now; none where the system doesn't say.
[[nodiscard]] std::vector<boost::asio::ip::address> local_addresses();

}  // namespace pabal::net
