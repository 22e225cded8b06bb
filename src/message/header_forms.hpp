// The forms in which JMAP shows a header field (RFC 8621 §4.1.2), and which fields may be asked for in which.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "message/address_list.hpp"

namespace pabal::message {

enum class HeaderForm : std::uint8_t { raw, text, addresses, grouped_addresses, message_ids, date, urls };

inline constexpr std::array kHeaderForms = {
    HeaderForm::raw,         HeaderForm::text, HeaderForm::addresses, HeaderForm::grouped_addresses,
    HeaderForm::message_ids, HeaderForm::date, HeaderForm::urls};

/// "Raw", "Text", "Addresses", "GroupedAddresses", "MessageIds", "Date", "URLs": what stands behind "as".
[[nodiscard]] std::string_view name_of(HeaderForm form) noexcept;

/// Whether the field may be shown in this form (RFC 8621 §4.1.2.2 to §4.1.2.7); any may be raw, and fields that neither
/// RFC 5322 nor RFC 2369 knows may have every form.
[[nodiscard]] bool is_allowed(std::string_view field_name, HeaderForm form) noexcept;

// Each takes the octets behind the colon. What comes out is well-formed UTF-8 without NUL.

/// The field's octets, folding and all; what is no UTF-8 becomes U+FFFD (RFC 8621 §4.1.2.1).
[[nodiscard]] std::string raw_form(std::string_view field_body);
/// Unfolded, encoded words decoded, form NFC (RFC 8621 §4.1.2.2).
[[nodiscard]] std::string text_form(std::string_view field_body);
/// All mailboxes, those of groups too (RFC 8621 §4.1.2.3).
[[nodiscard]] std::vector<MailboxSpec> addresses_form(std::string_view field_body);
/// RFC 8621 §4.1.2.5; nothing where there is none.
[[nodiscard]] std::optional<std::vector<std::string>> message_ids_form(std::string_view field_body);
/// "2014-10-30T14:12:00+08:00" (RFC 8620 §1.4, RFC 8621 §4.1.2.6); nothing where it can't be read.
[[nodiscard]] std::optional<std::string> date_form(std::string_view field_body);
/// A moment (seconds since 1970) in the zone it was written in, as date_form writes it.
[[nodiscard]] std::string json_date(std::int64_t seconds, int offset_minutes);
/// What stands in angle brackets, white space taken away (RFC 8621 §4.1.2.7, RFC 2369 §2); nothing where there is none.
[[nodiscard]] std::optional<std::vector<std::string>> urls_form(std::string_view field_body);

/// An address as JMAP's EmailAddress.email shows it: encoded words decoded.
[[nodiscard]] std::string email_of(const MailboxSpec& mailbox);

/// Any octets as well-formed UTF-8 without NUL.
[[nodiscard]] std::string clean_utf8(std::string_view octets);

}  // namespace pabal::message
