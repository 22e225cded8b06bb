// How many connections there may be, in all and by address. One table for all threads.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "net/endpoint.hpp"

namespace pabal::net {

/// The part of an address that limits count by: a whole IPv4 address, or an IPv6 /64, which is what one customer gets.
struct AddressKey {
  std::uint64_t value = 0;
  bool v6 = false;
  friend bool operator==(const AddressKey&, const AddressKey&) = default;
  [[nodiscard]] static AddressKey of(const boost::asio::ip::address& address) noexcept;
};

struct AddressLimits {
  std::size_t open = 100;            ///< at once
  std::size_t new_per_minute = 600;  ///< as a bucket that holds so many and fills evenly
};

enum class Admission : std::uint8_t { welcome, too_many, too_often };

/// Counts the connections of each address. Any thread.
class ConnectionsByAddress {
 public:
  explicit ConnectionsByAddress(AddressLimits limits) : table_(Table{limits, {}}) {}
  /// For connections from now on.
  void set_limits(AddressLimits limits) { table_.lock()->limits = limits; }
  /// One more, if the limits allow it; then leave() must follow at its end.
  [[nodiscard]] Admission enter(const AddressKey& address, SteadyTime now);
  void leave(const AddressKey& address);
  /// Addresses that are remembered now.
  [[nodiscard]] std::size_t size() { return table_.lock()->entries.size(); }

 private:
  struct Hash {
    std::size_t operator()(const AddressKey& key) const noexcept {
      return std::hash<std::uint64_t>()((key.value * 2 + (key.v6 ? 1 : 0)) * 0x9E3779B97F4A7C15ULL);
    }
  };
  struct Entry {
    std::size_t open = 0;
    double tokens = 0;  ///< new connections that are allowed at `at`
    SteadyTime at;
  };
  struct Table {
    AddressLimits limits;
    std::unordered_map<AddressKey, Entry, Hash> entries;
  };

  [[nodiscard]] static double tokens_now(const AddressLimits& limits, const Entry& entry, SteadyTime now);
  static void forget_quiet(Table& table, SteadyTime now);

  Guarded<Table> table_;
};

}  // namespace pabal::net
