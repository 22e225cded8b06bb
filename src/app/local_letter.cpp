#include "app/local_letter.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/date.hpp"
#include "delivery/acceptable.hpp"
#include "mailauth/claimed_findings.hpp"
#include "message/header.hpp"

namespace pabal::app {
namespace {

Result<std::string> text_member(const json::object& request, std::string_view name) {
  const json::value* value = request.if_contains(name);
  if (value == nullptr || !value->is_string()) return fail(ErrorKind::syntax, fmt::format("{}: expected text", name));
  return std::string(value->get_string().data(), value->get_string().size());
}

Result<std::vector<EmailAddress>> recipients_of(const json::object& request) {
  const json::value* list = request.if_contains("recipients");
  if (list == nullptr || !list->is_array() || list->get_array().empty()) {
    return fail(ErrorKind::syntax, "recipients: expected at least one address");
  }
  std::vector<EmailAddress> recipients;
  for (const json::value& item : list->get_array()) {
    if (!item.is_string()) return fail(ErrorKind::syntax, "recipients: expected addresses");
    const std::string_view text(item.get_string().data(), item.get_string().size());
    auto address = EmailAddress::parse(text);
    if (!address)
      return fail(ErrorKind::syntax, fmt::format("{}: not an address: {}", printable(text), address.error().peer));
    recipients.push_back(std::move(*address));
  }
  return recipients;
}

/// RFC 5321 §2.3.8: only CRLF ends a line, and neither stands alone.
bool has_only_crlf(std::string_view message) {
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i] == '\n') return false;
    if (message[i] != '\r') continue;
    if (++i == message.size() || message[i] != '\n') return false;
  }
  return message.ends_with("\r\n");
}

Result<void> check_limits(std::string_view message, const LetterLimits& limits) {
  if (message.size() > limits.message_size) {
    return fail(ErrorKind::limit, fmt::format("the message is bigger than {} octets", limits.message_size));
  }
  const auto header = message.substr(0, message::header_size(message).value_or(message.size()));
  if (header.size() > limits.header_size) {
    return fail(ErrorKind::limit, fmt::format("the header is bigger than {} octets", limits.header_size));
  }
  std::size_t hops = 0;
  message::HeaderReader reader(header);
  while (const auto field = reader.next()) hops += equal_ignoring_case(field->name, "Received") ? 1 : 0;
  if (hops > limits.received_hops) {
    return fail(ErrorKind::policy, "too many hops: the message goes round in a circle");
  }
  return {};
}

}  // namespace

Async<Result<json::value>> post_letter(LocalPost post, json::object request, std::string message) {
  const Result<std::string> sender = text_member(request, "sender");
  if (!sender) co_return pass(sender);
  Result<std::vector<EmailAddress>> recipients = recipients_of(request);
  if (!recipients) co_return pass(recipients);
  if (recipients->size() > post.limits.recipients) {
    co_return fail(ErrorKind::limit, fmt::format("more than {} recipients", post.limits.recipients));
  }
  if (auto fine = check_limits(message, post.limits); !fine) co_return pass(fine);
  if (message.contains('\0')) co_return fail(ErrorKind::syntax, "the message has NUL octets");
  if (!has_only_crlf(message)) co_return fail(ErrorKind::syntax, "the message has lines that don't end with CRLF");
  const mailauth::OwnNames ours{.authserv_id = post.limits.authserv_id, .hostname = post.limits.hostname};
  if (auto fine = mailauth::take_out_claimed_findings(message, ours); !fine) co_return pass(fine);

  delivery::Letter letter;
  letter.id = post.id.empty() ? make_token(to_database(post.clock->now()), *post.random) : post.id;
  if (!sender->empty()) {
    Result<EmailAddress> from = EmailAddress::parse(*sender);
    if (!from)
      co_return fail(ErrorKind::syntax, fmt::format("{}: not an address: {}", printable(*sender), from.error().peer));
    letter.smtputf8 = from->needs_smtputf8();
    letter.sender = std::move(*from);
  }
  for (EmailAddress& address : *recipients) {
    Result<account::Resolution> resolution = co_await post.directory->resolve(address);
    if (!resolution) co_return pass(resolution);
    auto local = delivery::acceptable(std::make_shared<const account::Resolution>(std::move(*resolution)), post.ways);
    if (!local) co_return fail(local.error().kind, fmt::format("{}: {}", address.display(), local.error().peer));
    letter.smtputf8 = letter.smtputf8 || address.needs_smtputf8();
    delivery::Recipient recipient{std::move(address), std::move(*local), {}, {}};
    letter.recipients.push_back(std::move(recipient));
  }
  const json::value* wide = request.if_contains("smtputf8");
  letter.smtputf8 = letter.smtputf8 || (wide != nullptr && wide->is_bool() && wide->get_bool());
  letter.origin.session = letter.id;
  letter.origin.protocol = "local";
  letter.begins_here = true;
  letter.writer = post.writer;
  const std::string from = post.submitter.empty() ? "" : fmt::format(" from {}", post.submitter);
  const std::string received = fmt::format("Received: by {} (Pabal{}) with local id {};\r\n\t{}\r\n", post.hostname,
                                           from, letter.id, codec::format_date(post.clock->now()));
  letter.content.append(received);
  letter.content.append(message);
  const std::string id = letter.id;
  delivery::Answer answer = co_await post.mda->deliver(std::move(letter));
  if (!answer.results.front()) co_return pass(answer.results.front());
  co_return json::value(json::object{{"id", id}});
}

}  // namespace pabal::app
