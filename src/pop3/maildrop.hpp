// Maildrop: the messages as they were when the session logged in, and which of them it has marked (RFC 1939 §5).
// Numbers never change within a session; what other sessions add or remove meanwhile does not show.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"

namespace pabal::pop3 {

struct Message {
  EmailId email = {};
  std::uint64_t size = 0;  ///< octets as RETR sends them, before dot-stuffing
  std::uint32_t uid = 0;
  bool marked = false;  ///< by DELE
};

class Maildrop {
 public:
  Maildrop() = default;
  /// `messages` in the order of their UIDs.
  Maildrop(std::uint32_t uid_validity, std::vector<Message> messages);

  /// How many numbers there are, marked messages included.
  [[nodiscard]] std::size_t size() const noexcept { return messages_.size(); }
  /// Those that are not marked.
  [[nodiscard]] std::size_t present() const noexcept { return present_; }
  [[nodiscard]] std::uint64_t present_octets() const noexcept { return octets_; }

  /// The message of this number, marked or not; null where there is none. Numbers count from 1.
  [[nodiscard]] const Message* find(std::uint64_t number) const noexcept;
  /// DELE. The message must exist and not be marked.
  void mark(std::uint64_t number) noexcept;
  /// RSET.
  void unmark_all() noexcept;
  /// What QUIT removes.
  [[nodiscard]] std::vector<std::int64_t> marked_uids() const;

  /// UIDL's unique-id: "UIDVALIDITY.UID" in decimal. It never changes and is never used again for another message.
  void append_unique_id(const Message& message, std::string& out) const;

 private:
  std::vector<Message> messages_;
  std::uint32_t uid_validity_ = 0;
  std::size_t present_ = 0;
  std::uint64_t octets_ = 0;
};

/// The scan listings and unique-ids of all unmarked messages, a window at a time: a maildrop may have a million.
class ListingBody {
 public:
  enum class Kind : std::uint8_t { sizes, unique_ids };
  /// `maildrop` must outlive it.
  ListingBody(const Maildrop& maildrop, Kind kind) noexcept : maildrop_(&maildrop), kind_(kind) {}
  /// Appends lines until about `window` octets are there; true once the final ".CRLF" is among them.
  [[nodiscard]] bool produce(std::string& out, std::size_t window);

 private:
  const Maildrop* maildrop_;
  std::uint64_t next_ = 1;
  Kind kind_;
};

/// A decimal number at the end of `out`.
void append_number(std::string& out, std::uint64_t number);

}  // namespace pabal::pop3
