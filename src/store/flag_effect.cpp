#include "store/flag_effect.hpp"

#include <algorithm>

#include "store/compact.hpp"

namespace pabal::store {

KeywordNumbers FlagEffect::keywords(KeywordNumbers now) const {
  std::vector<std::int64_t> own;
  switch (how) {
    case FlagsHow::replace:
      if (scope.all()) return by;
      return {(now.flags & ~scope.flags) | (by.flags & scope.flags), scope.keywords ? by.own : std::move(now.own)};
    case FlagsHow::add:
      now.flags |= by.flags;
      std::ranges::set_union(now.own, by.own, std::back_inserter(own));
      break;
    case FlagsHow::remove:
      now.flags &= ~by.flags;
      std::ranges::set_difference(now.own, by.own, std::back_inserter(own));
      break;
  }
  now.own = std::move(own);
  return now;
}

bool FlagEffect::is_deleted(bool now) const noexcept {
  if (how == FlagsHow::replace) return (scope.flags & flag::deleted) != 0 ? deleted : now;
  return deleted ? how == FlagsHow::add : now;
}

Result<FlagEffect> effect_of(db::Connection& connection, KeywordTable& table, const FlagChange& change) {
  auto flags = change.flags;
  flags.flags &= change.scope.flags;
  if (!change.scope.keywords) flags.keywords.clear();
  auto by = change.how == FlagsHow::remove ? Result<KeywordNumbers>(table.find(flags)) : table.take(connection, flags);
  if (!by) return pass(by);
  by->flags &= change.scope.flags;
  return FlagEffect{change.how, change.scope, std::move(*by), (flags.flags & flag::deleted) != 0};
}

std::string encode_effect(const FlagEffect& effect) {
  std::vector<std::uint64_t> list = {static_cast<std::uint64_t>(effect.how), effect.scope.flags,
                                     std::uint64_t{effect.scope.keywords}, effect.by.flags,
                                     std::uint64_t{effect.deleted}};
  for (const auto number : effect.by.own) list.push_back(static_cast<std::uint64_t>(number));
  return encode_list(list);
}

Result<FlagEffect> decode_effect(std::string_view octets) {
  auto list = decode_list(octets);
  if (!list) return pass(list);
  const auto& numbers = *list;
  if (numbers.size() < 5 || numbers[0] > static_cast<std::uint64_t>(FlagsHow::replace) || numbers[1] > UINT32_MAX ||
      numbers[2] > 1 || numbers[3] > UINT32_MAX || numbers[4] > 1 ||
      std::adjacent_find(numbers.begin() + 5, numbers.end(), std::greater_equal<>()) != numbers.end()) {
    return fail(ErrorKind::damaged, std::string(kDamaged), "a change of flags can't be read");
  }
  FlagEffect effect{.how = static_cast<FlagsHow>(numbers[0]),
                    .scope = {static_cast<Flags>(numbers[1]), numbers[2] != 0},
                    .by = {.flags = static_cast<Flags>(numbers[3]), .own = {}},
                    .deleted = numbers[4] != 0};
  for (std::size_t i = 5; i < numbers.size(); ++i) effect.by.own.push_back(static_cast<std::int64_t>(numbers[i]));
  return effect;
}

Result<const FlagState*> FlagChanger::state(const KeywordTable& table, std::string_view keywords, bool deleted) {
  const std::pair key(keywords, deleted);
  if (last_ == key) return last_state_;
  auto known = known_.find(key);
  if (known == known_.end()) {
    auto now = table.decode(keywords);
    if (!now) return pass(now);
    FlagState state{encode_keywords(effect_.keywords(std::move(*now))), effect_.is_deleted(deleted)};
    const auto* kept = &*states_.insert(std::move(state)).first;
    known = known_.emplace(std::pair(std::string(keywords), deleted), kept).first;
  }
  last_ = known->first;
  last_state_ = known->second;
  return last_state_;
}

}  // namespace pabal::store
