#include "mailauth/signing_letter.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/base64.hpp"
#include "mailauth/signature_field.hpp"

namespace pabal::mailauth {

Result<std::string> SigningLetter::end() {
  letter_.end();
  body_.end();
  if (letter_.too_big()) return fail(ErrorKind::syntax, "the letter's header section is too big to be signed");
  return codec::base64(*body_.digest(std::nullopt));
}

bool SigningLetter::has(std::string_view name) const {
  return std::ranges::any_of(
      letter_.fields(), [name](const message::HeaderField& field) { return equal_ignoring_case(field.name, name); });
}

Result<void> check_names(const std::vector<std::string>& names) {
  bool from = false;
  for (const auto& name : names) {
    const bool is_name = !name.empty() && name.size() <= 200 &&
                         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7F && c != ':' && c != ';'; });
    if (!is_name) return fail(ErrorKind::syntax, fmt::format("'{}' is no name of a header field", printable(name, 60)));
    from |= equal_ignoring_case(name, "from");
  }
  if (!from) return fail(ErrorKind::syntax, "From must be among the fields that are signed (RFC 6376 §5.4)");
  return {};
}

Result<void> check_identity(const DkimIdentity& identity) {
  const auto domain = canonical_domain(identity.domain);
  if (!domain || !is_ascii(identity.domain)) {
    return fail(ErrorKind::syntax, fmt::format("'{}' is no domain to sign for", printable(identity.domain, 100)));
  }
  const auto selector = canonical_domain(identity.selector);
  if (!selector || !is_ascii(identity.selector) || !dns::Name::parse(*selector + "._domainkey." + *domain)) {
    return fail(ErrorKind::syntax, fmt::format("'{}' is no selector", printable(identity.selector, 100)));
  }
  return {};
}

std::string joined_names(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ":")); }

std::vector<std::string> lower_names(const std::vector<std::string>& names) {
  std::vector<std::string> lower;
  lower.reserve(names.size());
  for (const auto& name : names) lower.push_back(to_lower(name));
  return lower;
}

std::string seconds_of(SystemTime time) {
  return fmt::format("{}", std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
}

}  // namespace pabal::mailauth
