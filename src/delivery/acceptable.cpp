#include "delivery/acceptable.hpp"

namespace pabal::delivery {

namespace {

struct Judge {
  WaysOut ways;
  Result<const account::LocalRecipient*> operator()(const account::LocalRecipient& local) const {
    if (!local.remote_targets.empty() && !ways.forwards) {
      return fail(ErrorKind::policy, "this address leads to other domains, which are not served",
                  "alias with a target at another domain: " + local.remote_targets.front().text());
    }
    if (local.targets.empty() && local.remote_targets.empty())
      return fail(ErrorKind::not_found, "no such mailbox here");
    return &local;
  }
  Result<const account::LocalRecipient*> operator()(const account::NotOurDomain& /*unused*/) const {
    if (ways.relays) return nullptr;
    return fail(ErrorKind::policy, "relaying is not allowed");
  }
  Result<const account::LocalRecipient*> operator()(const account::UnknownRecipient& /*unused*/) const {
    return fail(ErrorKind::not_found, "no such mailbox here");
  }
  Result<const account::LocalRecipient*> operator()(const account::DisabledRecipient& /*unused*/) const {
    return fail(ErrorKind::state, "the mailbox is disabled");
  }
};

}  // namespace

Result<std::shared_ptr<const account::LocalRecipient>> acceptable(std::shared_ptr<const account::Resolution> resolution,
                                                                  WaysOut ways) {
  const auto local = std::visit(Judge{ways}, *resolution);
  if (!local) return pass(local);
  if (*local == nullptr) return std::shared_ptr<const account::LocalRecipient>();
  return std::shared_ptr<const account::LocalRecipient>(std::move(resolution), *local);
}

}  // namespace pabal::delivery
