#include "db/sqlite/locks.hpp"

#include <sqlite3.h>

namespace pabal::db::sqlite {

int FileLocks::raise(const void* holder, int from, int to) {
  const std::lock_guard lock(mutex_);
  if (from >= to) return from;
  if (to == SQLITE_LOCK_SHARED) {
    if (pending_ != nullptr) return from;
    ++sharing_;
    return to;
  }
  if (to == SQLITE_LOCK_RESERVED) {
    if (reserved_ != nullptr) return from;
    reserved_ = holder;
    return to;
  }
  // Pending keeps new ones out; exclusive is had once the others are gone.
  if (pending_ != nullptr && pending_ != holder) return from;
  if (reserved_ != nullptr && reserved_ != holder) return from;
  pending_ = holder;
  return to == SQLITE_LOCK_EXCLUSIVE && sharing_ > 1 ? SQLITE_LOCK_PENDING : to;
}

void FileLocks::lower(const void* holder, int from, int to) {
  const std::lock_guard lock(mutex_);
  if (from <= to) return;
  if (to < SQLITE_LOCK_RESERVED) {
    if (reserved_ == holder) reserved_ = nullptr;
    if (pending_ == holder) pending_ = nullptr;
  }
  if (to == SQLITE_LOCK_NONE) --sharing_;
}

bool FileLocks::reserved() {
  const std::lock_guard lock(mutex_);
  return reserved_ != nullptr || pending_ != nullptr;
}

void* LogIndex::region(std::size_t index, std::size_t octets, bool make) {
  const std::lock_guard lock(mutex_);
  if (index >= regions_.size()) {
    if (!make) return nullptr;
    regions_.resize(index + 1);
  }
  auto& memory = regions_[index];
  if (memory == nullptr && make) memory = std::make_unique<char[]>(octets);
  return memory.get();
}

bool LogIndex::lock(Holder& holder, int first, int count, bool exclusive) {
  const auto mask = static_cast<std::uint8_t>(((1U << count) - 1U) << first);
  const std::lock_guard lock(mutex_);
  if (!exclusive) {
    if ((holder.shared & mask) != 0) return true;
    if ((exclusive_ & mask) != 0) return false;
    ++sharing_[static_cast<std::size_t>(first)];
    holder.shared |= mask;
    return true;
  }
  if ((exclusive_ & mask) != 0) return false;
  for (int slot = first; slot < first + count; ++slot) {
    if (sharing_[static_cast<std::size_t>(slot)] != 0) return false;
  }
  const bool restarts = first == first_mark && count == marks;
  constexpr auto checkpoint_bit = static_cast<std::uint8_t>(1U << checkpoint_slot);
  if (gated_) {
    const bool other_checkpoints = (exclusive_ & checkpoint_bit) != 0 && (holder.exclusive & checkpoint_bit) == 0;
    if (restarts && other_checkpoints) return false;
    if ((mask & checkpoint_bit) != 0 && restarting_ != nullptr && restarting_ != &holder) return false;
  }
  if (restarts) restarting_ = &holder;
  exclusive_ |= mask;
  holder.exclusive |= mask;
  return true;
}

void LogIndex::unlock(Holder& holder, int first, int count) {
  const auto mask = static_cast<std::uint8_t>(((1U << count) - 1U) << first);
  const std::lock_guard lock(mutex_);
  for (int slot = first; slot < first + count; ++slot) {
    if ((holder.shared & (1U << slot)) != 0) --sharing_[static_cast<std::size_t>(slot)];
  }
  exclusive_ = static_cast<std::uint8_t>(exclusive_ & ~(holder.exclusive & mask));
  holder.shared = static_cast<std::uint8_t>(holder.shared & ~mask);
  holder.exclusive = static_cast<std::uint8_t>(holder.exclusive & ~mask);
  if (restarting_ == &holder && (mask & (1U << first_mark)) != 0) restarting_ = nullptr;
}

}  // namespace pabal::db::sqlite
