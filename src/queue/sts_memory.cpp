#include "queue/sts_memory.hpp"

#include <optional>
#include <utility>

#include "base/json.hpp"
#include "base/text.hpp"

namespace pabal::queue {

namespace {

// For reports alone, which show it so, too: one that isn't UTF-8 would make the whole line unreadable.
std::string readable(const std::string& policy_text) {
  if (is_utf8(policy_text)) return policy_text;
  std::string all;
  for (const auto line : split(policy_text, '\n')) {
    if (!all.empty()) all += '\n';
    all += printable(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line, smtp::most_sts_text);
  }
  return all;
}

json::object object_of(const RememberedPolicy& one) {
  json::array mx;
  for (const auto& pattern : one.policy.mx) mx.push_back(json::string(pattern));
  return {{"domain", one.domain.ascii()},
          {"id", one.id},
          {"mode", smtp::name_of(one.policy.mode)},
          {"max_age", one.policy.max_age.count()},
          {"mx", std::move(mx)},
          {"text", readable(one.policy.text)},
          {"fetched", to_database(one.fetched)},
          {"until", to_database(one.until)}};
}

std::optional<std::string> text_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string().data(), value->get_string().size());
}

std::optional<std::int64_t> number_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

std::optional<smtp::StsMode> mode_named(std::string_view name) {
  for (const auto mode : {smtp::StsMode::none, smtp::StsMode::testing, smtp::StsMode::enforce}) {
    if (smtp::name_of(mode) == name) return mode;
  }
  return std::nullopt;
}

std::optional<smtp::StsPolicy> policy_of(const json::object& object) {
  const auto mode = mode_named(text_at(object, "mode").value_or(""));
  const auto max_age = number_at(object, "max_age");
  auto text = text_at(object, "text");
  const auto* mx = object.if_contains("mx");
  if (!mode || !max_age || *max_age < 0 || *max_age > smtp::most_sts_age.count() || !text || mx == nullptr ||
      !mx->is_array() || mx->get_array().size() > smtp::most_sts_hosts) {
    return std::nullopt;
  }
  smtp::StsPolicy policy{.mode = *mode, .max_age = std::chrono::seconds(*max_age), .mx = {}, .text = *std::move(text)};
  for (const auto& pattern : mx->get_array()) {
    if (!pattern.is_string()) return std::nullopt;
    policy.mx.emplace_back(pattern.get_string().data(), pattern.get_string().size());
  }
  return policy;
}

std::optional<RememberedPolicy> remembered_of(std::string_view line) {
  const auto value = parse_json(line);
  if (!value || !value->is_object()) return std::nullopt;
  const auto& object = value->get_object();
  auto domain = Domain::parse(text_at(object, "domain").value_or(""));
  auto id = text_at(object, "id");
  auto policy = policy_of(object);
  const auto fetched = number_at(object, "fetched");
  const auto until = number_at(object, "until");
  // Times that a clock can show: what is reckoned with them must not overflow.
  constexpr std::int64_t latest = 253402300799LL * 1'000'000;
  const auto is_time = [](const std::optional<std::int64_t>& time) { return time && *time >= 0 && *time <= latest; };
  if (!domain || !id || !policy || !is_time(fetched) || !is_time(until)) return std::nullopt;
  return RememberedPolicy{.domain = *std::move(domain),
                          .id = *std::move(id),
                          .policy = *std::move(policy),
                          .fetched = from_database(*fetched),
                          .until = from_database(*until)};
}

}  // namespace

std::string sts_memory_text(const std::vector<RememberedPolicy>& policies, std::size_t most) {
  std::string text;
  for (const auto& one : policies) {
    const auto line = json::serialize(object_of(one));
    if (text.size() + line.size() + 1 > most) continue;
    text += line;
    text += '\n';
  }
  return text;
}

std::vector<RememberedPolicy> read_sts_memory(std::string_view text) {
  std::vector<RememberedPolicy> policies;
  for (const auto line : split(text, '\n')) {
    if (auto one = remembered_of(line)) policies.push_back(*std::move(one));
  }
  return policies;
}

}  // namespace pabal::queue
