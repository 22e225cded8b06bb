// Domain: an Internet host or mail domain name, valid once it exists.
#pragma once
#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal {

/// A domain name in its canonical form: lower case, A-labels (RFC 5890) for names that are not ASCII, no final dot. At
/// most 255 octets, labels at most 63, of letters, digits and hyphens that stand neither first nor last (RFC 5321
/// §4.1.2, RFC 1123 §2.1; so no underscore). Two spellings of one name (U-labels, A-labels, case) compare equal.
class Domain {
 public:
  /// From ASCII or UTF-8 (RFC 5321 §4.1.2 Domain, RFC 6531 §3.3): IDNA2008 with UTS #46 non-transitional mapping, the
  /// rules for joiners and mixed directions included. A label that begins with "xn--" must be what its U-label gives. A
  /// final dot is refused: SMTP's grammar has none. Errors are of kind `syntax`.
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

template <>
struct std::hash<pabal::Domain> {
  std::size_t operator()(const pabal::Domain& domain) const noexcept {
    return std::hash<std::string>{}(domain.ascii());
  }
};
