#include "delivery/plan.hpp"

#include <chrono>
#include <map>

#include <fmt/chrono.h>

#include "base/json.hpp"
#include "base/text.hpp"

namespace pabal::delivery {

namespace {

// RFC 3339, UTC, with milliseconds.
std::string timestamp(SystemTime time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto part = (milliseconds - std::chrono::floor<std::chrono::seconds>(time)).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time))),
                     part);
}

// What came from a peer may be any octets; JSON is UTF-8.
json::string text(std::string_view value, const json::storage_ptr& storage) {
  if (is_utf8(value)) return {value, storage};
  return {printable(value, 1000), storage};
}

std::string make_trace(const Letter& letter, const Plan& plan, SystemTime now) {
  std::array<unsigned char, 4096> buffer;
  json::monotonic_resource memory(buffer.data(), buffer.size());
  const json::storage_ptr storage(&memory);

  json::object trace(storage);
  trace.reserve(24);
  const auto put = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) trace.emplace(name, text(value, storage));
  };
  trace["event"] = "delivery";
  put("id", letter.id);
  put("session", letter.origin.session);
  put("time", timestamp(now));
  put("client", letter.origin.client_address);
  put("helo", letter.origin.helo);
  put("protocol", letter.origin.protocol);
  put("tls", letter.origin.tls);
  if (letter.origin.authenticated) trace["authenticated"] = letter.origin.authenticated->value;
  trace["sender"] = text(plan.delivery.sender, storage);
  put("envid", letter.envid);
  if (letter.smtputf8) trace["smtputf8"] = true;

  json::array recipients(storage);
  recipients.reserve(letter.recipients.size());
  std::vector<bool> named(plan.delivery.targets.size());
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    json::object recipient(storage);
    recipient["address"] = text(letter.recipients[i].address.text(), storage);
    // Each mailbox is named once, however many recipients lead there: recipients times mailboxes would be too much.
    json::array targets(storage);
    std::size_t named_above = 0;
    for (const auto at : plan.targets_of[i]) {
      if (named[at]) {
        ++named_above;
        continue;
      }
      named[at] = true;
      const auto& target = plan.delivery.targets[at];
      json::object led_to(storage);
      led_to["account"] = target.place.account.value;
      led_to["mailbox"] = text(target.mailbox, storage);
      targets.push_back(std::move(led_to));
    }
    recipient["targets"] = std::move(targets);
    if (named_above != 0) recipient["targets_named_above"] = named_above;
    recipients.push_back(std::move(recipient));
  }
  trace["recipients"] = std::move(recipients);
  trace["size"] = letter.content.size();
  put("message_id", plan.delivery.message_id);
  trace["outcome"] = letter.answer_each ? "to the mailboxes, each recipient answered" : "to the mailboxes";
  return json::serialize(trace);
}

const Error* failure(const store::TargetOutcome& outcome) {
  return outcome.result || outcome.queued ? nullptr : &outcome.result.error();
}

// Of two failures the one that the sender should act on.
const Error* worse(const Error* a, const Error* b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  return !a->temporary() && b->temporary() ? b : a;
}

Result<void> as_result(const Error* error) {
  if (error == nullptr) return {};
  return std::unexpected(*error);
}

}  // namespace

std::string private_prefix(const std::optional<EmailAddress>& sender, const EmailAddress& delivered_to) {
  std::string prefix = "Return-Path: <";
  if (sender) prefix.append(sender->text());
  prefix.append(">\r\nDelivered-To: ").append(delivered_to.text()).append("\r\n");
  return prefix;
}

std::string_view message_id(std::string_view message) noexcept {
  constexpr std::string_view kName = "message-id:";
  while (!message.empty() && message.front() != '\r' && message.front() != '\n') {
    const auto end = std::min(message.find('\n'), message.size());
    if (starts_with_ignoring_case(message, kName)) {
      // The field goes on while lines begin with white space.
      auto stop = end;
      while (stop + 1 < message.size() && (message[stop + 1] == ' ' || message[stop + 1] == '\t')) {
        stop = std::min(message.find('\n', stop + 1), message.size());
      }
      auto value = message.substr(kName.size(), stop - kName.size());
      const auto open = value.find('<');
      const auto close = value.find('>', open == std::string_view::npos ? 0 : open);
      if (open != std::string_view::npos && close != std::string_view::npos) {
        value = value.substr(open, close - open + 1);
      } else {
        value = trim(value.substr(0, std::min(value.find('\r'), value.find('\n'))));
      }
      return value.substr(0, 998);
    }
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  return {};
}

Plan make_plan(Letter letter, SystemTime now) {
  Plan plan;
  plan.answer_each = letter.answer_each;
  plan.delivery.id = letter.id;
  plan.delivery.sender = letter.sender ? letter.sender->text() : std::string();
  plan.delivery.retry_locally = !letter.answer_each;
  plan.delivery.message_id = message_id(letter.content.head());
  plan.delivery.envelope_id = letter.envid;
  plan.delivery.ret = letter.ret;
  plan.delivery.smtputf8 = letter.smtputf8;
  plan.delivery.require_tls = letter.require_tls;
  plan.targets_of.resize(letter.recipients.size());
  std::map<std::pair<ShardId, AccountId>, std::size_t> known;
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    const auto& recipient = letter.recipients[i];
    for (const auto& target : recipient.local->targets) {
      const auto [at, fresh] = known.try_emplace({target.shard, target.account}, plan.delivery.targets.size());
      if (fresh) {
        plan.delivery.targets.push_back({.place = {.account = target.account, .shard = target.shard},
                                         .recipient = recipient.address.text(),
                                         .prefix = private_prefix(letter.sender, target.delivered_to),
                                         .keywords = {},
                                         .notify = recipient.notify,
                                         .original_recipient = recipient.orcpt});
      }
      plan.targets_of[i].push_back(at->second);
    }
  }
  plan.delivery.trace = make_trace(letter, plan, now);
  plan.delivery.content = std::move(letter.content);
  return plan;
}

Answer make_answer(const Plan& plan, const Result<std::vector<store::TargetOutcome>>& outcomes) {
  Answer answer;
  const std::size_t recipients = plan.targets_of.size();
  if (!outcomes) {
    answer.results.assign(plan.answer_each ? recipients : 1, std::unexpected(outcomes.error()));
    return answer;
  }
  if (!plan.answer_each) {
    const Error* worst = nullptr;
    for (const auto& outcome : *outcomes) worst = worse(worst, failure(outcome));
    answer.results.push_back(as_result(worst));
    return answer;
  }
  answer.results.reserve(recipients);
  for (const auto& targets : plan.targets_of) {
    const Error* worst = nullptr;
    for (const auto at : targets) worst = worse(worst, failure((*outcomes)[at]));
    answer.results.push_back(as_result(worst));
  }
  return answer;
}

}  // namespace pabal::delivery
