#include "mailauth/spf_record.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "dns/record.hpp"
#include "mailauth/spf_macro.hpp"

namespace pabal::mailauth {
namespace {

using Kind = SpfDirective::Kind;

constexpr std::string_view spf_version = "v=spf1";

std::unexpected<Error> refuse_term(std::string_view term, std::string_view why) {
  return fail(ErrorKind::syntax, fmt::format("the term {}: {}", printable(term, 100), why));
}

std::optional<SpfResult> qualifier(char c) noexcept {
  switch (c) {
    case '+':
      return SpfResult::pass;
    case '-':
      return SpfResult::fail;
    case '~':
      return SpfResult::softfail;
    case '?':
      return SpfResult::neutral;
    default:
      return std::nullopt;
  }
}

std::optional<Kind> mechanism(std::string_view name) noexcept {
  constexpr std::array<std::pair<std::string_view, Kind>, 8> names{{{"all", Kind::all},
                                                                    {"include", Kind::include},
                                                                    {"a", Kind::a},
                                                                    {"mx", Kind::mx},
                                                                    {"ptr", Kind::ptr},
                                                                    {"ip4", Kind::ip4},
                                                                    {"ip6", Kind::ip6},
                                                                    {"exists", Kind::exists}}};
  for (const auto& [known, kind] : names) {
    if (equal_ignoring_case(known, name)) return kind;
  }
  return std::nullopt;
}

/// The name before `=` where the term is a modifier: ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ).
std::optional<std::string_view> modifier_name(std::string_view term) noexcept {
  if (!is_alpha(term.front())) return std::nullopt;
  const auto end = std::ranges::find_if_not(
      term, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; });
  if (end == term.end() || *end != '=') return std::nullopt;
  return term.substr(0, static_cast<std::size_t>(end - term.begin()));
}

/// A prefix length's digits: no leading zero (§5.6), at most `most`.
std::optional<unsigned> prefix_length(std::string_view digits, unsigned most) noexcept {
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  const auto number = parse_decimal(digits, most);
  if (!number) return std::nullopt;
  return static_cast<unsigned>(*number);
}

/// Takes `/` and digits from the end; nothing where there is none there, or the slash is `//`'s.
std::optional<std::string_view> take_length(std::string_view& text, std::string_view slashes) noexcept {
  const auto digits = text.find_last_not_of("0123456789");
  if (digits == std::string_view::npos || text[digits] != '/') return std::nullopt;
  const auto before = text.substr(0, digits + 1);
  if (!before.ends_with(slashes) || (slashes == "/" && before.ends_with("//"))) return std::nullopt;
  const auto length = text.substr(digits + 1);
  text = before.substr(0, before.size() - slashes.size());
  return length;
}

/// [ ip4-cidr-length ] [ "/" ip6-cidr-length ] at the end of a and mx.
Result<void> take_dual_length(std::string_view& arguments, SpfDirective& term) {
  if (const auto digits = take_length(arguments, "//")) {
    const auto bits = prefix_length(*digits, 128);
    if (!bits) return refuse_term(term.text, "the IPv6 prefix length is wrong");
    term.bits6 = *bits;
  }
  if (const auto digits = take_length(arguments, "/")) {
    const auto bits = prefix_length(*digits, 32);
    if (!bits) return refuse_term(term.text, "the IPv4 prefix length is wrong");
    term.bits4 = *bits;
  }
  return {};
}

/// `:` and a domain-spec; where it may be missing nothing at all.
Result<void> take_domain(std::string_view arguments, SpfDirective& term, bool needed) {
  if (arguments.empty() && !needed) return {};
  if (!arguments.starts_with(':')) {
    return refuse_term(term.text, arguments.empty() ? "the domain is missing" : "a colon and a domain were expected");
  }
  arguments.remove_prefix(1);
  if (const auto checked = check_domain_spec(arguments); !checked) return refuse_term(term.text, checked.error().peer);
  term.domain = arguments;
  return {};
}

Result<void> take_network(std::string_view arguments, SpfDirective& term) {
  const bool v6 = term.kind == Kind::ip6;
  if (!arguments.starts_with(':')) return refuse_term(term.text, "the network is missing");
  arguments.remove_prefix(1);
  if (const auto digits = take_length(arguments, "/")) {
    const auto bits = prefix_length(*digits, v6 ? 128 : 32);
    if (!bits) return refuse_term(term.text, "the prefix length is wrong");
    (v6 ? term.bits6 : term.bits4) = *bits;
  }
  if (v6) {
    const auto address = dns::parse_aaaa(arguments);
    if (!address) return refuse_term(term.text, "that is no IPv6 network");
    term.network = address->octets;
    return {};
  }
  const auto address = dns::parse_a(arguments);
  if (!address) return refuse_term(term.text, "that is no IPv4 network");
  std::ranges::copy(address->octets, term.network.begin());
  return {};
}

Result<SpfDirective> parse_mechanism(std::string_view text) {
  SpfDirective term;
  term.text = text;
  auto rest = text;
  if (const auto result = qualifier(rest.front())) {
    term.result = *result;
    rest.remove_prefix(1);
  }
  const auto end = std::min(rest.find_first_of(":/"), rest.size());
  const auto kind = mechanism(rest.substr(0, end));
  if (!kind) return refuse_term(text, "there is no such mechanism");
  term.kind = *kind;
  auto arguments = rest.substr(end);
  Result<void> taken;
  switch (term.kind) {
    case Kind::all:
      if (!arguments.empty()) return refuse_term(text, "all takes nothing behind it");
      break;
    case Kind::include:
    case Kind::exists:
      taken = take_domain(arguments, term, true);
      break;
    case Kind::ptr:
      taken = take_domain(arguments, term, false);
      break;
    case Kind::a:
    case Kind::mx:
      taken = take_dual_length(arguments, term);
      if (taken) taken = take_domain(arguments, term, false);
      break;
    default:
      taken = take_network(arguments, term);
      break;
  }
  if (!taken) return pass(taken);
  return term;
}

Result<SpfDirective> parse_modifier(std::string_view text, std::string_view name) {
  SpfDirective term;
  term.text = text;
  const auto value = text.substr(name.size() + 1);
  if (equal_ignoring_case(name, "redirect") || equal_ignoring_case(name, "exp")) {
    term.kind = equal_ignoring_case(name, "exp") ? Kind::exp : Kind::redirect;
    if (const auto checked = check_domain_spec(value); !checked) return refuse_term(text, checked.error().peer);
    term.domain = value;
    return term;
  }
  term.kind = Kind::unknown_modifier;
  if (const auto checked = check_macros(value, MacroUse::name); !checked)
    return refuse_term(text, checked.error().peer);
  return term;
}

}  // namespace

bool SpfRecord::is_one(std::string_view text) noexcept {
  return starts_with_ignoring_case(text, spf_version) &&
         (text.size() == spf_version.size() || text[spf_version.size()] == ' ');
}

Result<SpfRecord> SpfRecord::parse(std::string_view text) {
  if (!is_one(text)) return fail(ErrorKind::syntax, "that is no SPF record");
  if (text.size() > spf_most_record_octets) {
    return fail(ErrorKind::syntax, fmt::format("the record has more than {} octets", spf_most_record_octets));
  }
  SpfRecord record;
  auto rest = text.substr(spf_version.size());
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    if (rest.empty()) return record;
    const auto term = rest.substr(0, std::min(rest.find(' '), rest.size()));
    rest.remove_prefix(term.size());
    if (record.terms.size() == spf_most_terms) {
      return fail(ErrorKind::syntax, fmt::format("the record has more than {} terms", spf_most_terms));
    }
    const auto name = modifier_name(term);
    auto parsed = name ? parse_modifier(term, *name) : parse_mechanism(term);
    if (!parsed) return pass(parsed);
    auto* once = parsed->kind == Kind::redirect ? &record.redirect : parsed->kind == Kind::exp ? &record.exp : nullptr;
    if (once != nullptr) {
      if (*once) return refuse_term(term, "this modifier may stand only once");
      *once = record.terms.size();
    }
    record.terms.push_back(*parsed);
  }
}

}  // namespace pabal::mailauth
