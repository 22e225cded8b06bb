// One header field in ASCII (RFC 6857 §3).
#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "message/address_list.hpp"
#include "message/downgrade.hpp"
#include "message/encoded_word.hpp"
#include "message/header_writer.hpp"

namespace pabal::message {

namespace {

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) noexcept {
  return std::ranges::any_of(names, [&](std::string_view each) { return equal_ignoring_case(name, each); });
}

// RFC 6857 §3.1.10: the name says that the field is no longer what it was.
std::string encapsulated(const HeaderField& field) {
  HeaderWriter header;
  std::string name = fmt::format("Downgraded-{}", field.name);
  if (!is_field_name(name)) name = "Downgraded-Field";
  if (!header.text(name, decode_text(field.body))) return {};
  return header.fields();
}

// A mailbox that ASCII can't say: a group without members, named by what it was (RFC 6857 §3.1.8, RFC 6854).
Recipient recipient_of(const MailboxSpec& mailbox) {
  auto address = EmailAddress::parse(mailbox.address());
  if (address && !address->needs_smtputf8()) return Correspondent{mailbox.name, *std::move(address)};
  std::string name = mailbox.name;
  if (!name.empty()) name += ' ';
  return CorrespondentGroup{name + mailbox.address(), {}};
}

std::string addresses(const HeaderField& field) {
  std::vector<Recipient> recipients;
  for (const auto& group : parse_address_list(field.body)) {
    CorrespondentGroup members{group.name, {}};
    for (const auto& mailbox : group.mailboxes) {
      Recipient recipient = recipient_of(mailbox);
      auto* one = std::get_if<Correspondent>(&recipient);
      if (group.named && one != nullptr) {
        members.members.push_back(std::move(*one));
      } else {
        recipients.push_back(std::move(recipient));  // groups don't nest
      }
    }
    if (group.named && !clean_text(members.name).empty()) recipients.emplace_back(std::move(members));
  }
  HeaderWriter header;
  if (recipients.empty() || !header.addresses(field.name, recipients)) return encapsulated(field);
  return header.fields();
}

std::string parameters(const HeaderField& field) {
  const auto parsed = parse_parameters(field.body);
  HeaderWriter header;
  if (!header.parameterized(field.name, parsed.value, parsed.parameters)) return encapsulated(field);
  return header.fields();
}

}  // namespace

std::string downgrade_field(const HeaderField& field) {
  HeaderWriter copy;
  const bool good_name = is_field_name(field.name);
  if (good_name && copy.copy(field)) return copy.fields();
  if (!good_name) return encapsulated(field);
  if (is_one_of(field.name, {"From", "Sender", "To", "Cc", "Bcc", "Reply-To", "Resent-From", "Resent-Sender",
                             "Resent-To", "Resent-Cc", "Resent-Bcc", "Resent-Reply-To", "Mail-Followup-To",
                             "Mail-Reply-To", "Disposition-Notification-To", "Delivered-To"}))
    return addresses(field);
  if (is_one_of(field.name, {"Content-Type", "Content-Disposition"})) return parameters(field);
  if (is_one_of(field.name, {"Message-ID", "Resent-Message-ID", "In-Reply-To", "References", "Content-ID", "Received",
                             "Return-Path", "Original-Recipient", "Final-Recipient", "Date", "MIME-Version",
                             "Content-Transfer-Encoding", "Content-Location", "DKIM-Signature", "ARC-Seal",
                             "ARC-Message-Signature", "ARC-Authentication-Results", "Authentication-Results"}))
    return encapsulated(field);
  HeaderWriter header;
  if (!header.text(field.name, decode_text(field.body))) return encapsulated(field);
  return header.fields();
}

}  // namespace pabal::message
