// Messages written (RFC 5322, RFC 2045 to 2049): a header section and a tree of entities in, correct octets out. Only
// CRLF ends lines, none is longer than 998 octets, each body has the best transfer encoding for its content and the way
// that it goes, and no boundary occurs in what it bounds. Big bodies are read in pieces while they are written.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "message/content_facts.hpp"
#include "message/content_source.hpp"
#include "message/header_writer.hpp"

namespace pabal::message {

class Entity;

/// UTF-8 text; all kinds of line ends become CRLF, and the last line gets one.
struct TextBody {
  std::string utf8;
  bool flowed = false;  ///< written as format=flowed (RFC 3676), see write_flowed
};
/// Octets that must arrive as they are.
struct OctetsBody {
  std::shared_ptr<ContentSource> source;
};
/// A whole message (message/rfc822, message/global) or a body of lines that may not be encoded (message/delivery-status
/// and its like, RFC 2046 §5.2).
struct MessageBody {
  std::shared_ptr<ContentSource> source;
};
struct MultipartBody {
  std::vector<Entity> parts;  ///< at least one
};

/// One entity to be written. What can't be written comes out as an Error of the writing.
class Entity {
 public:
  using Body = std::variant<TextBody, OctetsBody, MessageBody, MultipartBody>;

  [[nodiscard]] static Entity text(std::string utf8, std::string_view subtype = "plain");
  [[nodiscard]] static Entity flowed_text(std::string utf8);
  [[nodiscard]] static Entity octets(std::string type, std::shared_ptr<ContentSource> source);
  [[nodiscard]] static Entity attachment(std::string file_name, std::string type,
                                         std::shared_ptr<ContentSource> source);
  /// Shown within the text that refers to it as cid:`content_id` (RFC 2387, RFC 2392).
  [[nodiscard]] static Entity inline_part(std::string content_id, std::string file_name, std::string type,
                                          std::shared_ptr<ContentSource> source);
  [[nodiscard]] static Entity message(std::shared_ptr<ContentSource> source, std::string type = "message/rfc822");
  [[nodiscard]] static Entity multipart(std::string_view subtype, std::vector<Entity> parts);
  /// The same text as plain and HTML, the best one last (RFC 2046 §5.1.4).
  [[nodiscard]] static Entity alternative(std::vector<Entity> parts) {
    return multipart("alternative", std::move(parts));
  }
  [[nodiscard]] static Entity mixed(std::vector<Entity> parts) { return multipart("mixed", std::move(parts)); }
  /// The first part and what it refers to (RFC 2387); `type` is set to the first part's.
  [[nodiscard]] static Entity related(std::vector<Entity> parts);

  std::string type;                        ///< "text/plain"
  std::vector<FieldParameter> parameters;  ///< charset, boundary, format and name are written by themselves
  std::string disposition;                 ///< "", "inline", "attachment"
  std::string file_name;                   ///< UTF-8
  std::string content_id;                  ///< without brackets
  std::string description;                 ///< UTF-8
  std::string language;                    ///< tags with commas between (RFC 3282)
  std::string location;                    ///< a URI (RFC 2557)
  Body body;
};

struct WriteOptions {
  Carriage carriage = Carriage::seven_bit;  ///< what the message's way can carry
};

/// A message on its way out. header() takes every field but MIME-Version and Content-…, which the writing adds.
class OutgoingMessage {
 public:
  explicit OutgoingMessage(HeaderStyle style = HeaderStyle::ascii) noexcept : header_(style) {}
  [[nodiscard]] HeaderWriter& header() noexcept { return header_; }
  [[nodiscard]] const HeaderWriter& header() const noexcept { return header_; }
  void set_body(Entity body) { body_ = std::make_unique<Entity>(std::move(body)); }

  /// Writes the message. Sources are read twice: once to choose encodings, once to write. Errors: those of sources and
  /// sink; `syntax` where a value can't be written, `unsupported` where a body that may not be encoded does not fit
  /// `carriage`. `random` gives the boundaries.
  [[nodiscard]] Result<void> write(Sink& sink, Random& random, const WriteOptions& options = {}) const;
  /// The same, in memory.
  [[nodiscard]] Result<std::string> text(Random& random, const WriteOptions& options = {}) const;

 private:
  HeaderWriter header_;
  std::unique_ptr<Entity> body_;
};

/// Every kind of line end as CRLF, the last line too.
[[nodiscard]] std::string with_crlf(std::string_view text);

}  // namespace pabal::message
