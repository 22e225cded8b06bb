// BoundedCache: answers by name, the least recently used ones given up first. Part of the directory and the
// authenticator.
//
// Names come from strangers, so the hash is keyed.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "account/keyed_hash.hpp"

namespace pabal::account {

/// Any thread. Split into parts with a lock each, held for a look-up only. Value must be cheap to copy.
template <class Value>
class BoundedCache {
 public:
  explicit BoundedCache(std::size_t capacity) : capacity_of_part_(capacity / parts + 1) {
    for (auto& part : parts_) part = std::make_unique<Part>(hash_);
  }

  /// What put() left there with the same generation, if it is still there.
  [[nodiscard]] std::optional<Value> get(std::string_view name, std::int64_t generation) {
    Part& part = part_of(name);
    const std::scoped_lock lock(part.mutex);
    const auto found = part.places.find(name);
    if (found == part.places.end()) return std::nullopt;
    const auto entry = found->second;
    if (entry->generation != generation) {
      if (entry->generation < generation) {
        part.places.erase(found);
        part.entries.erase(entry);
      }
      return std::nullopt;
    }
    part.entries.splice(part.entries.begin(), part.entries, entry);
    return entry->value;
  }

  void put(std::string_view name, Value value, std::int64_t generation) {
    Part& part = part_of(name);
    const std::scoped_lock lock(part.mutex);
    if (const auto found = part.places.find(name); found != part.places.end()) {
      const auto entry = found->second;
      if (entry->generation > generation) return;
      entry->value = std::move(value);
      entry->generation = generation;
      part.entries.splice(part.entries.begin(), part.entries, entry);
      return;
    }
    if (part.entries.size() >= capacity_of_part_) {
      part.places.erase(part.entries.back().name);
      part.entries.pop_back();
    }
    part.entries.push_front({std::string(name), std::move(value), generation});
    part.places.emplace(part.entries.front().name, part.entries.begin());
  }

  void erase(std::string_view name) {
    Part& part = part_of(name);
    const std::scoped_lock lock(part.mutex);
    const auto found = part.places.find(name);
    if (found == part.places.end()) return;
    const auto entry = found->second;
    part.places.erase(found);
    part.entries.erase(entry);
  }

  [[nodiscard]] std::size_t size() const {
    std::size_t sum = 0;
    for (const auto& part : parts_) {
      const std::scoped_lock lock(part->mutex);
      sum += part->entries.size();
    }
    return sum;
  }

 private:
  static constexpr std::size_t parts = 16;

  struct Entry {
    std::string name;
    Value value;
    std::int64_t generation;
  };
  struct Part {
    explicit Part(const KeyedHash& hash) : places(0, hash) {}
    mutable std::mutex mutex;
    std::list<Entry> entries;  // the last used one first
    std::unordered_map<std::string_view, typename std::list<Entry>::iterator, KeyedHash> places;
  };

  Part& part_of(std::string_view name) { return *parts_[hash_(name) >> 60]; }

  std::size_t capacity_of_part_;
  KeyedHash hash_;
  std::array<std::unique_ptr<Part>, parts> parts_;
};

}  // namespace pabal::account
