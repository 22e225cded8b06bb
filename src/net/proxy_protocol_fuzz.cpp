#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/proxy_protocol.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const auto whole = pabal::net::parse_proxy_header(octets);
  if (whole && *whole) {
    const auto& header = **whole;
    if (header.size > octets.size() || header.size > pabal::net::kMostProxyHeader) std::abort();
    if (header.source.has_value() != header.destination.has_value()) std::abort();
    // What stands behind the header changes nothing, and without its last octet it is not whole.
    const auto alone = pabal::net::parse_proxy_header(octets.substr(0, header.size));
    if (!alone || !*alone || (*alone)->source != header.source) std::abort();
    const auto cut = pabal::net::parse_proxy_header(octets.substr(0, header.size - 1));
    if (!cut || cut->has_value()) std::abort();
  }
  if (whole && !*whole && octets.size() >= pabal::net::kMostProxyHeader) std::abort();
  return 0;
}
