// Local letters that can't be delivered go back to their authors, and those that wait for long warn them: notices go in
// with the end of the row, or with its next time.
#pragma once
#include "queue/conclusion.hpp"
#include "queue/local_retry.hpp"

namespace pabal::queue {

struct LocalReturnServices {
  OutgoingLetters* letters = nullptr;
  FindAddressees addressees;
  const Clock* clock = nullptr;
  Random* random = nullptr;
};

/// All that the services name must outlive it.
[[nodiscard]] SendBack send_back(LocalReturnServices services, std::function<ConclusionOptions()> options,
                                 const Log& log);

[[nodiscard]] Warn warn(LocalReturnServices services, std::function<ConclusionOptions()> options, const Log& log);

}  // namespace pabal::queue
