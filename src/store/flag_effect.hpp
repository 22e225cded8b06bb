// What a change of flags does to a message's keywords and its \Deleted.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "store/keywords.hpp"
#include "store/mailbox_api.hpp"

namespace pabal::store {

struct FlagEffect {
  FlagsHow how = FlagsHow::add;
  FlagScope scope;
  KeywordNumbers by;
  bool deleted = false;

  [[nodiscard]] KeywordNumbers keywords(KeywordNumbers now) const;
  [[nodiscard]] bool is_deleted(bool now) const noexcept;
};
/// What `change` does; keywords that the account doesn't have are made, in the writer's transaction. Errors are those
/// of KeywordTable::take.
[[nodiscard]] Result<FlagEffect> effect_of(db::Connection& connection, KeywordTable& table, const FlagChange& change);

[[nodiscard]] std::string encode_effect(const FlagEffect& effect);
[[nodiscard]] Result<FlagEffect> decode_effect(std::string_view octets);

/// A row's flags; many rows have the same.
struct FlagState {
  std::string keywords;  ///< encoded
  bool deleted = false;
  friend auto operator<=>(const FlagState&, const FlagState&) = default;
};

/// What each distinct state becomes: encoded forms are looked up, not decoded, for each row.
class FlagChanger {
 public:
  explicit FlagChanger(FlagEffect effect) : effect_(std::move(effect)) {}

  /// Lives as long as this does. The same state is the same object.
  [[nodiscard]] Result<const FlagState*> state(const KeywordTable& table, std::string_view keywords, bool deleted);

 private:
  struct Less {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const noexcept {
      return std::pair<std::string_view, bool>(a) < std::pair<std::string_view, bool>(b);
    }
  };
  FlagEffect effect_;
  std::set<FlagState> states_;
  std::map<std::pair<std::string, bool>, const FlagState*, Less> known_;
  std::optional<std::pair<std::string_view, bool>> last_;  ///< a key of known_
  const FlagState* last_state_ = nullptr;
};

}  // namespace pabal::store
