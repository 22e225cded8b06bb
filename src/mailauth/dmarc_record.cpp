#include "mailauth/dmarc_record.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::string_view dmarc_version = "DMARC1";
constexpr std::size_t most_faults = 20;

std::string_view trim_all(std::string_view text) noexcept {
  constexpr std::string_view white = " \t\r\n";
  const auto first = text.find_first_not_of(white);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white) - first + 1);
}

/// `name=value`, without white space; nothing where there is no `=`.
std::optional<std::pair<std::string_view, std::string_view>> name_and_value(std::string_view piece) noexcept {
  const auto equals = piece.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  return std::pair{trim_all(piece.substr(0, equals)), trim_all(piece.substr(equals + 1))};
}

std::optional<DmarcPolicy> policy_named(std::string_view text) noexcept {
  for (const auto policy : {DmarcPolicy::none, DmarcPolicy::quarantine, DmarcPolicy::reject}) {
    if (equal_ignoring_case(text, name_of(policy))) return policy;
  }
  return std::nullopt;
}

/// RFC 3986: a scheme, a colon, something, and no characters that must be escaped.
bool is_uri(std::string_view text) noexcept {
  const auto colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size() || !is_alpha(text.front()))
    return false;
  const bool scheme = std::ranges::all_of(
      text.substr(0, colon), [](char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; });
  const bool plain = std::ranges::all_of(
      text, [](char c) { return c > ' ' && c < 0x7f && !std::string_view("\"<>\\^`{|}").contains(c); });
  if (!scheme || !plain) return false;
  if (!starts_with_ignoring_case(text, "mailto:")) return true;
  const auto at = text.rfind('@');
  return at != std::string_view::npos && at > colon + 1 && at + 1 < text.size();
}

/// RFC 7489 §6.4 dmarc-uri: `!` and a size with its unit may follow. A `!` of the URI's own is written %21 (§6.2), so
/// that two of them are a mistake.
std::optional<DmarcUri> report_uri(std::string_view text) {
  DmarcUri found;
  const auto mark = text.find('!');
  if (mark != std::string_view::npos) {
    auto size = text.substr(mark + 1);
    std::uint64_t unit = 1;
    if (!size.empty() && !is_digit(size.back())) {
      const auto power = std::string_view("kmgt").find(ascii_lower(size.back()));
      if (power == std::string_view::npos) return std::nullopt;
      unit <<= 10 * (power + 1);
      size.remove_suffix(1);
    }
    const auto number = parse_decimal(size, UINT64_MAX / unit);
    if (!number) return std::nullopt;
    found.most_octets = *number * unit;
    text = text.substr(0, mark);
  }
  if (!is_uri(text)) return std::nullopt;
  found.uri = text;
  return found;
}

bool is_failure_options(std::string_view value) {
  return std::ranges::all_of(split(value, ':'), [](std::string_view option) {
    option = trim_all(option);
    return option.size() == 1 && std::string_view("01ds").contains(ascii_lower(option.front()));
  });
}

class DmarcReader {
 public:
  explicit DmarcReader(DmarcStandard standard) : standard_(standard) {}

  void take(std::string_view name, std::string_view value) {
    if (std::ranges::find(seen_, name, [](const std::string& one) { return std::string_view(one); }) != seen_.end()) {
      fault(name, "it comes twice, and the first one counts");
      return;
    }
    seen_.emplace_back(name);
    if (name == "p" || name == "sp" || name == "np") {
      take_policy(name, value);
    } else if (name == "adkim" || name == "aspf") {
      take_alignment(name, value);
    } else if (name == "rua" || name == "ruf") {
      take_uris(name, value);
    } else if (name == "fo") {
      if (is_failure_options(value)) {
        record.failure_options = to_lower(value);
      } else {
        fault(name, "it is no list of 0, 1, d and s");
      }
    } else if (standard_ == DmarcStandard::rfc7489) {
      take_old(name, value);
    } else {
      take_new(name, value);
    }
  }

  DmarcRecord record;
  bool has_policy = false;
  bool wrong_policy = false;  ///< p=, sp= or np= stands there and is none

 private:
  void fault(std::string_view name, std::string_view why) {
    if (record.faults.size() < most_faults) {
      record.faults.push_back(fmt::format("{}=: {}", printable(name, 20), why));
    }
  }
  void take_policy(std::string_view name, std::string_view value) {
    const auto policy = policy_named(value);
    if (!policy) {
      wrong_policy = true;
      fault(name, "it is none of none, quarantine and reject");
    } else if (name == "sp") {
      record.subdomain_policy = policy;
    } else if (name == "np") {
      record.nonexistent_policy = policy;
    } else {
      record.policy = *policy;
      has_policy = true;
    }
  }
  void take_alignment(std::string_view name, std::string_view value) {
    auto& alignment = name == "adkim" ? record.dkim_alignment : record.spf_alignment;
    if (equal_ignoring_case(value, "s")) {
      alignment = DmarcAlignment::strict;
    } else if (!equal_ignoring_case(value, "r")) {
      fault(name, "it is neither r nor s, so r counts");
    }
  }
  void take_uris(std::string_view name, std::string_view value) {
    auto& uris = name == "rua" ? record.aggregate : record.failure;
    for (const auto one : split(value, ',')) {
      auto uri = report_uri(trim_all(one));
      if (!uri) {
        fault(name, "one of its addresses is no URI");
      } else if (uris.size() == dmarc_most_uris) {
        fault(name, "it has too many addresses");
        return;
      } else {
        // RFC 9989 has no sizes any more, and would have a `!` escaped: one that stands there means a size still.
        uris.push_back(*std::move(uri));
      }
    }
  }
  void take_old(std::string_view name, std::string_view value) {
    if (name == "pct") {
      if (const auto number = parse_decimal(value, 100)) {
        record.percent = static_cast<unsigned>(*number);
      } else {
        fault(name, "it is no number from 0 to 100, so 100 counts");
      }
    } else if (name == "ri") {
      if (const auto number = parse_decimal(value, UINT32_MAX)) {
        record.interval = static_cast<std::uint32_t>(*number);
      } else {
        fault(name, "it is no number of seconds, so a day counts");
      }
    }
  }
  void take_new(std::string_view name, std::string_view value) {
    if (name == "t") {
      if (equal_ignoring_case(value, "y")) {
        record.testing = true;
      } else if (!equal_ignoring_case(value, "n")) {
        fault(name, "it is neither y nor n, so n counts");
      }
    } else if (name == "psd") {
      if (equal_ignoring_case(value, "y")) {
        record.suffix = DmarcSuffix::yes;
      } else if (equal_ignoring_case(value, "n")) {
        record.suffix = DmarcSuffix::no;
      } else if (!equal_ignoring_case(value, "u")) {
        fault(name, "it is none of y, n and u, so u counts");
      }
    }
  }

  DmarcStandard standard_;
  std::vector<std::string> seen_;
};

}  // namespace

std::string_view name_of(DmarcPolicy policy) noexcept {
  switch (policy) {
    case DmarcPolicy::none:
      return "none";
    case DmarcPolicy::quarantine:
      return "quarantine";
    case DmarcPolicy::reject:
      return "reject";
  }
  return "none";
}

std::string_view name_of(DmarcAlignment alignment) noexcept { return alignment == DmarcAlignment::strict ? "s" : "r"; }

bool DmarcRecord::is_one(std::string_view text) noexcept {
  const auto first = name_and_value(text.substr(0, text.find(';')));
  return first && text.starts_with(first->first) && equal_ignoring_case(first->first, "v") &&
         first->second == dmarc_version;
}

Result<DmarcRecord> DmarcRecord::parse(std::string_view text, DmarcStandard standard) {
  if (!is_one(text)) return fail(ErrorKind::syntax, "it doesn't begin with v=DMARC1");
  if (text.size() > dmarc_most_record_octets) {
    return fail(ErrorKind::syntax, fmt::format("it has more than {} octets", dmarc_most_record_octets));
  }
  constexpr std::size_t most_tags = 50;
  DmarcReader reader(standard);
  std::size_t tags = 0;
  for (auto rest = text; !rest.empty() && tags < most_tags;) {
    const auto end = std::min(rest.find(';'), rest.size());
    const auto tag = name_and_value(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!tag || tags++ == 0) continue;
    reader.take(to_lower(tag->first), tag->second);
  }
  if (reader.has_policy && !reader.wrong_policy) return std::move(reader.record);
  // RFC 7489 §6.6.3: who wants reports gets them; without that the record says nothing.
  if (reader.record.aggregate.empty()) return fail(ErrorKind::syntax, "it has no p= that says what is wanted");
  reader.record.policy = DmarcPolicy::none;
  reader.record.subdomain_policy.reset();
  reader.record.nonexistent_policy.reset();
  return std::move(reader.record);
}

namespace {

json::array uris_json(const std::vector<DmarcUri>& uris) {
  json::array array;
  for (const auto& uri : uris) array.emplace_back(uri.uri);
  return array;
}

}  // namespace

json::object to_json(const DmarcRecord& record) {
  json::object object{{"p", name_of(record.policy)},           {"adkim", name_of(record.dkim_alignment)},
                      {"aspf", name_of(record.spf_alignment)}, {"pct", record.percent},
                      {"fo", record.failure_options},          {"ri", record.interval},
                      {"rua", uris_json(record.aggregate)},    {"ruf", uris_json(record.failure)}};
  if (record.subdomain_policy) object["sp"] = name_of(*record.subdomain_policy);
  if (record.nonexistent_policy) object["np"] = name_of(*record.nonexistent_policy);
  if (record.testing) object["t"] = "y";
  if (record.suffix != DmarcSuffix::unknown) object["psd"] = record.suffix == DmarcSuffix::yes ? "y" : "n";
  if (!record.faults.empty()) {
    json::array faults;
    for (const auto& fault : record.faults) faults.emplace_back(fault);
    object["faults"] = std::move(faults);
  }
  return object;
}

}  // namespace pabal::mailauth
