// OutgoingLetters: the rows of letters on their way out as the relay sees them. The store's, or a test's.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/store.hpp"

namespace pabal::queue {

class OutgoingLetters {
 public:
  virtual ~OutgoingLetters() = default;
  [[nodiscard]] virtual Async<Result<store::DueDestinations>> due(std::optional<store::DestinationCursor> from,
                                                                  std::size_t at_most) = 0;
  [[nodiscard]] virtual Async<Result<std::vector<store::OutgoingLetter>>> claim(ShardId shard, std::string destination,
                                                                                std::size_t at_most,
                                                                                SystemTime until) = 0;
  [[nodiscard]] virtual Async<Result<void>> forget_claims() = 0;
  [[nodiscard]] virtual Async<Result<void>> bring_forward(SystemTime latest, std::function<bool()> go_on) = 0;
  [[nodiscard]] virtual Async<Result<store::OutgoingContent>> open(ShardId shard, std::string id) = 0;
  [[nodiscard]] virtual Async<Result<void>> settle(ShardId shard, std::vector<store::AttemptOutcome> attempts) = 0;
};

/// A store's, which must outlive it.
[[nodiscard]] std::unique_ptr<OutgoingLetters> outgoing_of(store::Store& store);

}  // namespace pabal::queue
