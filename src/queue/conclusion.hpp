// What comes of an attempt at a letter: each recipient delivered, tried again later or given up, with the notices that
// the author gets. No network: facts in, what the store is to write out.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/log.hpp"
#include "queue/outgoing_letters.hpp"
#include "queue/peer.hpp"
#include "queue/schedule.hpp"
#include "store/store.hpp"

namespace pabal::queue {

/// Where a notice for an author goes: mailboxes here, or elsewhere; none of both: there is no such author any more.
struct Addressees {
  std::vector<store::DeliveryTarget> local;
  std::vector<store::RemoteRecipient> remote;
};
using FindAddressees = std::function<Async<Result<Addressees>>(EmailAddress author)>;
/// Gives a notice back with what proves that it is ours (DKIM) before it.
using SignNotice = std::function<Async<Result<std::string>>(std::string content)>;

/// How a recipient fared.
struct Ending {
  Fate fate = Fate::passing;  ///< not `untried`
  int code = 0;               ///< the peer's; 0 where it said nothing
  std::string status = {};    ///< "4.4.1"
  std::string words = {};     ///< the peer's reply in one line, or our own words
  bool smtp = false;          ///< it is the peer's
  std::string host = {};      ///< the peer's name; empty where there was none
};

struct Attempt {
  store::OutgoingLetter letter;
  std::vector<Ending> endings;  ///< of its recipients, in order
  bool dsn_passed_on = false;
  bool deliver_by_passed_on = false;
  bool lmtp = false;                                     ///< delivered means in the mailbox
  std::shared_ptr<store::EmailOctets> octets = nullptr;  ///< the letter, where it is open
  std::string trace = {};                                ///< JSON
  std::shared_ptr<const void> hold = {};                 ///< kept until all is written
};

struct ConclusionOptions {
  ScheduleOptions schedule;
  std::string hostname;
  std::uint64_t returned_at_most = 50'000;  ///< a bigger letter comes back without its body
  SignNotice sign = {};                     ///< empty: notices go as they are
};

/// How many recipients ended how; for counting.
struct Tally {
  std::size_t delivered = 0;
  std::size_t postponed = 0;
  std::size_t failed = 0;
  std::size_t held = 0;
  std::size_t notices = 0;
};

struct Conclusion {
  store::AttemptOutcome outcome;
  Tally tally;
};

/// Never fails: where the author can't be found out just now, what would have ended waits; where no notice can be
/// written at all, it is held for an operator. Nothing ends without a word that somebody should have had.
/// The attempt must live until it ends.
[[nodiscard]] Async<Conclusion> conclude(const Attempt* attempt, const ConclusionOptions* options,
                                         OutgoingLetters* letters, const FindAddressees* addressees, const Clock* clock,
                                         Random* random, Log log);

}  // namespace pabal::queue
