#include "dns/record.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::dns {
namespace {

constexpr std::array<std::pair<Type, std::string_view>, 10> names = {{
    {Type::a, "A"},
    {Type::ns, "NS"},
    {Type::cname, "CNAME"},
    {Type::soa, "SOA"},
    {Type::ptr, "PTR"},
    {Type::mx, "MX"},
    {Type::txt, "TXT"},
    {Type::aaaa, "AAAA"},
    {Type::srv, "SRV"},
    {Type::tlsa, "TLSA"},
}};

std::string absolute(const Name& name) { return name.is_root() ? "." : name.text() + "."; }

std::string in_quotes(std::string_view text) {
  std::string made = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') made += '\\';
    if (c >= ' ' && c < 0x7f) {
      made += c;
    } else {
      fmt::format_to(std::back_inserter(made), "\\{:03}", static_cast<unsigned char>(c));
    }
  }
  return made + '"';
}

std::string strings_of(const Txt& txt) {
  std::string made;
  for (const auto& one : txt.strings) {
    if (!made.empty()) made += ' ';
    made += in_quotes(one);
  }
  return made;
}

std::string tlsa_text(const Tlsa& tlsa) {
  auto made = fmt::format("{} {} {} ", tlsa.usage, tlsa.selector, tlsa.matching);
  for (const char c : tlsa.data) fmt::format_to(std::back_inserter(made), "{:02x}", static_cast<unsigned char>(c));
  return made;
}

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

Name reversed(const std::vector<std::string>& labels) {
  auto name = Name::of_labels({labels.begin(), labels.end()});
  return name ? *std::move(name) : Name();  // they are short and few
}

}  // namespace

std::string name_of(Type type) {
  const auto* found = std::ranges::find(names, type, &std::pair<Type, std::string_view>::first);
  if (found == names.end()) return fmt::format("TYPE{}", std::to_underlying(type));
  return std::string(found->second);
}

std::optional<Type> type_named(std::string_view name) {
  for (const auto& [type, known] : names) {
    if (equal_ignoring_case(name, known)) return type;
  }
  return std::nullopt;
}

std::string Txt::joined() const {
  std::string all;
  for (const auto& one : strings) all += one;
  return all;
}

Type type_of(const Record& record) noexcept {
  return std::visit(Overloaded{
                        [](const A&) { return Type::a; },
                        [](const Aaaa&) { return Type::aaaa; },
                        [](const Mx&) { return Type::mx; },
                        [](const Txt&) { return Type::txt; },
                        [](const Cname&) { return Type::cname; },
                        [](const Ptr&) { return Type::ptr; },
                        [](const Ns&) { return Type::ns; },
                        [](const Soa&) { return Type::soa; },
                        [](const Srv&) { return Type::srv; },
                        [](const Tlsa&) { return Type::tlsa; },
                    },
                    record);
}

std::string text_of(const Record& record) {
  return std::visit(Overloaded{
                        [](const A& a) { return text_of(a); },
                        [](const Aaaa& aaaa) { return text_of(aaaa); },
                        [](const Mx& mx) { return fmt::format("{} {}", mx.preference, absolute(mx.exchange)); },
                        [](const Txt& txt) { return strings_of(txt); },
                        [](const Cname& cname) { return absolute(cname.target); },
                        [](const Ptr& ptr) { return absolute(ptr.target); },
                        [](const Ns& ns) { return absolute(ns.host); },
                        [](const Soa& soa) {
                          return fmt::format("{} {} {} {} {} {} {}", absolute(soa.primary), absolute(soa.mailbox),
                                             soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum);
                        },
                        [](const Srv& srv) {
                          return fmt::format("{} {} {} {}", srv.priority, srv.weight, srv.port, absolute(srv.target));
                        },
                        [](const Tlsa& tlsa) { return tlsa_text(tlsa); },
                    },
                    record);
}

std::string text_of(const A& address) {
  return fmt::format("{}.{}.{}.{}", address.octets[0], address.octets[1], address.octets[2], address.octets[3]);
}

std::string text_of(const Aaaa& address) {
  std::array<char, INET6_ADDRSTRLEN> room{};
  return ::inet_ntop(AF_INET6, address.octets.data(), room.data(), room.size());
}

std::optional<A> parse_a(std::string_view text) {
  A address;
  // inet_pton, unlike inet_aton, knows four decimal numbers and nothing else.
  if (text.contains('\0') || ::inet_pton(AF_INET, std::string(text).c_str(), address.octets.data()) != 1) return {};
  return address;
}

std::optional<Aaaa> parse_aaaa(std::string_view text) {
  Aaaa address;
  if (text.contains('\0') || ::inet_pton(AF_INET6, std::string(text).c_str(), address.octets.data()) != 1) return {};
  return address;
}

Name reverse_name(const A& address) {
  std::vector<std::string> labels;
  for (std::size_t i = address.octets.size(); i-- > 0;) labels.push_back(std::to_string(address.octets[i]));
  labels.emplace_back("in-addr");
  labels.emplace_back("arpa");
  return reversed(labels);
}

Name reverse_name(const Aaaa& address) {
  std::vector<std::string> labels;
  for (std::size_t i = address.octets.size(); i-- > 0;) {
    labels.push_back(fmt::format("{:x}", address.octets[i] & 15U));
    labels.push_back(fmt::format("{:x}", address.octets[i] >> 4U));
  }
  labels.emplace_back("ip6");
  labels.emplace_back("arpa");
  return reversed(labels);
}

}  // namespace pabal::dns
