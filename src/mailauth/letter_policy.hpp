// LetterPolicy: what is done with a letter for what was found out about its sender. What DMARC asks is obeyed, but for
// exceptions that the operator makes; what SPF or DKIM say alone does nothing unless the operator wants it to.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "mailauth/arc.hpp"
#include "mailauth/dkim.hpp"
#include "mailauth/dmarc.hpp"
#include "mailauth/letter_authors.hpp"
#include "mailauth/spf.hpp"

namespace pabal::mailauth {

/// What becomes of a letter.
enum class LetterAction : std::uint8_t {
  accept,
  junk,    ///< accepted, into the mailbox for junk
  defer,   ///< 4yz: it may come again
  reject,  ///< 5yz
};
/// "accept", "junk", "defer", "reject".
[[nodiscard]] std::string_view name_of(LetterAction action) noexcept;

/// How far what DMARC asks is done.
enum class DmarcObedience : std::uint8_t {
  obey,
  quarantine,  ///< nothing is refused: what should be goes to the junk
  observe,     ///< nothing is done
};

/// What is done where the DNS couldn't tell, and it matters.
enum class TemperrorRule : std::uint8_t {
  accept,
  /// Who has something to prove comes again: where spf_fail or dkim_fail would judge; where an author's domain is known
  /// to ask for something by DMARC; where the question what it asks had no answer in time, or a forged one, or nothing
  /// can be looked up, all of which others can bring about. Where his name servers alone fail to tell, and nothing
  /// above him asks for anything, the letter is taken: some never tell, and their mail would be lost.
  defer,
  defer_all,  ///< there, too
};

struct LetterPolicy {
  DmarcObedience dmarc = DmarcObedience::obey;
  LetterAction spf_fail = LetterAction::accept;   ///< SPF says fail, and DMARC doesn't say more: accept, junk, reject
  LetterAction dkim_fail = LetterAction::accept;  ///< there are signatures, and none holds; likewise
  TemperrorRule temperror = TemperrorRule::defer;
  /// Nobody can say for sure whom the letter names as its author (AuthorFault): accept, junk, reject. A bounce may name
  /// nobody.
  LetterAction unclear_author = LetterAction::reject;
  /// A DKIM signature that holds for a beginning of the body alone (l=) counts for DMARC (RFC 7489 §3.1.1, RFC 9989);
  /// RFC 6376 §8.2 lets who verifies think otherwise.
  bool count_partial_bodies = true;
  /// Local parts of ours that hear whatever is said to them: a letter to nobody else is neither refused nor set aside.
  /// RFC 5321 §4.5.1 and RFC 2142 §4: those who have trouble with us write there.
  std::vector<std::string> open_recipients = {"postmaster", "abuse"};
  // Domains, with all below them; A-labels in lower case.
  std::vector<std::string> trusted_sealers;  ///< of ARC chains: what they found when they got the letter counts here
  std::vector<std::string> allow_domains;    ///< authors' domains whose letters are never judged by DMARC
  std::vector<std::string> mailing_lists;    ///< what these pass on (List-Id, SPF or DKIM of theirs) may fail DMARC
};

/// What a decision is made of. All must live until it is made.
struct LetterFacts {
  const SpfOutcome* spf = nullptr;  ///< of MAIL FROM; null: not checked
  const std::vector<DkimOutcome>* dkim = nullptr;
  const ArcOutcome* arc = nullptr;
  const DmarcOutcome* dmarc = nullptr;
  AuthorFault author_fault = AuthorFault::none;
  bool null_sender = false;  ///< it came with the null reverse-path, as bounces do
  bool has_list_id = false;
  bool allowed_network = false;  ///< the client is in a network whose letters are never refused for this
  bool open_recipients = false;  ///< all of its recipients are such as the policy's
  unsigned roll = 0;             ///< 0 to 99, by chance: for pct=
};

/// Why something else is done than the domain asks: "sampled_out", "policy_test_mode", "trusted_forwarder",
/// "mailing_list", "local_policy" (RFC 7489 §7.2).
struct PolicyOverride {
  std::string type;
  std::string comment;
};

struct LetterDecision {
  LetterAction action = LetterAction::accept;
  DmarcPolicy asked = DmarcPolicy::none;  ///< what the author's domain asks for this letter; none where it passed
  DmarcPolicy done = DmarcPolicy::none;   ///< and what of that is done
  std::vector<PolicyOverride> overrides;  ///< why they differ
  std::string why;                        ///< a sentence: why this action
  // For the sender; empty where the letter is accepted.
  int code = 250;
  std::string_view status;  ///< "5.7.1"; its octets stay
  std::string words;
};

/// Whether all of these addresses have local parts that the policy keeps open; false where there are none.
[[nodiscard]] bool are_open(const LetterPolicy& policy, const std::vector<std::string>& recipients);

[[nodiscard]] LetterDecision decide(const LetterPolicy& policy, const LetterFacts& facts);

/// {"action", "asked", "done", "why", "overrides": […]}.
[[nodiscard]] json::object to_json(const LetterDecision& decision);

}  // namespace pabal::mailauth
