#include "store/flag_write.hpp"

#include <algorithm>
#include <array>

#include "store/blobs.hpp"

namespace pabal::store {

namespace {
// Runs from this length on get a statement of their own; shorter ones go in lists.
constexpr std::size_t kRun = 16;
}  // namespace

Result<void> FlagWrite::add(const FlagState& state, std::uint32_t uid, bool next) {
  if (!next || state_ != &state) {
    if (auto ended = end_run(); !ended) return ended;
    state_ = &state;
  }
  run_.push_back(uid);
  return {};
}

Result<void> FlagWrite::finish() {
  if (auto ended = end_run(); !ended) return ended;
  for (auto& [state, uids] : lists_) {
    if (auto written = write_list(*state, uids); !written) return written;
  }
  lists_.clear();
  return {};
}

Result<void> FlagWrite::end_run() {
  if (run_.empty()) return {};
  if (run_.size() < kRun) {
    auto& list = lists_[state_];
    list.insert(list.end(), run_.begin(), run_.end());
  } else {
    auto written = connection_->run(
        "UPDATE membership SET keywords = $1, deleted = $2, change = $3 WHERE account_id = $4 AND mailbox_id = $5 AND "
        "uid BETWEEN $6 AND $7",
        {db::Octets{state_->keywords}, std::int64_t{state_->deleted}, change_.value, account_.value, mailbox_.value,
         std::int64_t{run_.front()}, std::int64_t{run_.back()}});
    if (!written) return pass(written);
  }
  run_.clear();
  return {};
}

Result<void> FlagWrite::write_list(const FlagState& state, std::span<const std::uint32_t> uids) {
  static const std::string sql = fmt::format(
      "UPDATE membership SET keywords = $1, deleted = $2, change = $3 WHERE account_id = $4 AND mailbox_id = $5 AND "
      "uid IN ({})",
      number_list(6));
  for (std::size_t at = 0; at < uids.size(); at += kListed) {
    std::array<db::Parameter, kListed + 5> parameters{db::Octets{state.keywords}, std::int64_t{state.deleted},
                                                      change_.value, account_.value, mailbox_.value};
    for (std::size_t i = 0; i < kListed; ++i) parameters[i + 5] = std::int64_t{uids[std::min(at + i, uids.size() - 1)]};
    auto written = connection_->run(sql, parameters);
    if (!written) return pass(written);
  }
  return {};
}

}  // namespace pabal::store
