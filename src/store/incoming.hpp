// Incoming: a message's octets while they arrive, before anything is promised. Small ones stay in memory; a big one is
// received into a file of its own, which becomes its blob without being copied.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/async.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace pabal::store {

class Store;
class Shard;

/// Octets in order; move-only. Dropping it unfinished leaves nothing behind (a file is removed, also after a crash).
class Incoming {
 public:
  Incoming();  ///< empty, in memory only, without limit
  Incoming(Incoming&&) noexcept;
  Incoming& operator=(Incoming&&) noexcept;
  ~Incoming();

  /// Appends to what is in memory; never blocks.
  void append(std::string_view octets);
  /// True when so much is in memory that spill() is due (after every append, for whoever receives).
  [[nodiscard]] bool wants_spill() const noexcept { return memory_.size() >= spill_at_; }
  /// Moves what is in memory to the file, on the pool. After an error the message can't be kept: drop it.
  [[nodiscard]] Async<Result<void>> spill();
  /// Takes octets out of the message again, which must be in memory, all of it.
  void cut(std::size_t offset, std::size_t count);
  /// How many octets put_before() can put before a message that is in a file, all in all.
  static constexpr std::size_t head_room = 64 << 10;
  /// Puts octets before all that is there: header fields that are known only once the message has arrived. In memory at
  /// once; in the file into its head room, on the pool. Each counts for all who get the message. Errors: limit, where
  /// the head room is full; io. After an error the message can't be kept: drop it.
  [[nodiscard]] Async<Result<void>> put_before(std::string octets);
  [[nodiscard]] std::uint64_t size() const noexcept;
  /// What is in memory: the whole message while nothing was spilled, which has_file() tells.
  [[nodiscard]] const std::string& memory() const noexcept { return memory_; }
  [[nodiscard]] bool has_file() const noexcept { return file_ != nullptr; }
  /// Some of the octets from `offset` on, at most `count`, read into `buffer` where they are in the file; empty at the
  /// end. Blocking: on pool and writer threads.
  [[nodiscard]] Result<std::string_view> part(std::uint64_t offset, std::size_t count, std::string& buffer) const;
  /// The message's beginning: all of it while nothing was spilled, else its first 16 KiB at least.
  [[nodiscard]] std::string_view head() const noexcept { return file_ ? std::string_view(head_) : memory_; }

 private:
  friend class Store;
  friend class Shard;
  struct Spilling;  ///< where a file would be made
  struct Spilled;   ///< the file

  [[nodiscard]] Result<void> spill_now();
  [[nodiscard]] Result<void> put_before_now(std::string_view octets);
  /// All is in the file, and its checksum is known. Blocking.
  [[nodiscard]] Result<void> finish_file();

  std::string memory_;
  std::string head_;  ///< set with the file
  std::size_t spill_at_ = SIZE_MAX;
  std::shared_ptr<const Spilling> spilling_;
  std::unique_ptr<Spilled> file_;
};

}  // namespace pabal::store
