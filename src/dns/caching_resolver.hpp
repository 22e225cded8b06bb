// CachingResolver: remembers answers for as long as they may be believed, also that there is none (RFC 2308) and that
// nobody could tell (RFC 9520), and asks only once for what many want to know at the same time.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "dns/resolver.hpp"

namespace pabal::dns {

struct CacheOptions {
  std::size_t max_octets = 32UL << 20;          ///< about; the least recently used go first
  std::chrono::seconds max_ttl{24 * 3600};      ///< nothing is believed for longer
  std::chrono::seconds max_negative_ttl{3600};  ///< RFC 2308 §5: 3 hours at most
  std::chrono::seconds failure_ttl{5};          ///< failed, timed out, bogus (RFC 9520 §3.2: 1 s at least)
};

/// Any thread. It must be destroyed when the threads of those who asked have stopped, and before their io_contexts.
class CachingResolver final : public Resolver {
 public:
  /// Both must outlive it.
  CachingResolver(Resolver& next, const Clock& clock, CacheOptions options = {});
  ~CachingResolver() override;
  CachingResolver(const CachingResolver&) = delete;
  CachingResolver& operator=(const CachingResolver&) = delete;

  /// A remembered answer's ttl is what is left of it.
  [[nodiscard]] Async<Answer> resolve(Name name, Type type) override;

  struct Counts {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;  ///< the next one was asked
    std::uint64_t joined = 0;  ///< somebody else had already asked
    std::size_t entries = 0;
    std::size_t octets = 0;
  };
  [[nodiscard]] Counts counts() const;
  /// Forgets all of it.
  void clear();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace pabal::dns
