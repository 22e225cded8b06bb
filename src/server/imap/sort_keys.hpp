// What SORT compares (RFC 5256 §3, RFC 5957): the criteria of a message as one run of octets, so that messages are in
// order where these are.
#pragma once
#include <span>
#include <string>

#include "codec/collation.hpp"
#include "imap/search_program.hpp"
#include "message/derived.hpp"
#include "store/mailbox_api.hpp"

namespace pabal::server::imap {

/// A text counts with so many octets of its key; letters that differ only behind them stand in the mailbox's order.
inline constexpr std::size_t kMostSortOctets = 2048;

/// What is compared of one message. `derived` is null where its letter is damaged: its texts are empty then.
struct SortFacts {
  SystemTime received;
  std::uint64_t size = 0;
  std::uint32_t relevancy = 0;
  const message::Derived* derived = nullptr;
};
/// Appends the key. Keys are made with the same criteria or not compared at all.
void append_sort_key(std::string& out, std::span<const pabal::imap::SortCriterion> criteria, codec::Collation collation,
                     const SortFacts& facts);

/// RFC 5256 §2.2: the Date field's moment, or else INTERNALDATE; seconds since 1970.
[[nodiscard]] std::int64_t sent_seconds(const message::Derived* derived, SystemTime received);

}  // namespace pabal::server::imap
