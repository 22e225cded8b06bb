// ScriptedResolver: answers from a zone given as text, with failures, delays and proofs by table, and counts what it
// was asked. For tests of all who ask.
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/guarded.hpp"
#include "dns/resolver.hpp"
#include "dns/zones.hpp"

namespace pabal::dns {

/// Any thread. What no table names is answered by the zone; names in no zone don't exist.
class ScriptedResolver final : public Resolver {
 public:
  /// How it waits; a simulated world puts its own clock here.
  using Sleep = std::function<Async<>(std::chrono::milliseconds)>;

  /// A zone file's text (zone_file.hpp). Throws std::invalid_argument with its fault.
  explicit ScriptedResolver(std::string_view zone = "", Sleep sleep = sleep_for);

  /// From now on the zone is another.
  void set_zone(std::string_view zone);
  /// This question is answered so, whatever the zone says.
  void answer(std::string_view name, Type type, Answer answer);
  /// This question fails: failed, timed_out or bogus.
  void fail(std::string_view name, Type type, Status status, std::string why = "scripted");
  /// The next answers to it in turn; then the table and the zone again.
  void answer_next(std::string_view name, Type type, std::vector<Answer> answers);
  /// What the zone answers for names within this one is proven; aliases out of it are not.
  void secure(std::string_view name);
  /// Answers to this question come so much later.
  void delay(std::string_view name, Type type, std::chrono::milliseconds time);

  [[nodiscard]] Async<Answer> resolve(Name name, Type type) override;

  /// How often it was asked.
  [[nodiscard]] std::size_t asked(std::string_view name, Type type) const;
  [[nodiscard]] std::size_t asked() const;
  /// All questions so far, as "mx.example A".
  [[nodiscard]] std::vector<std::string> questions() const;

 private:
  using Key = std::pair<Name, Type>;
  struct Script {
    Zones zones;
    std::map<Key, Answer> fixed;
    std::map<Key, std::vector<Answer>> next;
    std::map<Key, std::chrono::milliseconds> delays;
    std::vector<Name> secured;
    std::vector<Key> asked;
  };
  [[nodiscard]] static Key key_of(std::string_view name, Type type);
  [[nodiscard]] static Answer from_zone(const Script& script, const Name& name, Type type);

  mutable Guarded<Script> script_;
  Sleep sleep_;
};

}  // namespace pabal::dns
