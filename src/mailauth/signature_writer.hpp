// Fields that carry signatures, written: tags in the order of the alphabet, one white space after each `;`, folded so
// that taking out the line ends gives just that.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pabal::mailauth {

class SignatureWriter {
 public:
  /// `tags` without b=, in any order; values have no `;`, controls or white space. h= is folded only where it is longer
  /// than a line may be, since folds in it are white space in its relaxed form.
  SignatureWriter(std::string_view field_name, std::vector<std::pair<std::string, std::string>> tags);

  /// The field with b= empty, without a line end: what is signed.
  [[nodiscard]] const std::string& unsigned_text() const noexcept { return text_; }
  /// The field with its signature in base64, with its CRLF. `folded`: b= is cut into lines; a field that a seal will
  /// cover isn't, so that what is sealed doesn't depend on where it was cut.
  [[nodiscard]] std::string signed_text(std::string_view base64, bool folded) const;

 private:
  std::string text_;
  std::size_t signature_at_ = 0;
};

/// Words of a text, behind `name` and a colon, in lines of 78 octets where that can be; with its CRLF.
[[nodiscard]] std::string folded_field(std::string_view name, std::string_view text);

}  // namespace pabal::mailauth
