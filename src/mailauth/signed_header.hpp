// What of a letter's header section a signature covers (RFC 6376 §3.7, §5.4.2).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mailauth/canonical.hpp"
#include "mailauth/letter_reading.hpp"

namespace pabal::mailauth {

/// Finds fields by name, from the bottom up, and hashes them. Not for several threads at once.
class SignedHeader {
 public:
  /// The letter's header is whole; it must outlive this. `most_octets` may be hashed in all.
  SignedHeader(const LetterReading& letter, std::size_t most_octets);

  /// The SHA-256 of the named fields (lower case; a name again is the next one up, one that isn't there is nothing) and
  /// of the signature's own field, whose b= is empty. `own` is where that stands in the letter: it is never one of
  /// those named (RFC 6376 §3.5). Nothing where too much was hashed already.
  [[nodiscard]] std::optional<std::string> digest(Canonicalization form, const std::vector<std::string>& names,
                                                  std::string_view signature, std::optional<std::size_t> own);

  /// Fields that readers are shown, and that are named, but not as often as they stand in the letter: who added one
  /// decides what is shown (RFC 6376 §8.15).
  [[nodiscard]] std::vector<std::string_view> uncovered_copies(const std::vector<std::string>& names) const;

 private:
  const LetterReading* letter_;
  std::size_t room_;
  std::unordered_map<std::string, std::vector<std::uint32_t>> by_name_;  ///< from the top
};

}  // namespace pabal::mailauth
