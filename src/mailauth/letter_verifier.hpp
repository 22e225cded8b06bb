// LetterVerifier: reads a letter once, while it arrives, and verifies its DKIM signatures (RFC 6376 §6) and its ARC
// chain (RFC 8617 §5.2): each form of the body is hashed once, whatever the number of signatures and their lengths.
// Keys are asked for side by side: those of the DKIM signatures and of the latest ARC set first, those of older sets
// when all above them holds (arc_validation.hpp).
#pragma once
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "dns/resolver.hpp"
#include "mailauth/arc.hpp"
#include "mailauth/dkim.hpp"
#include "mailauth/key_record.hpp"

namespace pabal::mailauth {

struct VerifierLimits {
  /// A header section that is longer isn't looked at: all of its signatures are `policy`.
  std::size_t header_octets = std::size_t{1} << 20;
  /// DKIM signatures; others are not looked at. Those of the author's own domain come first, then those near it, then
  /// the ones on top: who passed the letter on puts his there. For each that
  /// proves nothing one more is looked at, whose body hash fits, up to four times as many in all.
  std::size_t signatures = 5;
  /// ARC sets; a chain of more fails (RFC 8617 §4.2.1: 50 at most).
  std::size_t arc_sets = 50;
  /// Octets of header fields that are hashed for all signatures together; those behind are `policy`.
  std::size_t hashed_octets = std::size_t{16} << 20;
};

struct SignatureOutcomes {
  std::vector<DkimOutcome> dkim;  ///< in the order of the fields
  std::size_t passed_over = 0;    ///< DKIM signatures that were not looked at
  ArcOutcome arc;
};

/// Memory: the header section, and some hundred octets. Not for several threads at once.
class LetterVerifier {
 public:
  /// `keys` must outlive this.
  explicit LetterVerifier(KeyCache& keys, VerifierLimits limits = {});
  ~LetterVerifier();
  LetterVerifier(LetterVerifier&&) noexcept;
  LetterVerifier& operator=(LetterVerifier&&) noexcept;

  /// The letter's octets as they come, in any pieces. Lines end with CRLF or LF, which is taken for CRLF.
  void take(std::string_view octets);
  /// Whether the header section has ended, so that it is known which keys are needed.
  [[nodiscard]] bool header_whole() const noexcept;
  /// The header section so far, with the empty line once that has come; lines end with CRLF. Valid until the next
  /// take().
  [[nodiscard]] std::string_view header() const noexcept;
  /// The letter is whole. verify() and finish() do it too.
  void end();
  /// The keys that are needed next; once the header is whole.
  [[nodiscard]] std::vector<dns::Question> questions() const;
  /// The answers to those, in their order; what is missing counts as not looked up. Octets may still be taken.
  void take_answers(std::vector<dns::Answer> answers);
  /// How many signatures verify() would look at now.
  [[nodiscard]] std::size_t work() const;
  /// The letter is whole: verifies what it can with the answers so far. True: all is done; false: questions() has the
  /// next ones. Takes some 20 to 200 µs a signature, and waits for nothing: any thread, while no other uses this.
  [[nodiscard]] bool verify(SystemTime now);
  /// What came of it. Once, and last.
  [[nodiscard]] SignatureOutcomes outcomes();

  /// All of that, for those who have the letter whole. `resolver` must live until the end.
  [[nodiscard]] Async<SignatureOutcomes> finish(dns::Resolver& resolver, SystemTime now);
  /// The same with the answers to the first questions() alone: a chain of several ARC sets wants more.
  [[nodiscard]] SignatureOutcomes finish(std::vector<dns::Answer> answers, SystemTime now);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace pabal::mailauth
