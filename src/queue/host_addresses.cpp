#include "queue/host_addresses.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace pabal::queue {

namespace ip = boost::asio::ip;

bool HostAddresses::secure() const noexcept {
  const auto proven = [](const dns::Answer& answer) { return !answer.is_definite() || answer.secure; };
  return !addresses.empty() && proven(aaaa) && proven(a);
}

bool HostAddresses::failed() const noexcept { return addresses.empty() && !(aaaa.is_definite() && a.is_definite()); }

const dns::Name& HostAddresses::name() const noexcept { return a.status == dns::Status::ok ? a.name : aaaa.name; }

std::string HostAddresses::why() const {
  std::string words;
  for (const auto& [type, answer] : {std::pair("AAAA", &aaaa), std::pair("A", &a)}) {
    if (answer->is_definite()) continue;
    fmt::format_to(std::back_inserter(words), "{}{} {}", words.empty() ? "" : ", ", type,
                   dns::words_of(answer->status));
    if (!answer->why.empty()) fmt::format_to(std::back_inserter(words), " ({})", answer->why);
  }
  return words;
}

std::chrono::seconds HostAddresses::ttl() const noexcept { return std::min(aaaa.ttl, a.ttl); }

bool is_nobodys(const ip::address& address) {
  const auto plain = *net::Endpoint::of(address, 0).address;
  return plain.is_unspecified() || plain.is_multicast() ||
         (plain.is_v4() && plain.to_v4() == ip::address_v4::broadcast());
}

HostAddresses addresses_from(dns::Answer aaaa, dns::Answer a, std::uint16_t port) {
  HostAddresses made;
  for (const auto& record : aaaa.all<dns::Aaaa>()) {
    made.addresses.push_back(net::Endpoint::of(ip::address_v6(record.octets), port));
  }
  for (const auto& record : a.all<dns::A>()) {
    made.addresses.push_back(net::Endpoint::of(ip::address_v4(record.octets), port));
  }
  std::erase_if(made.addresses, [](const net::Endpoint& one) { return is_nobodys(*one.address); });
  made.aaaa = std::move(aaaa);
  made.a = std::move(a);
  return made;
}

Async<HostAddresses> addresses_of(dns::Resolver& resolver, dns::Name name, std::uint16_t port) {
  auto answers = co_await dns::resolve_all(resolver, {{name, dns::Type::aaaa}, {name, dns::Type::a}});
  co_return addresses_from(std::move(answers[0]), std::move(answers[1]), port);
}

}  // namespace pabal::queue
