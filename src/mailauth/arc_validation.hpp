// ArcValidation: a chain's signatures, verified from the latest set down (RFC 8617 §5.2), in stretches: the keys of a
// stretch are asked for side by side, and only when all above it has held. So a forged chain costs two questions, and a
// long one that holds a few waits for the DNS.
#pragma once
#include <cstddef>
#include <vector>

#include "mailauth/arc.hpp"
#include "mailauth/arc_chain.hpp"
#include "mailauth/signature_check.hpp"

namespace pabal::mailauth {

/// The chain must outlive it.
class ArcValidation {
 public:
  /// A chain of more sets than `most_sets` fails.
  ArcValidation(const ArcChain& chain, std::size_t most_sets);

  /// What is verified next: nothing once it is done.
  [[nodiscard]] std::vector<const SignatureField*> next() const;
  /// Verifies that. With `check` over the same letter, which has the keys.
  void go_on(SignatureCheck& check);
  [[nodiscard]] bool done() const noexcept { return left_ == 0; }
  /// Once, when it is done.
  [[nodiscard]] ArcOutcome take() { return std::move(outcome_); }

 private:
  [[nodiscard]] std::size_t stretch_end() const noexcept { return left_ > width_ ? left_ - width_ : 0; }
  void verify_set(SignatureCheck& check, std::size_t instance);
  void fail(std::size_t at, std::string why);
  void fail(std::size_t at, const DkimOutcome& signature, std::string_view what);

  const ArcChain* chain_;
  ArcOutcome outcome_;
  std::vector<std::string> digests_;  ///< what each seal covers
  std::size_t left_ = 0;              ///< sets that weren't verified yet: 1 to this one
  std::size_t width_ = 1;             ///< so many of them are next
};

}  // namespace pabal::mailauth
