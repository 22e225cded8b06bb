// Word for an author who asked for it that a letter is in its mailboxes (RFC 3461 §4.1 NOTIFY=SUCCESS, §5.2.3).
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "delivery/mda.hpp"
#include "delivery/plan.hpp"

namespace pabal::delivery {

struct Receipt {
  std::string id;      ///< the letter's
  std::string author;  ///< the reverse-path, never null
  std::string envelope_id;
  bool smtputf8 = false;
  bool require_tls = false;  ///< the letter had to go over TLS: nothing of it is to be told (RFC 8689 §5)
  SystemTime arrived;
  std::string head;  ///< the letter's header section
  struct Recipient {
    std::string address;
    std::string original_recipient;  ///< ORCPT, decoded; may be empty
    std::size_t number = 0;          ///< in the letter
  };
  std::vector<Recipient> recipients;
};

/// For the recipients whose mailboxes are all here and for whom it was asked. Nothing: for none, or nobody is to be
/// told.
[[nodiscard]] std::optional<Receipt> wanted_receipt(const Letter& letter, SystemTime now);

/// Whether NOTIFY asks for word of success.
[[nodiscard]] bool asks_for_success(std::string_view notify);

/// For a letter of which nobody knows that it comes from where its reverse-path says: word of success, which would have
/// its header in it, would go to whomever a stranger names. Failures are told all the same; what was asked of successes
/// (NOTIFY=SUCCESS, RFC 2852's trace) isn't, neither here nor by those whom the letter goes on to.
void leave_success_untold(Letter& letter);

/// Leaves those out for whom the letter is not in all mailboxes; false where nobody is left.
[[nodiscard]] bool keep_stored(Receipt& receipt, const Plan& plan, const std::vector<store::TargetOutcome>& outcomes);

}  // namespace pabal::delivery
