// DkimSigner: signs a letter (RFC 6376 §5) with one or several keys at once, over a body that is hashed once.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "mailauth/canonical.hpp"
#include "mailauth/signing_key.hpp"

namespace pabal::mailauth {

struct DkimIdentity {
  DkimSigningKey key;
  std::string domain;    ///< d=, A-labels
  std::string selector;  ///< s=
};

struct DkimSigning {
  std::vector<DkimIdentity> identities;  ///< a field for each, in this order
  /// Exactly these, in this order, a name as often as it shall count (once more than there are such fields keeps others
  /// from adding one). Empty: usual_fields().
  std::vector<std::string> fields{};
  Canonicalization header_form = Canonicalization::relaxed;
  Canonicalization body_form = Canonicalization::relaxed;
  SystemTime now{};                                     ///< t=
  std::optional<std::chrono::seconds> expires_after{};  ///< x=; none: no x=
  std::string identity{};                               ///< i=; empty: none
};

/// What is signed where nothing else is said (RFC 6376 §5.4.1): the fields that a reader sees or that say how to read
/// the letter, each once more than there are (so that none can be added unseen), and those of lists and resenders as
/// often as they are. `header` is a header section whose lines end with CRLF.
[[nodiscard]] std::vector<std::string> usual_fields(std::string_view header);

/// Memory: the header section, and some hundred octets. Not for several threads at once.
class DkimSigner {
 public:
  explicit DkimSigner(DkimSigning signing);
  ~DkimSigner();
  DkimSigner(DkimSigner&&) noexcept;
  DkimSigner& operator=(DkimSigner&&) noexcept;

  /// The letter's octets as they come, in any pieces; LF is taken for CRLF.
  void take(std::string_view octets);
  /// The letter is whole: its DKIM-Signature fields, folded, each with its CRLF, to be put before the letter. Tags
  /// stand in the order of the alphabet, one white space after each `;`. Errors: syntax (no From, names that are none,
  /// a header section over 1 MiB), io.
  [[nodiscard]] Result<std::string> finish();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace pabal::mailauth
