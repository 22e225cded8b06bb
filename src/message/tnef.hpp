// TNEF (MS-OXTNEF), what Outlook packs a letter into for readers that don't know it: the attachment winmail.dat, type
// application/ms-tnef. Read as far as a person needs it: the attachments in it, and the body where there is one.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pabal::message {

struct TnefAttachment {
  std::string name;        ///< UTF-8, without path separators and controls; the long file name where it has one
  std::string type;        ///< media type, as said or by the name's ending; "application/octet-stream" otherwise
  std::string content_id;  ///< without brackets; mostly empty
  std::size_t begin = 0;   ///< its octets are these of the TNEF stream
  std::size_t size = 0;
  bool is_message = false;  ///< an embedded letter: its octets are a TNEF stream
};

struct Tnef {
  std::string subject;  ///< UTF-8
  std::string text;     ///< the body as plain text, UTF-8; empty where it isn't there
  std::string html;     ///< the body as HTML, UTF-8; empty where it isn't there
  std::vector<TnefAttachment> attachments;
  bool damaged = false;  ///< it ended too early, or an attribute makes no sense: what was read before is here
};

/// True for what begins as TNEF does.
[[nodiscard]] bool is_tnef(std::string_view octets) noexcept;

/// True for the media types ("application/ms-tnef", lower case) under which TNEF is sent.
[[nodiscard]] bool is_tnef_type(std::string_view type) noexcept;

/// Any octets give something; nothing is copied but names and bodies. At most `max_attachments`; linear time.
[[nodiscard]] Tnef read_tnef(std::string_view octets, std::size_t max_attachments = 1'000);

}  // namespace pabal::message
