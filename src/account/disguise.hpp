// Disguise: what the password of nobody looks like. Whoever asks for a name sees how its verifier was made (SCRAM tells
// the iterations) and how long its hash takes; both must look for a name without an account as they do for one with.
//
// Where the settings were changed, accounts keep what they had until their next login, so that two kinds stand side by
// side for a while. Names without an account are shared out over the kinds as the accounts are, each name always to the
// same one, and go over to the new kind as accounts do: with time, and never back. Part of the authenticator.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "account/credentials.hpp"
#include "account/password_hash.hpp"

namespace pabal::account {

/// How many accounts have each of some values.
template <class Value>
class Shares {
 public:
  void add(const Value& value) {
    ++counts_[value];
    ++total_;
  }
  /// The value for a name. `place` is the name's own among all names, evenly spread. `wanted` is what the settings ask
  /// for: the value that accounts go over to, and that of all where there are none.
  [[nodiscard]] Value of(std::uint64_t place, const Value& wanted) const {
    if (total_ == 0) return wanted;
    // All places, evenly on as many accounts; 53 bits of them, which a double holds exactly.
    auto index = static_cast<std::uint64_t>(static_cast<double>(place >> 11) / 0x1p53 * static_cast<double>(total_));
    const auto now = counts_.find(wanted);
    if (now != counts_.end()) {
      if (index < now->second) return wanted;
      index -= now->second;
    }
    for (const auto& [value, count] : counts_) {
      if (value == wanted) continue;
      if (index < count) return value;
      index -= count;
    }
    return wanted;
  }
  /// Whether something else than this is among them.
  [[nodiscard]] bool has_others(const Value& wanted) const {
    return counts_.size() > 1 || (counts_.size() == 1 && counts_.begin()->first != wanted);
  }
  [[nodiscard]] const std::map<Value, std::uint64_t>& counts() const noexcept { return counts_; }

 private:
  std::map<Value, std::uint64_t> counts_;
  std::uint64_t total_ = 0;
};

class Disguise {
 public:
  /// Counts what all accounts have, and makes a hash of nothing for every cost. Blocking, in a read.
  [[nodiscard]] static Result<Disguise> read(db::Connection& connection, const Secrets& secrets, Random& random,
                                             HashCost cost, std::uint32_t iterations);

  /// The hash that the password of nobody with this name is checked against.
  [[nodiscard]] const std::string& hash(std::uint64_t place) const { return hashes_.at(costs_.of(place, cost_)); }
  [[nodiscard]] std::uint32_t iterations(ScramHash hash, std::uint64_t place) const {
    return (hash == ScramHash::sha1 ? sha1_ : sha256_).of(place, iterations_);
  }
  /// Accounts are still going over to what the settings want: the counts change.
  [[nodiscard]] bool is_changing() const {
    return costs_.has_others(cost_) || sha1_.has_others(iterations_) || sha256_.has_others(iterations_);
  }

 private:
  Disguise(HashCost cost, std::uint32_t iterations) : cost_(cost), iterations_(iterations) {}

  HashCost cost_;
  std::uint32_t iterations_;
  Shares<HashCost> costs_;
  Shares<std::uint32_t> sha1_;
  Shares<std::uint32_t> sha256_;
  std::map<HashCost, std::string> hashes_;
};

}  // namespace pabal::account
