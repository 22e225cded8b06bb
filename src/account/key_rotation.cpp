#include "account/key_rotation.hpp"

#include <array>

namespace pabal::account {

namespace {

bool waits(const DomainKey& key) noexcept {
  return key.state() == KeyState::made || key.state() == KeyState::published;
}

// Of the keys of one kind.
void add_changes(const std::vector<const DomainKey*>& keys, const RotationPolicy& policy, SystemTime now,
                 const std::set<std::string>& there, std::vector<RotationStep>& steps) {
  const DomainKey* used = nullptr;
  const DomainKey* next = nullptr;
  for (const DomainKey* key : keys) {
    if (key->state() == KeyState::used) used = key;
    if (waits(*key) && (next == nullptr || key->made >= next->made)) next = key;
  }
  // What was left behind by a newer one that is in use has had its turn.
  if (next != nullptr && used != nullptr && next->made < used->made) next = nullptr;
  if (next != nullptr) {
    const bool ripe = next->published && (used == nullptr || now >= *next->published + policy.use_after);
    if (ripe && there.contains(next->selector))
      steps.push_back({.kind = RotationStep::Kind::use, .selector = next->selector});
    return;
  }
  if (used != nullptr && policy.rotate_every.count() > 0 && now >= *used->used + policy.rotate_every) {
    steps.push_back({.kind = RotationStep::Kind::make, .algorithm = used->algorithm});
  }
}

}  // namespace

std::vector<RotationStep> due_steps(const std::vector<DomainKey>& keys, const RotationPolicy& policy, SystemTime now,
                                    const std::set<std::string>& there) {
  std::vector<RotationStep> steps;
  for (const auto kind : std::array{KeyAlgorithm::rsa_2048, KeyAlgorithm::ed25519}) {
    std::vector<const DomainKey*> of_kind;
    for (const DomainKey& key : keys) {
      if (same_kind(key.algorithm, kind)) of_kind.push_back(&key);
    }
    add_changes(of_kind, policy, now, there, steps);
  }
  for (const DomainKey& key : keys) {
    if (key.state() == KeyState::retired && now >= *key.retired + policy.keep_retired) {
      steps.push_back({.kind = RotationStep::Kind::withdraw, .selector = key.selector});
    }
  }
  return steps;
}

bool wants_record(const DomainKey& key) noexcept { return waits(key) || key.state() == KeyState::used; }

}  // namespace pabal::account
