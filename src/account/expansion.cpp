#include "account/expansion.hpp"

#include <algorithm>

#include "account/directory_rows.hpp"
#include "base/text.hpp"

namespace pabal::account {

namespace {

// How an address came up while another was expanded.
struct Way {
  std::string detail;  // of the alias that led here, for targets that have none
  int depth = 0;
  bool implicit = false;  // a catch-all or a fallback is on the way
};

class Expansion {
 public:
  Expansion(db::Connection& connection, const DirectoryOptions& options) : connection_(connection), options_(options) {}

  // Adds what a local address leads to; its domain is ours.
  Result<void> add_local(const EmailAddress& address, const Way& way) {
    const std::string& local = address.local_part();
    const std::string& domain = address.domain()->ascii();
    const std::string key = canonical_local_part(local);
    const char separator = options_.subaddress_separator;
    const auto at = separator == '\0' ? std::string::npos : local.find(separator);
    const bool has_detail = at != std::string::npos && at > 0;
    const std::string base = has_detail ? canonical_local_part(std::string_view(local).substr(0, at)) : key;

    auto found = add_exact(domain, key, way);
    if (found && !*found && has_detail)
      found = add_exact(domain, base, {local.substr(at + 1), way.depth, way.implicit});
    if (!found) return pass(found);
    if (base == "postmaster" && nothing_yet()) {
      // RFC 5321 §4.5.1: somebody must read it, also where its own account is disabled.
      found = add_first_account(domain, way);
      if (!found) return pass(found);
    }
    if (*found) return {};
    return add_catch_all(domain, way);
  }

  [[nodiscard]] Expanded result() && {
    if (!nothing_yet()) {
      return {std::move(recipient_), std::move(meant_)};
    }
    if (saw_disabled_) return {DisabledRecipient{}, {}};
    return {UnknownRecipient{}, {}};
  }

 private:
  [[nodiscard]] bool nothing_yet() const noexcept {
    return recipient_.targets.empty() && recipient_.remote_targets.empty();
  }

  // An account or alias of just this name; false where there is none.
  Result<bool> add_exact(const std::string& domain, const std::string& key, const Way& way) {
    auto account = rows::account(connection_, domain, key);
    if (!account) return pass(account);
    if (*account) {
      add_account(std::move(**account), way);
      return true;
    }
    const auto targets = rows::alias_targets(connection_, domain, key);
    if (!targets) return pass(targets);
    if (targets->empty()) return false;
    // An alias that leads back to itself, at whatever distance, adds nothing the second time.
    if (!seen_.insert(key + '@' + domain).second) return true;
    for (const auto& target : *targets) {
      if (auto added = add_target(target, {way.detail, way.depth + 1, way.implicit}); !added) return pass(added);
    }
    return true;
  }

  void add_account(Account account, const Way& way) {
    if (!account.enabled) {
      saw_disabled_ = true;
      return;
    }
    if (!way.implicit && std::ranges::find(meant_, account.id) == meant_.end()) meant_.push_back(account.id);
    if (std::ranges::find(recipient_.targets, account.id, &LocalTarget::account) != recipient_.targets.end()) return;
    recipient_.targets.push_back({.account = account.id,
                                  .shard = account.shard,
                                  .delivered_to = std::move(account.address),
                                  .detail = way.detail});
  }

  // What an alias or catch-all names: a local address or one elsewhere.
  Result<void> add_target(const EmailAddress& target, const Way& way) {
    if (way.depth > options_.max_alias_depth) {
      return fail(ErrorKind::limit, "alias nesting too deep", "an alias nests too deep at " + target.text());
    }
    if (++targets_ > options_.max_alias_targets) {
      return fail(ErrorKind::limit, "alias leads to too many recipients",
                  "an alias leads to too many recipients at " + target.text());
    }
    if (target.domain() != nullptr) {
      const auto ours = rows::has_domain(connection_, target.domain()->ascii());
      if (!ours) return pass(ours);
      if (*ours) return add_local(target, way);
    }
    auto& remote = recipient_.remote_targets;
    if (std::ranges::find(remote, target) == remote.end()) remote.push_back(target);
    return {};
  }

  Result<bool> add_first_account(const std::string& domain, const Way& way) {
    auto account = rows::first_account(connection_, domain);
    if (account && !*account) account = rows::first_account(connection_, {});
    if (!account) return pass(account);
    if (!*account) return false;
    add_account(std::move(**account), {{}, way.depth, true});
    return true;
  }

  Result<void> add_catch_all(const std::string& domain, const Way& way) {
    const auto target = rows::catch_all(connection_, domain);
    if (!target) return pass(target);
    // No local part has a line feed, so this stands for the domain's catch-all.
    if (!*target || !seen_.insert("\n@" + domain).second) return {};
    return add_target(**target, {{}, way.depth + 1, true});
  }

  db::Connection& connection_;
  const DirectoryOptions& options_;
  LocalRecipient recipient_;
  std::vector<AccountId> meant_;
  std::unordered_set<std::string> seen_;
  std::size_t targets_ = 0;
  bool saw_disabled_ = false;
};

}  // namespace

Result<Expanded> expand(db::Connection& connection, const DirectoryOptions& options, const EmailAddress& recipient) {
  if (recipient.domain() == nullptr) return Expanded{NotOurDomain{}, {}};
  const auto ours = rows::has_domain(connection, recipient.domain()->ascii());
  if (!ours) return pass(ours);
  if (!*ours) return Expanded{NotOurDomain{}, {}};
  Expansion expansion(connection, options);
  if (auto added = expansion.add_local(recipient, {}); !added) return pass(added);
  return std::move(expansion).result();
}

}  // namespace pabal::account
