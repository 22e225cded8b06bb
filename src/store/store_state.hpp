// What a Store holds; for the files that its calls stand in.
#pragma once
#include <algorithm>
#include <memory>
#include <vector>

#include "store/shard.hpp"
#include "store/store.hpp"

namespace pabal::store {

struct Store::State {
  Surroundings around;
  std::vector<std::unique_ptr<Shard>> shards;  ///< by id

  [[nodiscard]] Shard* find(ShardId id) const noexcept {
    const auto found = std::ranges::find_if(shards, [&](const auto& shard) { return shard->id() == id; });
    return found == shards.end() ? nullptr : found->get();
  }
};

/// Where a delivery's queue rows go.
[[nodiscard]] ShardId home_of(const Delivery& delivery, ShardId otherwise);

[[nodiscard]] inline std::unexpected<Error> no_shard(ShardId id) {
  return fail(ErrorKind::not_found, "no such mailbox", fmt::format("no shard {}", id.value));
}

}  // namespace pabal::store
