#include "dns/scripted_resolver.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "dns/zone_resolver.hpp"

namespace pabal::dns {
namespace {

Name name_of(std::string_view text) {
  auto name = Name::parse(text);
  if (!name) throw std::invalid_argument(name.error().log);
  return *std::move(name);
}

Zones zones_of(std::string_view text) {
  const auto file = parse_zone(text, "zone");
  if (!file) throw std::invalid_argument(file.error().log);
  auto zones = Zones::of({*file});
  if (!zones) throw std::invalid_argument(zones.error().log);
  return *std::move(zones);
}

}  // namespace

ScriptedResolver::ScriptedResolver(std::string_view zone, Sleep sleep) : sleep_(std::move(sleep)) { set_zone(zone); }

ScriptedResolver::Key ScriptedResolver::key_of(std::string_view name, Type type) { return {name_of(name), type}; }

void ScriptedResolver::set_zone(std::string_view zone) {
  auto zones = zones_of(zone);
  script_.lock()->zones = std::move(zones);
}

void ScriptedResolver::answer(std::string_view name, Type type, Answer answer) {
  script_.lock()->fixed.insert_or_assign(key_of(name, type), std::move(answer));
}

void ScriptedResolver::fail(std::string_view name, Type type, Status status, std::string why) {
  answer(name, type, {.status = status, .name = name_of(name), .why = std::move(why)});
}

void ScriptedResolver::answer_next(std::string_view name, Type type, std::vector<Answer> answers) {
  script_.lock()->next[key_of(name, type)] = std::move(answers);
}

void ScriptedResolver::secure(std::string_view name) { script_.lock()->secured.push_back(name_of(name)); }

void ScriptedResolver::delay(std::string_view name, Type type, std::chrono::milliseconds time) {
  script_.lock()->delays[key_of(name, type)] = time;
}

Answer ScriptedResolver::from_zone(const Script& script, const Name& name, Type type) {
  const auto proven = [&script](const Name& one) {
    return std::ranges::any_of(script.secured, [&one](const Name& top) { return one.is_within(top); });
  };
  // Step by step, so that an alias out of what is proven is seen.
  Answer all{.status = Status::no_name, .secure = proven(name), .name = name, .ttl = most_ttl};
  for (std::size_t aliases = 0; aliases <= most_aliases; ++aliases) {
    all.secure = all.secure && proven(all.name);
    const auto alias = type == Type::cname ? std::nullopt : script.zones.find(all.name, Type::cname);
    if (!alias || alias->answer.status != Status::ok) {
      const auto found = script.zones.find(all.name, type);
      if (!found) {
        all.ttl = std::min(all.ttl, default_ttl);
        return all;
      }
      all.status = found->answer.status;
      all.records = found->answer.records;
      all.ttl = std::min(all.ttl, found->answer.ttl);
      all.why = found->answer.why;
      return all;
    }
    all.ttl = std::min(all.ttl, alias->answer.ttl);
    all.name = std::get<Cname>(alias->answer.records.front()).target;
  }
  all.status = Status::failed;
  all.secure = false;
  all.why = "aliases that lead in circles";
  return all;
}

Async<Answer> ScriptedResolver::resolve(Name name, Type type) {
  std::optional<Answer> made;
  std::chrono::milliseconds time{0};
  {
    auto script = script_.lock();
    const Key key(name, type);
    script->asked.push_back(key);
    if (const auto found = script->delays.find(key); found != script->delays.end()) time = found->second;
    const auto next = script->next.find(key);
    const auto fixed = script->fixed.find(key);
    if (next != script->next.end() && !next->second.empty()) {
      made = std::move(next->second.front());
      next->second.erase(next->second.begin());
    } else if (fixed != script->fixed.end()) {
      made = fixed->second;
    } else {
      made = from_zone(*script, name, type);
    }
  }
  if (time.count() > 0) co_await sleep_(time);
  co_return std::move(*made);
}

std::size_t ScriptedResolver::asked(std::string_view name, Type type) const {
  return static_cast<std::size_t>(std::ranges::count(script_.lock()->asked, key_of(name, type)));
}

std::size_t ScriptedResolver::asked() const { return script_.lock()->asked.size(); }

std::vector<std::string> ScriptedResolver::questions() const {
  std::vector<std::string> all;
  for (const auto& [name, type] : script_.lock()->asked) all.push_back(name.text() + " " + dns::name_of(type));
  return all;
}

}  // namespace pabal::dns
