// Records of the DNS, typed by what they hold (RFC 1035 §3.3, 3596, 2782, 6698).
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dns/name.hpp"

namespace pabal::dns {

enum class Type : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  srv = 33,
  tlsa = 52,
};

/// "MX"; what has no name here is "TYPE123" (RFC 3597 §5).
[[nodiscard]] std::string name_of(Type type);
/// From its name in either case; nothing for types that aren't in the list above.
[[nodiscard]] std::optional<Type> type_named(std::string_view name);

struct A {
  std::array<std::uint8_t, 4> octets{};
  friend auto operator<=>(const A&, const A&) = default;
};
struct Aaaa {
  std::array<std::uint8_t, 16> octets{};
  friend auto operator<=>(const Aaaa&, const Aaaa&) = default;
};
struct Mx {
  std::uint16_t preference = 0;
  Name exchange;
  friend auto operator<=>(const Mx&, const Mx&) = default;
};
struct Txt {
  std::vector<std::string> strings;
  /// All strings after one another, as SPF, DKIM and MTA-STS read them.
  [[nodiscard]] std::string joined() const;
  friend auto operator<=>(const Txt&, const Txt&) = default;
};
struct Cname {
  Name target;
  friend auto operator<=>(const Cname&, const Cname&) = default;
};
struct Ptr {
  Name target;
  friend auto operator<=>(const Ptr&, const Ptr&) = default;
};
struct Ns {
  Name host;
  friend auto operator<=>(const Ns&, const Ns&) = default;
};
struct Soa {
  Name primary;
  Name mailbox;
  std::uint32_t serial = 0;
  std::uint32_t refresh = 0;
  std::uint32_t retry = 0;
  std::uint32_t expire = 0;
  std::uint32_t minimum = 0;
  friend auto operator<=>(const Soa&, const Soa&) = default;
};
struct Srv {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  Name target;
  friend auto operator<=>(const Srv&, const Srv&) = default;
};
struct Tlsa {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching = 0;
  std::string data;  ///< octets: a digest, or a whole certificate or key
  friend auto operator<=>(const Tlsa&, const Tlsa&) = default;
};

using Record = std::variant<A, Aaaa, Mx, Txt, Cname, Ptr, Ns, Soa, Srv, Tlsa>;

[[nodiscard]] Type type_of(const Record& record) noexcept;
/// What stands behind the type in a zone file: `10 mx.example.`, `"v=spf1 -all"`, `3 1 1 AB12…`.
[[nodiscard]] std::string text_of(const Record& record);

/// "192.0.2.1", "2001:db8::1".
[[nodiscard]] std::string text_of(const A& address);
[[nodiscard]] std::string text_of(const Aaaa& address);
/// From such text; nothing where it isn't one.
[[nodiscard]] std::optional<A> parse_a(std::string_view text);
[[nodiscard]] std::optional<Aaaa> parse_aaaa(std::string_view text);
/// The name that has the PTR records of an address (RFC 1035 §3.5, RFC 3596 §2.5).
[[nodiscard]] Name reverse_name(const A& address);
[[nodiscard]] Name reverse_name(const Aaaa& address);

}  // namespace pabal::dns
