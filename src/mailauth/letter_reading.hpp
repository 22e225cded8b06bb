// A letter as those read it who verify or sign: the header section whole, with its fields, and the body's octets handed
// on as they come.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "message/header.hpp"

namespace pabal::mailauth {

/// Not to be moved: fields are views into the header section.
class LetterReading {
 public:
  /// A header section of more fields is too big, however short they are.
  static constexpr std::size_t most_fields = 10'000;

  /// `on_header` is called once, when the header section is whole; `on_body` after it, with pieces of the body.
  LetterReading(std::size_t most_header_octets, std::function<void()> on_header,
                std::function<void(std::string_view)> on_body);
  LetterReading(const LetterReading&) = delete;
  LetterReading& operator=(const LetterReading&) = delete;

  void take(std::string_view octets);
  /// The letter is whole; a header section without an empty line ends here.
  void end();

  [[nodiscard]] bool header_whole() const noexcept { return whole_; }
  /// It passed the limits: it has no fields, and nothing of the body is handed on.
  [[nodiscard]] bool too_big() const noexcept { return too_big_; }
  /// Lines end with CRLF, also where LF alone came.
  [[nodiscard]] const std::string& header() const noexcept { return header_; }
  /// From the top; empty until the header is whole. They are where message/header.hpp sees them, as all of Pabal does.
  [[nodiscard]] const std::vector<message::HeaderField>& fields() const noexcept { return fields_; }
  /// A field with its name and line end.
  [[nodiscard]] std::string_view text_of(const message::HeaderField& field) const noexcept {
    return std::string_view(header_).substr(field.begin, field.end - field.begin);
  }

 private:
  [[nodiscard]] std::size_t take_header(std::string_view octets);
  void header_ended();

  std::size_t most_header_octets_;
  std::function<void()> on_header_;
  std::function<void(std::string_view)> on_body_;
  std::string header_;
  std::vector<message::HeaderField> fields_;
  bool whole_ = false;
  bool too_big_ = false;
};

}  // namespace pabal::mailauth
