#include "delivery/acceptable.hpp"

namespace pabal::delivery {

namespace {

struct Judge {
  Result<account::LocalRecipient> operator()(account::LocalRecipient&& local) const {
    if (!local.remote_targets.empty()) {
      return fail(ErrorKind::policy, "this address leads to other domains, which are not served",
                  "alias with a target at another domain: " + local.remote_targets.front().text());
    }
    if (local.targets.empty()) return fail(ErrorKind::not_found, "no such mailbox here");
    return std::move(local);
  }
  Result<account::LocalRecipient> operator()(account::NotOurDomain&& /*unused*/) const {
    return fail(ErrorKind::policy, "relaying is not allowed");
  }
  Result<account::LocalRecipient> operator()(account::UnknownRecipient&& /*unused*/) const {
    return fail(ErrorKind::not_found, "no such mailbox here");
  }
  Result<account::LocalRecipient> operator()(account::DisabledRecipient&& /*unused*/) const {
    return fail(ErrorKind::state, "the mailbox is disabled");
  }
};

}  // namespace

Result<account::LocalRecipient> acceptable(account::Resolution resolution) {
  return std::visit(Judge{}, std::move(resolution));
}

}  // namespace pabal::delivery
