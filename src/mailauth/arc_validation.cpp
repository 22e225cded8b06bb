#include "mailauth/arc_validation.hpp"

#include <utility>

#include <fmt/format.h>

namespace pabal::mailauth {

ArcValidation::ArcValidation(const ArcChain& chain, std::size_t most_sets) : chain_(&chain) {
  outcome_.ended = chain.ended_;
  if (!chain.any_) {
    outcome_.reason = "nobody sealed this letter";
    return;
  }
  outcome_.cv = ArcStatus::fail;
  if (chain.broken_) {
    fail(chain.broken_->at, chain.broken_->why);
    return;
  }
  const auto count = chain.sets_.size();
  for (std::size_t i = 1; i <= count; ++i) outcome_.sets.push_back(chain.describe(i));
  if (chain.invalid_) {
    fail(chain.invalid_->at, chain.invalid_->why);
  } else if (count > most_sets) {
    fail(0, fmt::format("the chain has {} sets, and {} are the most that are looked at", count, most_sets));
  } else {
    left_ = count;
  }
}

void ArcValidation::fail(std::size_t at, std::string why) {
  outcome_.cv = ArcStatus::fail;
  outcome_.failed_at = at;
  outcome_.oldest_pass = 0;
  outcome_.reason = std::move(why);
  left_ = 0;
}

void ArcValidation::fail(std::size_t at, const DkimOutcome& signature, std::string_view what) {
  outcome_.temporary = signature.result == DkimResult::temperror;
  fail(at, fmt::format("{} {}: {}", what, at, signature.reason));
}

std::vector<const SignatureField*> ArcValidation::next() const {
  std::vector<const SignatureField*> all;
  for (std::size_t i = left_; i > stretch_end(); --i) {
    const auto& set = chain_->sets_[i - 1];
    // Below one that doesn't hold any more nobody's matters.
    if (outcome_.oldest_pass == 0) all.push_back(&*set.message);
    all.push_back(&*set.seal);
  }
  return all;
}

void ArcValidation::go_on(SignatureCheck& check) {
  if (digests_.empty()) digests_ = chain_->seal_digests();
  const auto end = stretch_end();
  for (std::size_t i = left_; i > end && left_ > 0; --i) verify_set(check, i);
  if (left_ == 0) return;
  left_ = end;
  width_ *= 2;
  if (left_ > 0) return;
  const auto count = outcome_.sets.size();
  outcome_.cv = ArcStatus::pass;
  outcome_.reason =
      fmt::format("{} {}; the letter {}", count, count == 1 ? "seal holds" : "seals hold",
                  outcome_.oldest_pass == 0 ? std::string("is as the first of them got it")
                                            : fmt::format("was changed before set {} was made", outcome_.oldest_pass));
}

void ArcValidation::verify_set(SignatureCheck& check, std::size_t instance) {
  const auto& set = chain_->sets_[instance - 1];
  auto& told = outcome_.sets[instance - 1];
  if (outcome_.oldest_pass == 0) {
    told.message_signature = check.check(*set.message);
    if (told.message_signature.result != DkimResult::pass) {
      if (instance == outcome_.sets.size()) {
        fail(instance, told.message_signature, "message signature");
        return;
      }
      // RFC 8617 §5.2 step 3: who changed the letter last stands right below the oldest signature that still holds.
      outcome_.oldest_pass = instance + 1;
    }
  }
  told.seal = check.check_seal(*set.seal, digests_[instance - 1]);
  if (told.seal.result != DkimResult::pass) fail(instance, told.seal, "seal");
}

}  // namespace pabal::mailauth
