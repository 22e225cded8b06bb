// Which recipients a server may accept at RCPT, said once for SMTP, submission and LMTP.
#pragma once
#include <memory>

#include "account/directory.hpp"
#include "base/error.hpp"

namespace pabal::delivery {

/// The mailboxes that the address leads to, if we can deliver to all of them; else why not:
///   not_found  the domain is ours, the address is nobody's            550 5.1.1
///   policy     the domain is not ours, or an alias leads elsewhere    550 5.7.1
///   state      the account is switched off                            550 5.2.1
/// An alias with a target at another domain is refused as a whole as long as nothing carries letters there: accepting
/// it would be a promise that we can't keep.
/// What is given back shares the resolution, which must not be null.
[[nodiscard]] Result<std::shared_ptr<const account::LocalRecipient>> acceptable(
    std::shared_ptr<const account::Resolution> resolution);

}  // namespace pabal::delivery
