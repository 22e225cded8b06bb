// iprev (RFC 8601 §3): whether the names that a client's address has in the DNS lead back to that address.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/json.hpp"
#include "dns/resolver.hpp"
#include "mailauth/ip_address.hpp"
#include "mailauth/lookup.hpp"

namespace pabal::mailauth {

enum class IprevResult : std::uint8_t { pass, fail, temperror, permerror };
[[nodiscard]] std::string_view name_of(IprevResult result) noexcept;

struct IprevOutcome {
  IprevResult result = IprevResult::permerror;
  IpAddress address;
  std::string name;    ///< the first name that leads back; where none does, the first that was given
  std::string reason;  ///< in a short sentence
  std::vector<Lookup> lookups;
};

/// So many of the address's names are looked up (RFC 7208 §4.6.4 does the same).
inline constexpr std::size_t iprev_most_names = 10;

[[nodiscard]] Async<IprevOutcome> check_iprev(dns::Resolver& resolver, IpAddress address);

[[nodiscard]] json::object to_json(const IprevOutcome& outcome);

}  // namespace pabal::mailauth
