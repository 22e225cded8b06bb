// SPF's macro strings (RFC 7208 §7): `%{ir}.%{v}._spf.%{d2}`. They are checked once for their grammar, and expanded
// after that.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "mailauth/ip_address.hpp"

namespace pabal::mailauth {

enum class MacroUse : std::uint8_t {
  name,         ///< in a record: the letters c, r and t are forbidden there (§7.2)
  explanation,  ///< the text that exp= leads to
};

/// What the letters stand for. Views: what they refer to must outlive the expansion.
struct MacroValues {
  std::string_view local_part;     ///< l
  std::string_view sender_domain;  ///< o; with the local part it is s
  std::string_view domain;         ///< d
  IpAddress address;               ///< i, c, v
  std::string_view validated;      ///< p
  std::string_view helo;           ///< h
  std::string_view receiver;       ///< r
  SystemTime now;                  ///< t
};

/// `macro-string`, with spaces too for an explanation. Errors: syntax, with what is wrong.
[[nodiscard]] Result<void> check_macros(std::string_view text, MacroUse use);
/// `domain-spec`: a macro string that ends with a macro or with a dot and a top label (§7.1). Errors: syntax.
[[nodiscard]] Result<void> check_domain_spec(std::string_view text);
/// Whether %{p} stands in it, which must be looked up before.
[[nodiscard]] bool wants_validated_name(std::string_view text) noexcept;

/// Expands what check_macros() let pass. Of more than `explanation_limit` octets an explanation is nothing.
[[nodiscard]] std::optional<std::string> expand_explanation(std::string_view text, const MacroValues& values);
inline constexpr std::size_t explanation_limit = 2048;
/// Expands what check_domain_spec() let pass to the name to ask for: without a final dot, and without as many labels at
/// its front as make it longer than 253 octets (§7.3). It need not be a name that the DNS can have.
[[nodiscard]] std::string expand_domain_spec(std::string_view text, const MacroValues& values);

}  // namespace pabal::mailauth
