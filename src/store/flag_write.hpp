// Rows of messages get new flags: many with few statements.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "store/flag_effect.hpp"

namespace pabal::store {

class FlagWrite {
 public:
  FlagWrite(db::Connection& connection, AccountId account, MailboxId mailbox, ChangeNumber change)
      : connection_(&connection), account_(account), mailbox_(mailbox), change_(change) {}

  /// A row that gets this state, which outlives this. `next`: it follows the row of the call before in the mailbox,
  /// with none between.
  [[nodiscard]] Result<void> add(const FlagState& state, std::uint32_t uid, bool next);
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] Result<void> end_run();
  [[nodiscard]] Result<void> write_list(const FlagState& state, std::span<const std::uint32_t> uids);

  db::Connection* connection_;
  AccountId account_;
  MailboxId mailbox_;
  ChangeNumber change_;
  const FlagState* state_ = nullptr;
  std::vector<std::uint32_t> run_;
  std::map<const FlagState*, std::vector<std::uint32_t>> lists_;
};

}  // namespace pabal::store
