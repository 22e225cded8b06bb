// What DKIM's and ARC's signers have in common: the letter that they read, and what they may say of it.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "mailauth/body_hash.hpp"
#include "mailauth/dkim_signer.hpp"
#include "mailauth/letter_reading.hpp"

namespace pabal::mailauth {

/// A letter that is to be signed, read once. Not to be moved.
class SigningLetter {
 public:
  static constexpr std::size_t most_header_octets = std::size_t{1} << 20;
  explicit SigningLetter(Canonicalization body_form)
      : body_(body_form), letter_(most_header_octets, [] {}, [this](std::string_view octets) { body_.take(octets); }) {}

  void take(std::string_view octets) { letter_.take(octets); }
  /// The letter is whole: the hash of its body in base64. Errors, `syntax`: a header section that is too big.
  [[nodiscard]] Result<std::string> end();
  [[nodiscard]] const LetterReading& reading() const noexcept { return letter_; }
  [[nodiscard]] bool has(std::string_view name) const;

 private:
  BodyHash body_;
  LetterReading letter_;
};

/// Whether such names can stand in h=, and From is among them. Errors: syntax.
[[nodiscard]] Result<void> check_names(const std::vector<std::string>& names);
/// Whether domain and selector can stand in d= and s=, and have a key's name. Errors: syntax.
[[nodiscard]] Result<void> check_identity(const DkimIdentity& identity);
/// Names between colons.
[[nodiscard]] std::string joined_names(const std::vector<std::string>& names);
[[nodiscard]] std::vector<std::string> lower_names(const std::vector<std::string>& names);
/// A time as t= has it.
[[nodiscard]] std::string seconds_of(SystemTime time);

}  // namespace pabal::mailauth
