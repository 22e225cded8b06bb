// Refusals: the traces of letters that were refused for what was found out about their sender, so that `pabal trace`
// can tell why one never arrived. Strangers make them, so there are only so many a day.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "delivery/mda.hpp"
#include "store/store.hpp"

namespace pabal::delivery {

struct RefusedLetter {
  std::string id;          ///< as in the reply
  std::string message_id;  ///< as in the header field; may be empty
  std::string sender;      ///< empty: the null reverse-path
  std::vector<std::string> recipients;
  Origin origin;
  std::uint64_t octets = 0;
  json::object judged;  ///< what was found out
  std::string reply;    ///< "550 5.7.1 …"
  bool again = false;   ///< it was put off, not refused for good
};

/// Its trace, as JSON of 8 KiB at most: what was found out is left out where it is longer.
[[nodiscard]] std::string refusal_trace(const RefusedLetter& letter, SystemTime now);

/// Any thread.
class Refusals {
 public:
  /// Everything but the number must outlive it. `most_a_day`: traces in a day (UTC), of which one hour has a twelfth,
  /// and of that one client (with IPv6 its /64) a quarter, so that nobody uses up all of it; 0 switches them off. The
  /// counts begin anew with each start.
  Refusals(store::Store& store, const Clock& clock, const Log& log, Metrics& metrics, std::size_t most_a_day);

  /// Goes on when it is kept, or won't be: the letter is refused in any case.
  [[nodiscard]] Async<> note(RefusedLetter letter);

 private:
  struct Counts {
    std::int64_t day = 0;
    std::int64_t hour = 0;
    std::size_t of_day = 0;
    std::size_t of_hour = 0;
    std::map<std::string, std::size_t, std::less<>> of_client;  ///< in the hour, by where they came from
  };
  [[nodiscard]] bool has_room(SystemTime now, std::string_view client);

  store::Store* store_;
  const Clock* clock_;
  Log log_;
  std::size_t most_a_day_;
  Counter untraced_;
  Guarded<Counts> counts_;
};

}  // namespace pabal::delivery
