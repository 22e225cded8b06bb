#include "dns/rdata.hpp"

#include <array>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace pabal::dns {
namespace {

/// Takes numbers, octets and names from the front of the data; nothing where they aren't there whole.
class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}

  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }

  template <class Number>
  [[nodiscard]] bool number(Number& to) {
    if (rest_.size() < sizeof(Number)) return false;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) value = (value << 8U) | static_cast<std::uint8_t>(rest_[i]);
    to = static_cast<Number>(value);
    rest_.remove_prefix(sizeof(Number));
    return true;
  }

  template <std::size_t size>
  [[nodiscard]] bool octets(std::array<std::uint8_t, size>& to) {
    if (rest_.size() < size) return false;
    for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<std::uint8_t>(rest_[i]);
    rest_.remove_prefix(size);
    return true;
  }

  /// A <character-string>: its length in one octet, then so many octets.
  [[nodiscard]] bool string(std::string& to) {
    std::uint8_t size = 0;
    if (!number(size) || rest_.size() < size) return false;
    to = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  [[nodiscard]] bool name(Name& to) {
    std::vector<std::string_view> labels;
    for (;;) {
      std::uint8_t size = 0;
      // Longer than 63: a pointer (RFC 1035 §4.1.4) to what isn't at hand here, or nonsense.
      if (!number(size) || size > Name::max_label_octets || rest_.size() < size) return false;
      if (size == 0) break;
      labels.push_back(rest_.substr(0, size));
      rest_.remove_prefix(size);
      if (labels.size() > Name::max_wire_octets / 2) return false;
    }
    auto made = Name::of_labels(labels);
    if (!made) return false;
    to = *std::move(made);
    return true;
  }

  [[nodiscard]] std::string all() {
    std::string taken(rest_);
    rest_ = {};
    return taken;
  }

 private:
  std::string_view rest_;
};

bool read(Reader& from, A& a) { return from.octets(a.octets); }
bool read(Reader& from, Aaaa& aaaa) { return from.octets(aaaa.octets); }
bool read(Reader& from, Mx& mx) { return from.number(mx.preference) && from.name(mx.exchange); }
bool read(Reader& from, Txt& txt) {
  do {
    if (!from.string(txt.strings.emplace_back())) return false;
  } while (!from.empty());
  return true;
}
bool read(Reader& from, Cname& cname) { return from.name(cname.target); }
bool read(Reader& from, Ptr& ptr) { return from.name(ptr.target); }
bool read(Reader& from, Ns& ns) { return from.name(ns.host); }
bool read(Reader& from, Soa& soa) {
  return from.name(soa.primary) && from.name(soa.mailbox) && from.number(soa.serial) && from.number(soa.refresh) &&
         from.number(soa.retry) && from.number(soa.expire) && from.number(soa.minimum);
}
bool read(Reader& from, Srv& srv) {
  return from.number(srv.priority) && from.number(srv.weight) && from.number(srv.port) && from.name(srv.target);
}
bool read(Reader& from, Tlsa& tlsa) {
  if (!from.number(tlsa.usage) || !from.number(tlsa.selector) || !from.number(tlsa.matching)) return false;
  tlsa.data = from.all();
  return true;
}

template <class T>
std::optional<Record> read_as(std::string_view rdata) {
  Reader from(rdata);
  T made;
  if (!read(from, made) || !from.empty()) return std::nullopt;
  return made;
}

std::optional<Record> read_type(Type type, std::string_view rdata) {
  switch (type) {
    case Type::a:
      return read_as<A>(rdata);
    case Type::ns:
      return read_as<Ns>(rdata);
    case Type::cname:
      return read_as<Cname>(rdata);
    case Type::soa:
      return read_as<Soa>(rdata);
    case Type::ptr:
      return read_as<Ptr>(rdata);
    case Type::mx:
      return read_as<Mx>(rdata);
    case Type::txt:
      return read_as<Txt>(rdata);
    case Type::aaaa:
      return read_as<Aaaa>(rdata);
    case Type::srv:
      return read_as<Srv>(rdata);
    case Type::tlsa:
      return read_as<Tlsa>(rdata);
  }
  return std::nullopt;
}

/// Appends what it is told, in network order.
class Writer {
 public:
  Writer& operator<<(std::uint8_t value) { return put(value, 1); }
  Writer& operator<<(std::uint16_t value) { return put(value, 2); }
  Writer& operator<<(std::uint32_t value) { return put(value, 4); }
  Writer& operator<<(const Name& name) { return *this << name.wire(); }
  Writer& operator<<(const std::string& octets) {
    made_ += octets;
    return *this;
  }
  template <std::size_t size>
  Writer& operator<<(const std::array<std::uint8_t, size>& octets) {
    for (const auto octet : octets) put(octet, 1);
    return *this;
  }
  [[nodiscard]] std::string end() { return std::move(made_); }

 private:
  Writer& put(std::uint32_t value, unsigned octets) {
    for (unsigned i = octets; i-- > 0;) made_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  std::string made_;
};

void write(Writer& to, const A& a) { to << a.octets; }
void write(Writer& to, const Aaaa& aaaa) { to << aaaa.octets; }
void write(Writer& to, const Mx& mx) { to << mx.preference << mx.exchange; }
void write(Writer& to, const Txt& txt) {
  for (const auto& one : txt.strings) to << static_cast<std::uint8_t>(one.size()) << one;
}
void write(Writer& to, const Cname& cname) { to << cname.target; }
void write(Writer& to, const Ptr& ptr) { to << ptr.target; }
void write(Writer& to, const Ns& ns) { to << ns.host; }
void write(Writer& to, const Soa& soa) {
  to << soa.primary << soa.mailbox << soa.serial << soa.refresh << soa.retry << soa.expire << soa.minimum;
}
void write(Writer& to, const Srv& srv) { to << srv.priority << srv.weight << srv.port << srv.target; }
void write(Writer& to, const Tlsa& tlsa) { to << tlsa.usage << tlsa.selector << tlsa.matching << tlsa.data; }

}  // namespace

Result<Record> parse_rdata(Type type, std::string_view rdata) {
  auto record = read_type(type, rdata);
  if (!record) {
    return fail(ErrorKind::syntax,
                fmt::format("the data of a {} record is malformed ({} octets)", name_of(type), rdata.size()));
  }
  return std::move(*record);
}

std::string rdata_of(const Record& record) {
  Writer to;
  std::visit([&to](const auto& data) { write(to, data); }, record);
  return to.end();
}

}  // namespace pabal::dns
