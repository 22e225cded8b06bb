#include "queue/local_retry.hpp"

namespace pabal::queue {

namespace {

class StoreLetters final : public LocalLetters {
 public:
  explicit StoreLetters(store::Store& store) : store_(&store) {}
  Async<Result<std::vector<store::QueuedLocal>>> due(std::size_t at_most, std::chrono::seconds claim_for) override {
    return store_->due_local(at_most, claim_for);
  }
  Async<Result<void>> postpone(store::QueuedLocal letter, SystemTime next, std::string why) override {
    return store_->postpone_local(std::move(letter), next, std::move(why));
  }
  Async<Result<void>> hold(store::QueuedLocal letter, std::string why) override {
    return store_->hold_local(std::move(letter), std::move(why));
  }
  Async<Result<std::optional<SystemTime>>> next_due() override { return store_->next_due(); }

 private:
  store::Store* store_;
};

}  // namespace

std::unique_ptr<LocalLetters> letters_of(store::Store& store) { return std::make_unique<StoreLetters>(store); }

}  // namespace pabal::queue
