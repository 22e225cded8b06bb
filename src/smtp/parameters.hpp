// The parts of MAIL and RCPT behind the colon: paths (RFC 5321 §4.1.2) and ESMTP parameters.
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/command.hpp"

namespace pabal::smtp {

/// A path cut out of a command line, before anybody looked at what it names.
struct RawPath {
  std::string_view mailbox;  ///< between the brackets, without a source route; empty for <>
  std::string_view rest;     ///< what follows: the parameters
};

/// Finds the path at the start of `text`. A source route is dropped unread (RFC 5321 §3.6.1, appendix C). Nothing: no
/// path.
[[nodiscard]] std::optional<RawPath> cut_path(std::string_view text, bool missing_brackets) noexcept;

struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;
};
/// The parameters with one or more spaces before each; nothing if the grammar of §4.1.2 (esmtp-param) is violated.
[[nodiscard]] std::optional<std::vector<Parameter>> cut_parameters(std::string_view text);

/// xtext (RFC 3461 §4); nothing where it is not.
[[nodiscard]] std::optional<std::string> decode_xtext(std::string_view text);

/// Puts each parameter where it belongs.
[[nodiscard]] std::expected<void, Reply> apply_parameters(const std::vector<Parameter>& parameters,
                                                          const ParseRules& rules, Mail& mail);
[[nodiscard]] std::expected<void, Reply> apply_parameters(const std::vector<Parameter>& parameters,
                                                          const ParseRules& rules, Rcpt& rcpt);

}  // namespace pabal::smtp
