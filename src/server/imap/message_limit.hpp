// How many messages one command may be about (RFC 9738): of more, those with the highest UIDs are taken, and the client
// hears which was the lowest, so that it goes on below.
#pragma once
#include <string>

#include "server/imap/session.hpp"

namespace pabal::server::imap {

/// The lowest UID of the `limit` highest; of more than that.
[[nodiscard]] inline std::uint32_t lowest_of(const grammar::NumberSet& uids, std::uint64_t limit) {
  std::uint32_t lowest = 0;
  for (auto range = uids.ranges().rbegin(); limit > 0; ++range) {
    const auto taken = std::min(limit, range->size());
    lowest = static_cast<std::uint32_t>(range->last - taken + 1);
    limit -= taken;
  }
  return lowest;
}

[[nodiscard]] inline std::string limit_code(std::uint64_t limit, std::uint32_t lowest) {
  return fmt::format("MESSAGELIMIT {} {}", limit, lowest);
}

/// Leaves as many as the limit allows. The code of the answer; none where they were few enough.
[[nodiscard]] inline std::string keep_to_limit(const Session& session, grammar::NumberSet& uids) {
  const auto limit = session.limits().message_limit;
  if (limit == 0 || uids.count() <= limit) return {};
  const auto lowest = lowest_of(uids, limit);
  uids = uids.intersect({{.first = lowest, .last = UINT32_MAX}});
  return limit_code(limit, lowest);
}

}  // namespace pabal::server::imap
