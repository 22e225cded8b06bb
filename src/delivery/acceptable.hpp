// Which recipients a server may accept at RCPT, said once for SMTP, submission and LMTP.
#pragma once
#include <memory>

#include "account/directory.hpp"
#include "base/error.hpp"

namespace pabal::delivery {

/// What there is for letters to other domains.
struct WaysOut {
  bool forwards = false;  ///< something carries letters there: an alias may lead there
  bool relays = false;    ///< and whoever asks may send there
};

/// What the address leads to, if a letter to it reaches all of that; null where it is at another domain. Else why not:
///   not_found  the domain is ours, the address is nobody's            550 5.1.1
///   policy     the domain is not ours, or an alias leads elsewhere    550 5.7.1
///   state      the account is switched off                            550 5.2.1
/// Where nothing carries letters elsewhere an alias with a target there is refused as a whole: accepting it would be a
/// promise that we can't keep.
/// What is given back shares the resolution, which must not be null.
[[nodiscard]] Result<std::shared_ptr<const account::LocalRecipient>> acceptable(
    std::shared_ptr<const account::Resolution> resolution, WaysOut ways);

}  // namespace pabal::delivery
