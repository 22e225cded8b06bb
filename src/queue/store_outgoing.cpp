#include "queue/outgoing_letters.hpp"

namespace pabal::queue {

namespace {

class StoreOutgoing final : public OutgoingLetters {
 public:
  explicit StoreOutgoing(store::Store& store) : store_(&store) {}
  Async<Result<store::DueDestinations>> due(std::optional<store::DestinationCursor> from,
                                            std::size_t at_most) override {
    return store_->due_destinations(std::move(from), at_most);
  }
  Async<Result<std::vector<store::OutgoingLetter>>> claim(ShardId shard, std::string destination, std::size_t at_most,
                                                          SystemTime until) override {
    return store_->claim_outgoing(shard, std::move(destination), at_most, until);
  }
  Async<Result<void>> forget_claims() override { return store_->forget_claims(); }
  Async<Result<void>> bring_forward(SystemTime latest, std::function<bool()> go_on) override {
    return store_->bring_forward(latest, std::move(go_on));
  }
  Async<Result<store::OutgoingContent>> open(ShardId shard, std::string id) override {
    return store_->open_outgoing(shard, std::move(id));
  }
  Async<Result<void>> settle(ShardId shard, std::vector<store::AttemptOutcome> attempts) override {
    return store_->settle(shard, std::move(attempts));
  }

 private:
  store::Store* store_;
};

}  // namespace

std::unique_ptr<OutgoingLetters> outgoing_of(store::Store& store) { return std::make_unique<StoreOutgoing>(store); }

}  // namespace pabal::queue
