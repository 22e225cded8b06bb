#include "smtp/mta_sts.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "address/domain.hpp"
#include "base/text.hpp"

namespace pabal::smtp {
namespace {

constexpr std::string_view version = "STSv1";

std::unexpected<Error> refuse(std::string words) { return fail(ErrorKind::syntax, std::move(words)); }

bool is_word(std::string_view text, std::size_t most) {
  return !text.empty() && text.size() <= most &&
         std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c); });
}

/// RFC 8461 §3.1 sts-ext-name.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 32 && (is_alpha(text.front()) || is_digit(text.front())) &&
         std::ranges::all_of(text,
                             [](char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-' || c == '.'; });
}

/// "mx1.example" or "*.example" as it is compared.
std::optional<std::string> mx_pattern(std::string_view text) {
  const bool wild = text.starts_with("*.");
  const auto domain = Domain::parse(wild ? text.substr(2) : text);
  if (!domain) return std::nullopt;
  return (wild ? "*." : "") + domain->ascii();
}

}  // namespace

Result<std::string> parse_sts_record(const std::vector<std::string>& texts) {
  const std::string* only = nullptr;
  for (const auto& text : texts) {
    // Others may stand at this name; those that say so much are meant.
    const bool meant = text.starts_with("v=STSv1") && (text.size() == 7 || !is_word(text.substr(7, 1), 1));
    if (!meant) continue;
    if (only != nullptr) return fail(ErrorKind::not_found, "several records begin with v=STSv1");
    only = &text;
  }
  if (only == nullptr) return fail(ErrorKind::not_found, "no record begins with v=STSv1");

  std::optional<std::string> id;
  auto fields = split(*only, ';');
  if (trim(fields.front()) != "v=STSv1") return refuse("something else than ; stands behind v=STSv1");
  for (std::size_t i = 1; i < fields.size(); ++i) {
    const auto field = trim(fields[i]);
    if (field.empty() && i + 1 == fields.size()) break;
    const auto equals = field.find('=');
    if (equals == std::string_view::npos) return refuse("a field has no =");
    const auto name = trim(field.substr(0, equals));
    const auto value = trim(field.substr(equals + 1));
    if (!is_name(name)) return refuse("a field's name is malformed");
    if (name == "id" && !id) {
      if (!is_word(value, 32)) return refuse("the id isn't 1 to 32 letters and digits");
      id = value;
    }
  }
  if (!id) return refuse("there is no id");
  return *std::move(id);
}

std::string_view name_of(StsMode mode) noexcept {
  switch (mode) {
    case StsMode::none:
      return "none";
    case StsMode::testing:
      return "testing";
    case StsMode::enforce:
      return "enforce";
  }
  return "";
}

bool StsPolicy::allows(std::string_view host) const {
  return std::ranges::any_of(mx, [host](std::string_view pattern) {
    if (!pattern.starts_with("*.")) return host == pattern;
    const auto dot = host.find('.');
    return dot != std::string_view::npos && dot > 0 && host.substr(dot + 1) == pattern.substr(2);
  });
}

Result<StsPolicy> parse_sts_policy(std::string_view text) {
  if (text.size() > most_sts_policy_octets)
    return refuse(fmt::format("it is longer than {} octets", most_sts_policy_octets));
  StsPolicy policy;
  policy.text = text.substr(0, most_sts_text);
  bool has_version = false;
  std::optional<StsMode> mode;
  std::optional<std::chrono::seconds> max_age;
  for (auto line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trim(line);
    if (line.empty()) continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return refuse(fmt::format("a line has no colon: {}", printable(line, 60)));
    const auto key = line.substr(0, colon);
    const auto value = trim(line.substr(colon + 1));
    if (!is_name(key)) return refuse(fmt::format("a field's name is malformed: {}", printable(key, 60)));
    if (key == "version") {
      if (!has_version && value != version) return refuse("the version isn't STSv1");
      has_version = true;
    } else if (key == "mode" && !mode) {
      for (const auto known : {StsMode::none, StsMode::testing, StsMode::enforce}) {
        if (value == name_of(known)) mode = known;
      }
      if (!mode) return refuse(fmt::format("the mode is none that is known: {}", printable(value, 60)));
    } else if (key == "max_age" && !max_age) {
      const auto seconds = value.size() <= 10 ? parse_decimal(value) : std::nullopt;
      if (!seconds)
        return refuse(fmt::format("max_age isn't a number of at most ten digits: {}", printable(value, 60)));
      max_age = std::min(std::chrono::seconds(*seconds), most_sts_age);
    } else if (key == "mx") {
      auto pattern = mx_pattern(value);
      if (policy.mx.size() == most_sts_hosts) return refuse(fmt::format("there are more than {} mx", most_sts_hosts));
      if (!pattern) return refuse(fmt::format("mx isn't a host name: {}", printable(value, 60)));
      policy.mx.push_back(*std::move(pattern));
    }
  }
  if (!has_version) return refuse("there is no version");
  if (!mode) return refuse("there is no mode");
  if (!max_age) return refuse("there is no max_age");
  if (policy.mx.empty() && *mode != StsMode::none) return refuse("there is no mx");
  policy.mode = *mode;
  policy.max_age = *max_age;
  return policy;
}

}  // namespace pabal::smtp
