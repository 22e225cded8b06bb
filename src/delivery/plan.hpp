// What a letter becomes before the store is asked: one private copy for each account, however many of its recipients
// lead there, with the trace; and what the store's outcomes mean for the sender. Pure functions.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "account/srs.hpp"
#include "base/clock.hpp"
#include "delivery/mda.hpp"
#include "store/store.hpp"

namespace pabal::delivery {

struct Plan {
  store::Delivery delivery;
  /// For each recipient of the letter, in order: its targets' places in delivery.targets.
  std::vector<std::vector<std::size_t>> targets_of;
  bool answer_each = false;
};

/// Takes the letter's content. `now` is the moment of delivery, for the trace. `srs` makes the reverse-paths under
/// which aliases send on to other systems; without it the sender's own is kept.
[[nodiscard]] Plan make_plan(Letter letter, SystemTime now, const account::Srs* srs);

/// What to say to the sender. A recipient succeeds if all its targets are stored or queued; without answer_each the
/// letter succeeds if all recipients do, and a passing error goes before a lasting one: the sender shall try again.
[[nodiscard]] Answer make_answer(const Plan& plan, const Result<std::vector<store::TargetOutcome>>& outcomes);

/// The header fields that stand before what all recipients share: Return-Path first (RFC 5321 §4.4), then Delivered-To
/// (RFC 9228) with the address of the account.
[[nodiscard]] std::string private_prefix(const std::optional<EmailAddress>& sender, const EmailAddress& delivered_to);

/// The value of the first Message-ID field in the header section that `message` begins with, comments and folding left
/// away where there is one in angle brackets; empty where there is none. At most 998 octets.
[[nodiscard]] std::string_view message_id(std::string_view message) noexcept;

/// Whether the header section that `message` begins with has `TLS-Required: No` (RFC 8689 §3), once.
[[nodiscard]] bool waives_tls(std::string_view message) noexcept;

}  // namespace pabal::delivery
