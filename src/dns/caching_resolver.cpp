#include "dns/caching_resolver.hpp"

#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace pabal::dns {
namespace {

using std::chrono::seconds;

struct CacheKey {
  Name name;
  Type type;
  friend auto operator<=>(const CacheKey&, const CacheKey&) = default;
};

/// What an entry takes, about: strings inside of records, the places in list and map.
std::size_t octets_of(const CacheKey& key, const Answer& answer) {
  std::size_t octets = 256 + 2 * key.name.wire().size() + answer.name.wire().size() + answer.why.size();
  for (const auto& record : answer.records) {
    octets += sizeof record;
    if (const auto* txt = std::get_if<Txt>(&record)) {
      for (const auto& one : txt->strings) octets += sizeof one + one.size();
    } else if (const auto* tlsa = std::get_if<Tlsa>(&record)) {
      octets += tlsa->data.size();
    } else {
      octets += 32;  // names, where they are long
    }
  }
  return octets;
}

/// Nothing: who waited asks itself.
using Waiter = Completion<std::optional<Answer>>;

struct Entry {
  CacheKey key;
  Answer answer;
  SteadyTime until;
  std::size_t octets;
};

struct Part {
  std::mutex mutex;
  std::list<Entry> entries;  // the last used one first
  // Names come from strangers: a tree has no bad cases.
  std::map<CacheKey, std::list<Entry>::iterator> places;
  std::map<CacheKey, std::vector<Waiter>> under_way;
  CachingResolver::Counts counts;

  void erase(std::map<CacheKey, std::list<Entry>::iterator>::iterator place) {
    const auto entry = place->second;
    counts.octets -= entry->octets;
    --counts.entries;
    places.erase(place);
    entries.erase(entry);
  }
};

}  // namespace

struct CachingResolver::State {
  State(Resolver& next_one, const Clock& the_clock, CacheOptions the_options)
      : next(next_one), clock(the_clock), options(the_options) {}

  static constexpr std::size_t part_count = 16;

  Part& part_of(const CacheKey& key) { return parts[std::hash<Name>{}(key.name) % part_count]; }

  /// Under the part's lock.
  std::optional<Answer> look(Part& part, const CacheKey& key) {
    const auto place = part.places.find(key);
    if (place == part.places.end()) return std::nullopt;
    const auto left = std::chrono::ceil<seconds>(place->second->until - clock.steady());
    if (left <= seconds(0)) {
      part.erase(place);
      return std::nullopt;
    }
    part.entries.splice(part.entries.begin(), part.entries, place->second);
    ++part.counts.hits;
    Answer answer = place->second->answer;
    answer.ttl = left;
    return answer;
  }

  std::optional<Answer> look(const CacheKey& key) {
    Part& part = part_of(key);
    const std::scoped_lock lock(part.mutex);
    return look(part, key);
  }

  /// Calls `waiter` with nothing where nobody asks yet: it has to ask then, and to call end(). With the answer where
  /// there is one by now; else it waits.
  void join(const CacheKey& key, Waiter waiter) {
    Part& part = part_of(key);
    std::optional<Answer> there;
    {
      const std::scoped_lock lock(part.mutex);
      there = look(part, key);
      if (!there) {
        const auto [asked, first] = part.under_way.try_emplace(key);
        if (!first) {
          ++part.counts.joined;
          asked->second.push_back(std::move(waiter));
          return;
        }
        ++part.counts.misses;
      }
    }
    waiter(std::move(there));
  }

  seconds time_for(const Answer& answer) const {
    if (answer.status == Status::ok) return std::min(answer.ttl, options.max_ttl);
    if (answer.is_definite()) return std::min(answer.ttl, options.max_negative_ttl);
    return options.failure_ttl;
  }

  /// Keeps the answer, and tells it to all who wait for it.
  void end(const CacheKey& key, Answer answer) {
    Part& part = part_of(key);
    std::vector<Waiter> waiters;
    const seconds time = time_for(answer);
    answer.ttl = time;
    {
      const std::scoped_lock lock(part.mutex);
      if (const auto asked = part.under_way.find(key); asked != part.under_way.end()) {
        waiters = std::move(asked->second);
        part.under_way.erase(asked);
      }
      if (const auto place = part.places.find(key); place != part.places.end()) part.erase(place);
      const std::size_t octets = octets_of(key, answer);
      const std::size_t most = options.max_octets / part_count;
      if (time > seconds(0) && octets <= most) {
        while (part.counts.octets + octets > most) part.erase(part.places.find(part.entries.back().key));
        part.entries.push_front({key, answer, clock.steady() + time, octets});
        part.places.emplace(key, part.entries.begin());
        part.counts.octets += octets;
        ++part.counts.entries;
      }
    }
    for (auto& waiter : waiters) waiter(answer);
  }

  /// Who asked is gone without an answer: the next of those who wait asks.
  void give_up(const CacheKey& key) {
    Part& part = part_of(key);
    std::optional<Waiter> next_waiter;
    {
      const std::scoped_lock lock(part.mutex);
      const auto asked = part.under_way.find(key);
      if (asked == part.under_way.end()) return;
      if (asked->second.empty()) {
        part.under_way.erase(asked);
        return;
      }
      next_waiter.emplace(std::move(asked->second.back()));
      asked->second.pop_back();
    }
    (*next_waiter)(std::nullopt);
  }

  Resolver& next;
  const Clock& clock;
  CacheOptions options;
  std::array<Part, part_count> parts;
};

namespace {

/// The duty to ask, held by the coroutine that does.
template <class State>
class Duty {
 public:
  Duty(std::shared_ptr<State> state, const CacheKey& key) : state_(std::move(state)), key_(key) {}
  ~Duty() {
    if (state_) state_->give_up(key_);
  }
  Duty(const Duty&) = delete;
  Duty& operator=(const Duty&) = delete;
  void end(const Answer& answer) { std::exchange(state_, nullptr)->end(key_, answer); }

 private:
  std::shared_ptr<State> state_;
  CacheKey key_;
};

}  // namespace

CachingResolver::CachingResolver(Resolver& next, const Clock& clock, CacheOptions options)
    : state_(std::make_shared<State>(next, clock, options)) {}

CachingResolver::~CachingResolver() {
  // The frames of those who wait are destroyed outside of the lock (`waiting` is older than it): they may hold
  // anything.
  for (auto& part : state_->parts) {
    std::map<CacheKey, std::vector<Waiter>> waiting;
    const std::scoped_lock lock(part.mutex);
    waiting.swap(part.under_way);
  }
}

Async<Answer> CachingResolver::resolve(Name name, Type type) {
  const auto state = state_;
  const CacheKey key{std::move(name), type};
  auto there = state->look(key);
  if (there) co_return std::move(*there);
  auto joined = co_await await_completion<std::optional<Answer>>(
      [state, key](Waiter waiter) { state->join(key, std::move(waiter)); });
  if (joined) co_return std::move(*joined);
  Duty<State> duty(state, key);
  auto answer = co_await state->next.resolve(key.name, type);
  answer.ttl = state->time_for(answer);
  duty.end(answer);
  co_return answer;
}

CachingResolver::Counts CachingResolver::counts() const {
  Counts sum;
  for (auto& part : state_->parts) {
    const std::scoped_lock lock(part.mutex);
    sum.hits += part.counts.hits;
    sum.misses += part.counts.misses;
    sum.joined += part.counts.joined;
    sum.entries += part.counts.entries;
    sum.octets += part.counts.octets;
  }
  return sum;
}

void CachingResolver::clear() {
  for (auto& part : state_->parts) {
    const std::scoped_lock lock(part.mutex);
    part.places.clear();
    part.entries.clear();
    part.counts.entries = 0;
    part.counts.octets = 0;
  }
}

}  // namespace pabal::dns
