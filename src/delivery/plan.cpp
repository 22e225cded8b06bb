#include "delivery/plan.hpp"

#include <map>
#include <set>

#include "base/json.hpp"
#include "base/text.hpp"
#include "codec/timestamp.hpp"
#include "message/downgrade.hpp"
#include "message/header.hpp"

namespace pabal::delivery {

namespace {

// What came from a peer may be any octets; JSON is UTF-8.
json::string text(std::string_view value, const json::storage_ptr& storage) {
  if (is_utf8(value)) return {value, storage};
  return {printable(value, 1000), storage};
}

constexpr std::size_t kMostNamed = 100;

json::object named(const SignedBy& key, const json::storage_ptr& storage) {
  json::object out(storage);
  out["domain"] = key.domain;
  out["selector"] = key.selector;
  out["algorithm"] = key.algorithm;
  return out;
}

void put_marks(json::object& trace, const MarksTrace& marks, const json::storage_ptr& storage) {
  if (!marks.signed_by.empty()) {
    json::array keys(storage);
    for (const auto& key : marks.signed_by) keys.push_back(named(key, storage));
    trace["signed"] = std::move(keys);
  }
  if (!marks.unsigned_because.empty()) trace["unsigned"] = text(marks.unsigned_because, storage);
  if (marks.sealed_by) trace["sealed"] = named(*marks.sealed_by, storage);
  if (!marks.unsealed_because.empty()) trace["unsealed"] = text(marks.unsealed_because, storage);
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
  put("time", codec::format_timestamp(now));
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
    if (const auto& local = letter.recipients[i].local; !local) {
      recipient["elsewhere"] = true;
    } else if (!local->remote_targets.empty()) {
      json::array forwarded(storage);
      for (const auto& address : local->remote_targets) {
        if (forwarded.size() == kMostNamed) break;
        forwarded.push_back(text(address.text(), storage));
      }
      recipient["forwarded_to"] = std::move(forwarded);
    }
    if (named_above != 0) recipient["targets_named_above"] = named_above;
    recipients.push_back(std::move(recipient));
  }
  trace["recipients"] = std::move(recipients);
  put("success_untold", letter.success_untold);
  if (!letter.judged.empty()) trace["authentication"] = json::object(letter.judged, storage);
  put_marks(trace, letter.marks, storage);
  trace["size"] = letter.content.size();
  put("message_id", plan.delivery.message_id);
  const std::string_view where = plan.delivery.remote.empty()    ? "to the mailboxes"
                                 : plan.delivery.targets.empty() ? "to the queue"
                                                                 : "to the mailboxes and the queue";
  trace["outcome"] = letter.answer_each ? fmt::format("{}, each recipient answered", where) : std::string(where);
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

bool waives_tls(std::string_view message) noexcept {
  bool waives = false;
  message::HeaderReader reader(message);
  while (const auto field = reader.next()) {
    if (!equal_ignoring_case(field->name, "TLS-Required")) continue;
    // More than one, or another value, says nothing.
    auto value = trim(field->body);
    if (value.starts_with("\r\n")) value = trim(value.substr(2));  // folded
    if (waives || !equal_ignoring_case(value, "no")) return false;
    waives = true;
  }
  return waives;
}

namespace {

// Adds recipients elsewhere, each once for each reverse-path.
class Outgoing {
 public:
  Outgoing(store::Delivery& delivery, const Letter& letter, const account::Srs* srs, SystemTime now)
      : delivery_(&delivery), letter_(&letter), srs_(srs), now_(now) {}

  void add(const Recipient& recipient) {
    if (!recipient.local) {
      add(recipient.address, std::nullopt, recipient, recipient.orcpt);
      return;
    }
    if (recipient.local->remote_targets.empty()) return;
    std::optional<std::string> reverse_path;
    const auto* domain = recipient.address.domain();
    if (srs_ != nullptr && letter_->sender && domain != nullptr) {
      if (const auto rewritten = srs_->forward(*letter_->sender, *domain, now_)) reverse_path = rewritten->text();
    }
    // RFC 3461 §5.2.7: a notice is to name the address that the sender gave.
    auto original = recipient.orcpt;
    if (original.empty()) {
      // RFC 6533 §3: one in UTF-8 has a type of its own.
      const auto text = recipient.address.text();
      original = (is_ascii(text) ? "rfc822;" : "utf-8;") + text;
    }
    for (const auto& address : recipient.local->remote_targets) add(address, reverse_path, recipient, original);
  }

 private:
  void add(const EmailAddress& address, const std::optional<std::string>& reverse_path, const Recipient& recipient,
           std::string original) {
    const auto to = address.text();
    if (!known_.insert({to, reverse_path.value_or("")}).second) return;
    delivery_->remote.push_back(
        {.address = to,
         .destination = address.domain() != nullptr ? address.domain()->ascii() : "[" + address.literal()->text + "]",
         .reverse_path = reverse_path,
         .notify = recipient.notify,
         .original_recipient = std::move(original)});
  }

  store::Delivery* delivery_;
  const Letter* letter_;
  const account::Srs* srs_;
  SystemTime now_;
  std::set<std::pair<std::string, std::string>> known_;
};

// What the way out must carry. A letter that is in a file is not read for it: who has said nothing may mean anything.
store::ContentForm form_of(const Letter& letter) {
  if (letter.binary) return store::ContentForm::binary;
  if (letter.content.has_file() || !is_ascii(letter.content.memory())) return store::ContentForm::eight_bit;
  return store::ContentForm::seven_bit;
}

// Many clients say SMTPUTF8 of every letter where it is offered; one that doesn't need it must not come back from a
// host without it. Of a letter in a file that is looked at only when such a host is met.
bool header_needs_utf8(const Letter& letter) {
  return letter.smtputf8 && (letter.content.has_file() || message::needs_smtputf8(letter.content.memory()));
}

}  // namespace

Plan make_plan(Letter letter, SystemTime now, const account::Srs* srs) {
  Plan plan;
  plan.answer_each = letter.answer_each;
  plan.delivery.id = letter.id;
  plan.delivery.sender = letter.sender ? letter.sender->text() : std::string();
  plan.delivery.retry_locally = !letter.answer_each;
  plan.delivery.message_id = message_id(letter.content.head());
  plan.delivery.envelope_id = letter.envid;
  plan.delivery.ret = letter.ret;
  plan.delivery.smtputf8 = letter.smtputf8;
  if (letter.require_tls) plan.delivery.tls = store::TlsWish::required;
  plan.targets_of.resize(letter.recipients.size());
  plan.delivery.terms = letter.terms;
  if (letter.origin.authenticated) plan.delivery.terms.account = *letter.origin.authenticated;
  Outgoing outgoing(plan.delivery, letter, srs, now);
  std::map<std::pair<ShardId, AccountId>, std::size_t> known;
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    const auto& recipient = letter.recipients[i];
    outgoing.add(recipient);
    if (!recipient.local) continue;
    for (const auto& target : recipient.local->targets) {
      const auto [at, fresh] = known.try_emplace({target.shard, target.account}, plan.delivery.targets.size());
      if (fresh) {
        plan.delivery.targets.push_back(
            {.place = {.account = target.account, .shard = target.shard},
             .recipient = recipient.address.text(),
             .mailbox = letter.junk ? "Junk" : "INBOX",
             .prefix = private_prefix(letter.sender, target.delivered_to),
             .keywords = letter.junk ? std::vector<std::string>{"$junk"} : std::vector<std::string>{},
             .notify = recipient.notify,
             .original_recipient = recipient.orcpt});
      }
      plan.targets_of[i].push_back(at->second);
    }
  }
  if (!plan.delivery.remote.empty()) {
    plan.delivery.terms.form = form_of(letter);
    plan.delivery.smtputf8 = header_needs_utf8(letter);
    // The parameter goes before the field (RFC 8689 §3).
    if (!letter.require_tls && waives_tls(letter.content.head())) plan.delivery.tls = store::TlsWish::waived;
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
