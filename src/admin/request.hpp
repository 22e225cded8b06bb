// Members of a request, taken out with words about what is missing or wrong.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/email_address.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace pabal::admin {

[[nodiscard]] Result<std::string> text_member(const json::object& request, std::string_view name);
[[nodiscard]] Result<std::optional<std::string>> optional_text(const json::object& request, std::string_view name);
[[nodiscard]] Result<std::vector<std::string>> texts_member(const json::object& request, std::string_view name);
/// A whole number that isn't negative; null and a missing member are nothing.
[[nodiscard]] Result<std::optional<std::uint64_t>> optional_number(const json::object& request, std::string_view name);
/// A missing member is false.
[[nodiscard]] Result<bool> flag_member(const json::object& request, std::string_view name);
[[nodiscard]] Result<Domain> domain_member(const json::object& request, std::string_view name);
[[nodiscard]] Result<std::optional<Domain>> optional_domain(const json::object& request, std::string_view name);
[[nodiscard]] Result<EmailAddress> address_member(const json::object& request, std::string_view name);
/// An address, with the text in the error.
[[nodiscard]] Result<EmailAddress> parse_address(std::string_view text);

}  // namespace pabal::admin
