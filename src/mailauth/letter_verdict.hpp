// LetterVerdict: all that the check of a whole letter found out, and what is to be done with it.
#pragma once
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "mailauth/arc.hpp"
#include "mailauth/dkim.hpp"
#include "mailauth/dmarc.hpp"
#include "mailauth/iprev.hpp"
#include "mailauth/letter_policy.hpp"
#include "mailauth/spf.hpp"
#include "message/trace_fields.hpp"

namespace pabal::mailauth {

struct LetterVerdict {
  SpfQuery client;                    ///< who it came from, where `spf` is there
  std::optional<SpfOutcome> spf;      ///< of MAIL FROM (with the null reverse-path of HELO); none: nobody to ask about
  std::optional<SpfOutcome> helo;     ///< of the HELO name, where it was looked at apart
  std::optional<IprevOutcome> iprev;  ///< likewise
  std::vector<DkimOutcome> dkim;
  std::size_t passed_over = 0;  ///< signatures that were not looked at
  ArcOutcome arc;
  DmarcOutcome dmarc;
  AuthorFault author_fault = AuthorFault::none;
  LetterDecision decision;
  std::size_t questions = 0;  ///< that the DNS was asked
  bool late = false;          ///< not all of them were answered within the letter's time

  /// What Authentication-Results says, in the order of the standard's examples.
  [[nodiscard]] std::vector<message::AuthenticationResult> results() const;
};

/// {"spf":{"result",…},"dkim":[…],"arc":{"cv",…},"dmarc":{"result","policy","disposition",…},…}: all of it, with SPF's
/// whole evaluation, as `pabal check --json` prints it.
[[nodiscard]] json::object to_json(const LetterVerdict& verdict);
/// The same in short, without trees and records: for a letter's trace.
[[nodiscard]] json::object brief_json(const LetterVerdict& verdict);
/// For people: what was looked up, what it said, why each result follows, and what would be done.
[[nodiscard]] std::string teach(const LetterVerdict& verdict);
/// "spf=pass dkim=pass arc=none dmarc=pass": for a line of the log.
[[nodiscard]] std::string summary(const LetterVerdict& verdict);

}  // namespace pabal::mailauth
