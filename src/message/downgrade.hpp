// Whole messages made fit for a way that carries less: 8-bit and binary bodies for relays without 8BITMIME or
// BINARYMIME (RFC 6152 §3, RFC 3030 §3), international header sections for readers without SMTPUTF8 (RFC 6857).
//
// What is signed is not touched: the content of multipart/signed goes octet by octet (RFC 1847 §2.1, RFC 3156 §3), and
// where it doesn't fit the way, nothing can be done: such a message must be sent back (5.6.3). Parts of
// multipart/encrypted may be encoded, since what is encrypted lies within. A DKIM signature over the body does not
// survive a change of encoding (RFC 6376 §5.3): who signs, signs what comes out of here.
#pragma once
#include <string>
#include <string_view>

#include "message/content_facts.hpp"
#include "message/content_source.hpp"
#include "message/header.hpp"
#include "message/mime.hpp"

namespace pabal::message {

/// What it takes to carry the message as it is; header sections with high octets need at least eight_bit.
[[nodiscard]] Carriage carriage_of(std::string_view message);

/// True if a header section of the message, of its parts or embedded messages has octets that are not ASCII.
[[nodiscard]] bool has_raw_header(std::string_view message, const MimeTree& tree);

/// False where it is sure that no header section in the message has octets that are not ASCII, so that the way needn't
/// carry any (RFC 6531 §3.6), whatever its bodies are. Time is linear in its size.
[[nodiscard]] bool needs_smtputf8(std::string_view message);

struct DowngradeOptions {
  Carriage carriage = Carriage::seven_bit;  ///< bodies that need more are encoded; what fits stays octet by octet
  bool ascii_headers = true;                ///< header sections become ASCII (always so for seven_bit)
  /// With eight_bit: lone CRs and LFs and long lines go as they are; what has a NUL, and nothing else, becomes base64.
  bool only_nuls = false;
};

/// Writes the message so that it fits. Only what must change is changed: bodies that don't fit, and the fields that say
/// so. message/global is encoded whole (RFC 6532 §3.7); message/rfc822 is gone into. `tree` is that of `message`.
/// `unsupported`: signed content, or a boundary, would have to change. `limit`: the structure went beyond the reader's
/// limits, so that not everything can be seen.
[[nodiscard]] Result<void> downgrade(std::string_view message, const MimeTree& tree, const DowngradeOptions& options,
                                     Sink& sink);

/// The field in ASCII, with its CRLF: as it is where it is that; otherwise by RFC 6857 §3: encoded words in text and
/// names, A-labels, RFC 2231 in parameters, an address that only SMTPUTF8 can reach as an empty group with its text for
/// a name, and what has no such form as a `Downgraded-` field.
[[nodiscard]] std::string downgrade_field(const HeaderField& field);

}  // namespace pabal::message
