// MessageRow: what is known of one message in a mailbox without looking anything up.
#pragma once
#include <cstdint>

#include "base/ids.hpp"
#include "store/flags.hpp"

namespace pabal::store {

/// One message in a mailbox, in 32 octets.
struct MessageRow {
  std::uint32_t uid = 0;
  std::uint32_t keywords = 0;  ///< index for MailboxSnapshot::keywords()
  EmailId email;
  ChangeNumber change;  ///< MODSEQ (RFC 7162)

  /// Octets of prefix and content together: RFC822.SIZE.
  [[nodiscard]] std::uint64_t size() const noexcept { return packed_ >> flag_bits; }
  [[nodiscard]] Flags flags() const noexcept { return static_cast<Flags>(packed_ & flag_mask); }
  void set_size(std::uint64_t size) noexcept { packed_ = (packed_ & flag_mask) | (size << flag_bits); }
  void set_flags(Flags flags) noexcept { packed_ = (packed_ & ~flag_mask) | (flags & flag_mask); }

  friend bool operator==(const MessageRow&, const MessageRow&) = default;

 private:
  static constexpr unsigned flag_bits = 16;
  static constexpr std::uint64_t flag_mask = (1ULL << flag_bits) - 1;
  std::uint64_t packed_ = 0;
};
static_assert(sizeof(MessageRow) == 32);

}  // namespace pabal::store
