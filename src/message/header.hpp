// The header section of a message (RFC 5322 §2.2), read field by field where it lies, without copying. mime.hpp says
// where each part's section is; both go by the same rules for where it ends.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace pabal::message {

/// One header field. Views into the octets that were given to the reader.
struct HeaderField {
  std::string_view name;    ///< as written, without white space before the colon (obsolete, but seen)
  std::string_view body;    ///< behind the colon, folded lines as they are, without the last line end
  std::uint64_t begin = 0;  ///< of the field with its name …
  std::uint64_t end = 0;    ///< … to behind its last line end; counted as the reader was told
};

/// How many octets the header section takes, with the empty line that ends it; nothing while that hasn't come. A
/// message that begins with an empty line has an empty header. `from` is where to go on looking: octets before it were
/// looked at in an earlier call and had no end in them (at least three octets less than were there then). For messages
/// on their way in, whose lines end with CRLF.
[[nodiscard]] std::optional<std::size_t> header_size(std::string_view octets, std::size_t from = 0) noexcept;

/// The colon of a line (or whole field) that begins as a header field does (RFC 5322 §2.2; white space before the colon
/// is §4.5's); npos where it doesn't.
[[nodiscard]] std::size_t field_colon(std::string_view line) noexcept;

/// What stands at one place of a header section.
struct HeaderStep {
  enum class Kind {
    field,
    rubbish,  ///< a line that is neither a field nor the folded part of one, with a field behind it; an mbox's "From "
    blank,    ///< the empty line that ends the section
    body,     ///< no field, and none follows: the empty line is missing, the body begins here; or the octets end
  };
  Kind kind = Kind::body;
  HeaderField field{};   ///< of kind field; its offsets count from the octets' first
  std::size_t next = 0;  ///< where to go on
};

/// The step at `at` of a header section that begins with `octets`.
[[nodiscard]] HeaderStep header_step(std::string_view octets, std::size_t at) noexcept;

/// Goes through the fields in order. Lines end with CRLF or a bare LF.
class HeaderReader {
 public:
  /// `octets` is a header section or begins with one; `base` is where it lies in the whole, for the fields' offsets.
  explicit HeaderReader(std::string_view octets, std::uint64_t base = 0) noexcept : octets_(octets), base_(base) {}
  /// The next field; nothing at the section's end. Rubbish is stepped over, and malformed() tells of it, as of a body
  /// without an empty line before it.
  [[nodiscard]] std::optional<HeaderField> next() noexcept;
  [[nodiscard]] bool malformed() const noexcept { return malformed_; }
  /// Where the reader stands: after the last field, the body's begin (behind the empty line, where there is one).
  [[nodiscard]] std::uint64_t position() const noexcept { return base_ + at_; }

 private:
  std::string_view octets_;
  std::uint64_t base_;
  std::size_t at_ = 0;
  bool ended_ = false;
  bool malformed_ = false;
};

/// All fields of a header section, to look up by name. Names are compared without regard to case. Looking up goes
/// through all fields; who wants many names of a huge header goes through all() once instead.
class HeaderFields {
 public:
  explicit HeaderFields(std::string_view octets, std::uint64_t base = 0, std::size_t max_fields = SIZE_MAX);

  [[nodiscard]] const std::vector<HeaderField>& all() const noexcept { return fields_; }
  [[nodiscard]] const HeaderField* first(std::string_view name) const noexcept;
  [[nodiscard]] const HeaderField* last(std::string_view name) const noexcept;
  /// In the order of the message.
  [[nodiscard]] std::vector<const HeaderField*> every(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const noexcept { return first(name) != nullptr; }
  /// The first such field's body; empty where there is none.
  [[nodiscard]] std::string_view body(std::string_view name) const noexcept;
  [[nodiscard]] bool malformed() const noexcept { return malformed_; }

 private:
  std::vector<HeaderField> fields_;
  bool malformed_ = false;
};

}  // namespace pabal::message
