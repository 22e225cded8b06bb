// Domain: an Internet host or mail domain name, valid once it exists.
#pragma once
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal {

/// A domain name in its canonical form: lower case, A-labels (RFC 5890) for names that are not ASCII, no final dot. At most 255
/// octets, labels at most 63. Two spellings of one name (U-labels, A-labels, case) compare equal.
class Domain {
 public:
  /// From ASCII or UTF-8 (RFC 5321 §4.1.2 Domain, RFC 6531 §3.3): IDNA2008 with UTS #46 non-transitional mapping.
  [[nodiscard]] static Result<Domain> parse(std::string_view text);

  /// Canonical ASCII form, for DNS, comparison and the databases.
  [[nodiscard]] const std::string& ascii() const noexcept { return ascii_; }
  /// With U-labels, for people.
  [[nodiscard]] std::string unicode() const;

  friend bool operator==(const Domain&, const Domain&) noexcept = default;
  friend auto operator<=>(const Domain&, const Domain&) noexcept = default;

 private:
  explicit Domain(std::string ascii) : ascii_(std::move(ascii)) {}
  std::string ascii_;
};

}  // namespace pabal
