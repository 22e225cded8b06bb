// The body of a message as JMAP sees it (RFC 8621 §4.1.4): the parts without looking into attached messages, and which
// of them are its text, its HTML and its attachments.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message/mime.hpp"

namespace pabal::message {

/// An EmailBodyPart. A multipart in which no boundary was ever found is shown as a text, so that its octets can be
/// read.
struct BodyPart {
  std::uint32_t place = 0;          ///< in MimeTree::parts
  std::string part_id;              ///< the IMAP section ("1.2"); empty for a multipart
  std::string type;                 ///< "text/plain", lower case
  std::string disposition;          ///< "attachment", lower case; empty where there is none
  std::optional<std::string> name;  ///< the file name that it suggests
  bool multipart = false;
  std::vector<std::uint32_t> parts;  ///< of a multipart: places in BodyStructure::parts
};

struct BodyStructure {
  std::vector<BodyPart> parts;  ///< parts[0] is the whole body; a part stands before those within it
  // Places in `parts`.
  std::vector<std::uint32_t> text_body;
  std::vector<std::uint32_t> html_body;
  std::vector<std::uint32_t> attachments;
  /// RFC 8621 §4.1.4: something that a person would download. Signatures, and images that the HTML beside them shows,
  /// are not.
  bool has_attachment = false;
};

/// Linear in the number of parts.
[[nodiscard]] BodyStructure body_structure(const MimeTree& tree);

/// True for a part that is shown as a multipart; see BodyPart.
[[nodiscard]] bool is_multipart(const Part& part) noexcept;
/// "type/subtype" in lower case; "text/plain" for a multipart without parts.
[[nodiscard]] std::string type_of(const Part& part);

/// The content's id without white space, comments and angle brackets; nothing where there is none.
[[nodiscard]] std::optional<std::string> content_id_of(const Part& part);
/// The language tags; nothing where there are none.
[[nodiscard]] std::optional<std::vector<std::string>> languages_of(const Part& part);
/// The location, unfolded; nothing where there is none.
[[nodiscard]] std::optional<std::string> location_of(const Part& part);
/// The charset parameter, "us-ascii" for a text without one; nothing for what is no text.
[[nodiscard]] std::optional<std::string> charset_of(const Part& part);

/// The id under which a part's decoded octets can be had: the message's with the section, e.g. "B12-1_2".
[[nodiscard]] std::string part_blob_id(std::string_view message_blob_id, std::string_view part_id);

}  // namespace pabal::message
