// When a domain's keys change places: a pure function over the keys and the clock. A new key is used once its record
// was seen in the DNS and some time has passed, so that all name servers have it; the one before is kept for a week, as
// letters that it signed are still on their way; then it is withdrawn.
#pragma once
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "account/domain_keys.hpp"

namespace pabal::account {

struct RotationPolicy {
  std::chrono::seconds use_after{3600};              ///< from a new record's being seen to its key's use
  std::chrono::seconds keep_retired{7 * 24 * 3600};  ///< how long a retired key's record is needed
  std::chrono::seconds rotate_every{0};              ///< a key is replaced when it was used for so long; 0: never
};

struct RotationStep {
  enum class Kind : std::uint8_t { use, withdraw, make };
  Kind kind = Kind::use;
  std::string selector = {};                        ///< of the key that is used or withdrawn
  KeyAlgorithm algorithm = KeyAlgorithm::rsa_2048;  ///< of the key to be made
  friend bool operator==(const RotationStep&, const RotationStep&) = default;
};

/// What is due now with the keys of one domain. A kind of key that has none in use takes the next as soon as it is
/// published. Of several that wait the newest counts. `there`: the selectors whose records stand in the DNS now; no
/// other key is taken into use, as a record that was seen once may be gone again.
[[nodiscard]] std::vector<RotationStep> due_steps(const std::vector<DomainKey>& keys, const RotationPolicy& policy,
                                                  SystemTime now, const std::set<std::string>& there);

/// Whether the DNS is to be asked for the key's record: it waits to be seen, or letters are signed with it.
[[nodiscard]] bool wants_record(const DomainKey& key) noexcept;

}  // namespace pabal::account
