// An SPF record (RFC 7208 §4.6.1, §5, §6), read whole: a fault anywhere makes all of it a permerror.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "mailauth/spf.hpp"

namespace pabal::mailauth {

/// One term; views into the record's text.
struct SpfDirective {
  enum class Kind : std::uint8_t { all, include, a, mx, ptr, ip4, ip6, exists, redirect, exp, unknown_modifier };
  Kind kind = Kind::all;
  SpfResult result = SpfResult::pass;      ///< of a mechanism that matches: its qualifier
  std::string_view text;                   ///< the whole term
  std::string_view domain;                 ///< domain-spec with its macros; empty: the domain itself
  unsigned bits4 = 32;                     ///< of a, mx, ip4
  unsigned bits6 = 128;                    ///< of a, mx, ip6
  std::array<std::uint8_t, 16> network{};  ///< of ip4 (its first four octets) and ip6

  [[nodiscard]] bool is_modifier() const noexcept { return kind >= Kind::redirect; }
  /// Whether it counts among the terms that ask the DNS (§4.6.4).
  [[nodiscard]] bool asks() const noexcept {
    return kind == Kind::include || kind == Kind::a || kind == Kind::mx || kind == Kind::ptr || kind == Kind::exists ||
           kind == Kind::redirect;
  }
};

/// Records of more terms are refused: a hostile one would only cost memory.
inline constexpr std::size_t spf_most_terms = 1000;

struct SpfRecord {
  std::vector<SpfDirective> terms;  ///< in the record's order
  /// The modifiers among them, which stand in no order; nothing where there is none.
  std::optional<std::size_t> redirect;
  std::optional<std::size_t> exp;

  /// Whether the text is an SPF record of this version (§4.5): others at the name are nobody's business here.
  [[nodiscard]] static bool is_one(std::string_view text) noexcept;
  /// Reads the text of a record; the views are into it. Errors: syntax, with the term and what is wrong with it.
  [[nodiscard]] static Result<SpfRecord> parse(std::string_view text);
};

}  // namespace pabal::mailauth
