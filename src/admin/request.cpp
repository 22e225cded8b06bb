#include "admin/request.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::admin {
namespace {

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

std::unexpected<Error> expected_member(std::string_view name, std::string_view what) {
  return fail(ErrorKind::syntax, fmt::format("{}: expected {}", name, what));
}

}  // namespace

Result<std::optional<std::string>> optional_text(const json::object& request, std::string_view name) {
  const json::value* value = request.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<std::string>();
  if (!value->is_string()) return expected_member(name, "text");
  return std::optional<std::string>(view(value->get_string()));
}

Result<std::string> text_member(const json::object& request, std::string_view name) {
  auto text = optional_text(request, name);
  if (!text) return pass(text);
  if (!*text) return expected_member(name, "text");
  return std::move(**text);
}

Result<std::vector<std::string>> texts_member(const json::object& request, std::string_view name) {
  const json::value* value = request.if_contains(name);
  if (value == nullptr || !value->is_array()) return expected_member(name, "a list of texts");
  std::vector<std::string> texts;
  for (const json::value& item : value->get_array()) {
    if (!item.is_string()) return expected_member(name, "a list of texts");
    texts.emplace_back(view(item.get_string()));
  }
  return texts;
}

Result<std::optional<std::uint64_t>> optional_number(const json::object& request, std::string_view name) {
  const json::value* value = request.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<std::uint64_t>();
  json::error_code error;
  const auto number = value->to_number<std::uint64_t>(error);
  if (error || number > INT64_MAX) return expected_member(name, "a whole number");
  return std::optional(number);
}

Result<bool> flag_member(const json::object& request, std::string_view name) {
  const json::value* value = request.if_contains(name);
  if (value == nullptr || value->is_null()) return false;
  if (!value->is_bool()) return expected_member(name, "true or false");
  return value->get_bool();
}

Result<Domain> domain_member(const json::object& request, std::string_view name) {
  const auto text = text_member(request, name);
  if (!text) return pass(text);
  auto domain = Domain::parse(*text);
  if (!domain)
    return fail(ErrorKind::syntax, fmt::format("{}: not a domain name: {}", printable(*text), domain.error().peer));
  return domain;
}

Result<std::optional<Domain>> optional_domain(const json::object& request, std::string_view name) {
  const json::value* value = request.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<Domain>();
  auto domain = domain_member(request, name);
  if (!domain) return pass(domain);
  return std::optional<Domain>(std::move(*domain));
}

Result<EmailAddress> parse_address(std::string_view text) {
  auto address = EmailAddress::parse(text);
  if (!address)
    return fail(ErrorKind::syntax, fmt::format("{}: not an address: {}", printable(text), address.error().peer));
  if (address->domain() == nullptr)
    return fail(ErrorKind::syntax, fmt::format("{}: expected a domain, not an address literal", printable(text)));
  return address;
}

Result<EmailAddress> address_member(const json::object& request, std::string_view name) {
  const auto text = text_member(request, name);
  if (!text) return pass(text);
  return parse_address(*text);
}

}  // namespace pabal::admin
