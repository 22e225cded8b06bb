// ArcSealer: continues a letter's ARC chain (RFC 8617 §5.1) when it is passed on.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "mailauth/arc.hpp"
#include "mailauth/dkim_signer.hpp"

namespace pabal::mailauth {

struct ArcSealing {
  DkimIdentity identity;
  /// What the message signature covers; empty: usual_fields() and the letter's DKIM-Signature fields. Never ARC fields
  /// and Authentication-Results (RFC 8617 §4.1.2).
  std::vector<std::string> fields{};
  SystemTime now{};  ///< t=
};

/// Memory: the header section, and some hundred octets. Not for several threads at once.
class ArcSealer {
 public:
  explicit ArcSealer(ArcSealing sealing);
  ~ArcSealer();
  ArcSealer(ArcSealer&&) noexcept;
  ArcSealer& operator=(ArcSealer&&) noexcept;

  /// The letter as it goes out, in any pieces; LF is taken for CRLF.
  void take(std::string_view octets);
  /// The letter is whole: ARC-Seal, ARC-Message-Signature and ARC-Authentication-Results, folded, with their CRLFs, to
  /// be put before it. `results` is what an Authentication-Results field of this host says, authserv-id first
  /// (authentication_results.hpp), on one line or folded; `cv` is how the chain stood when the letter came in. Errors:
  /// exists, where the chain has ended: its latest seal says cv=fail, or it has 50 sets; syntax, where `cv` doesn't
  /// fit what is there, and as DkimSigner::finish(); io.
  [[nodiscard]] Result<std::string> finish(std::string_view results, ArcStatus cv);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace pabal::mailauth
