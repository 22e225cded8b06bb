// Sets of UIDs as the grammar has them and as the store takes them.
#pragma once
#include "imap/sequence_set.hpp"
#include "store/mailbox_api.hpp"

namespace pabal::server::imap {

[[nodiscard]] inline store::UidRanges ranges_of(const pabal::imap::NumberSet& set) {
  store::UidRanges ranges;
  ranges.reserve(set.ranges().size());
  for (const auto& range : set.ranges()) ranges.push_back({.first = range.first, .last = range.last});
  return ranges;
}

}  // namespace pabal::server::imap
