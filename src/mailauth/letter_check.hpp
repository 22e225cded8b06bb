// LetterCheck: one check of a whole letter: SPF of HELO and MAIL FROM, iprev, DKIM, ARC and DMARC, and what follows
// from them. The body is hashed while it arrives; all questions to the DNS are under way side by side as early as they
// can be, and all of it has one deadline, after which what isn't known is a temperror.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/public_suffix.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "dns/resolver.hpp"
#include "mailauth/ip_address.hpp"
#include "mailauth/key_record.hpp"
#include "mailauth/letter_policy.hpp"
#include "mailauth/letter_verdict.hpp"
#include "mailauth/letter_verifier.hpp"

namespace pabal::mailauth {

struct CheckSettings {
  DmarcStandard dmarc_standard = DmarcStandard::tree_walk;
  /// From the letter's end on, for all of it. What the sender's names cost ends after two thirds of it, so that he
  /// can't take the time of the question what the author's domain asks.
  std::chrono::milliseconds deadline{20'000};
  std::size_t most_questions = 300;  ///< to the DNS, for one letter
  VerifierLimits verifier;
  LetterPolicy policy;
};

/// Who gives us the letter. Nothing in it need be well-formed.
struct CheckedClient {
  std::optional<IpAddress> address;  ///< none: not known; neither SPF nor iprev then
  std::string helo;
  std::string mail_from;     ///< without brackets; empty: the null reverse-path
  bool sender_known = true;  ///< else nothing is known of the reverse-path, and it is no bounce
  std::string receiver;      ///< our own name
  bool allowed_network = false;
  unsigned roll = 0;  ///< 0 to 99, by chance: for pct=
};

/// What all checks share; must outlive what they have under way (begin()).
struct CheckTools {
  dns::Resolver* resolver = nullptr;
  const PublicSuffix* suffixes = nullptr;
  KeyCache* keys = nullptr;
  /// Where the signatures of letters with many are verified; null: at home, all of them.
  Pool* pool = nullptr;
};

/// All calls at home. Dropping it ends what is under way, but for single questions, which keep what they need of it.
class LetterCheck {
 public:
  /// `settings` must outlive it.
  LetterCheck(CheckTools tools, const CheckSettings& settings, CheckedClient client, SystemTime now);
  ~LetterCheck();
  LetterCheck(const LetterCheck&) = delete;
  LetterCheck& operator=(const LetterCheck&) = delete;

  /// The look-ups that need no letter begin: SPF and iprev, as soon as it is known who sends to somebody here. Once,
  /// before all else.
  void begin(const Executor& home);
  /// The letter as it was sent, in any pieces. The look-ups that its header wants begin when that is whole.
  void take(std::string_view octets);
  /// The letter's header section; once it is whole.
  [[nodiscard]] std::string_view header() const noexcept;
  /// The letter is whole, and goes to these addresses. Once, and last but for header().
  [[nodiscard]] Async<LetterVerdict> finish(const std::vector<std::string>& recipients = {});

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace pabal::mailauth
