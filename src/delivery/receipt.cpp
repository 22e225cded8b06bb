#include "delivery/receipt.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "message/header.hpp"

namespace pabal::delivery {

bool asks_for_success(std::string_view notify) {
  return !notify.empty() && std::ranges::any_of(split(notify, ','), [](std::string_view word) {
    return equal_ignoring_case(trim(word), "success");
  });
}

std::optional<Receipt> wanted_receipt(const Letter& letter, SystemTime now) {
  if (!letter.sender) return std::nullopt;
  std::optional<Receipt> receipt;
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    const auto& recipient = letter.recipients[i];
    if (!recipient.local || !recipient.local->remote_targets.empty() || !asks_for_success(recipient.notify)) continue;
    if (!receipt) {
      const auto head = letter.content.head();
      receipt = Receipt{.id = letter.id,
                        .author = letter.sender->text(),
                        .envelope_id = letter.envid,
                        .smtputf8 = letter.smtputf8,
                        .require_tls = letter.require_tls,
                        .arrived = now,
                        .head = std::string(head.substr(0, message::header_size(head).value_or(head.size()))),
                        .recipients = {}};
    }
    receipt->recipients.push_back(
        {.address = recipient.address.text(), .original_recipient = recipient.orcpt, .number = i});
  }
  return receipt;
}

void leave_success_untold(Letter& letter) {
  bool asked = letter.terms.deliver_by && letter.terms.deliver_by->traced;
  for (auto& recipient : letter.recipients) {
    if (!asks_for_success(recipient.notify)) continue;
    asked = true;
    std::string rest;
    for (const auto word : split(recipient.notify, ',')) {
      if (equal_ignoring_case(trim(word), "success")) continue;
      rest.append(rest.empty() ? "" : ",").append(word);
    }
    // RFC 3461 §4.1: who asks for successes alone hears of nothing else.
    recipient.notify = rest.empty() ? "NEVER" : std::move(rest);
  }
  if (letter.terms.deliver_by) letter.terms.deliver_by->traced = false;
  if (asked) letter.success_untold = "nobody knows whether the letter comes from where its reverse-path says";
}

bool keep_stored(Receipt& receipt, const Plan& plan, const std::vector<store::TargetOutcome>& outcomes) {
  std::erase_if(receipt.recipients, [&](const Receipt::Recipient& recipient) {
    return std::ranges::any_of(plan.targets_of[recipient.number],
                               [&](std::size_t target) { return !outcomes[target].result; });
  });
  return !receipt.recipients.empty();
}

}  // namespace pabal::delivery
