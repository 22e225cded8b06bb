// ENVELOPE, BODY and BODYSTRUCTURE as IMAP sends them (RFC 9051 §7.5.2, RFC 3501 §7.4.2), printed from what was derived
// at delivery.
#pragma once
#include <string>
#include <string_view>

#include "message/derived.hpp"

namespace pabal::message {

struct ImapForm {
  bool rev2 = false;  ///< IMAP4rev2: message/global shows its structure
  bool utf8 = false;  ///< IMAP4rev2, or UTF8=ACCEPT was enabled (RFC 9755): quoted strings may hold UTF-8
};

/// "(" the ten fields ")". Texts that are no ASCII are encoded words where the client didn't ask for UTF-8, domains
/// A-labels there; what can't be said so is a literal.
[[nodiscard]] std::string imap_envelope(const Envelope& envelope, ImapForm form);

/// The same from Derived's compact form, without decoding the rest of it: for listings of many. False, and nothing is
/// appended, where the form is of another version, has no envelope, or is damaged in its envelope or before it.
[[nodiscard]] bool append_imap_envelope(std::string& out, std::string_view compact, ImapForm form);

/// BODYSTRUCTURE, or BODY without the extension data. `parts` are Derived::parts, not empty.
[[nodiscard]] std::string imap_body_structure(const std::vector<DerivedPart>& parts, bool extended, ImapForm form);

/// Appends a string: quoted where it can be, else a literal.
void append_imap_string(std::string& out, std::string_view text, ImapForm form);

}  // namespace pabal::message
