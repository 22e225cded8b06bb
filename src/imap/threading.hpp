// THREAD's algorithms (RFC 5256 §3, ORDEREDSUBJECT and REFERENCES; draft-ietf-morg-inthread, REFS): from what is known
// of messages to trees of them. Identifiers and subjects come as hashes, so that a message takes little memory. No
// recursion, and in time of n log n, whatever the letters claim to refer to.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "imap/search_program.hpp"

namespace pabal::imap {

struct ThreadMessage {
  std::uint32_t number = 0;      ///< by which the answer names it; the messages come in rising order
  std::int64_t sent = 0;         ///< RFC 5256 §2.2, seconds
  std::int64_t received = 0;     ///< seconds
  std::uint64_t id = 0;          ///< of the Message-ID; 0: it has none
  std::uint64_t subject = 0;     ///< of the base subject, by the collation; 0: it is empty
  bool reply = false;            ///< "Re:", "Fwd:" or "(fwd)" was taken off the subject
  std::uint32_t references = 0;  ///< how many of ThreadInput::references are its own: they stand in the messages' order
};
struct ThreadInput {
  std::vector<ThreadMessage> messages;
  std::vector<std::uint64_t> references;  ///< References, or else the first of In-Reply-To, the oldest first; not 0
};

/// Identifiers that no message has are kept up to so many more than there are messages; those beyond join nothing.
inline constexpr std::size_t kMostMissingMessages = 1'000'000;

class Threads {
 public:
  [[nodiscard]] static Threads make(ThreadAlgorithm algorithm, const ThreadInput& input);

  /// Appends "(1)(2 3)" until all is printed, or `out` has `enough` octets. True: that was all. Go on with the same.
  [[nodiscard]] bool print(std::string& out, std::size_t enough);

 private:
  friend class ThreadMaker;
  static constexpr std::int32_t none = -1;
  struct Node {
    std::uint32_t number = 0;  ///< 0: a message that isn't there
    std::int32_t first_child = none;
    std::int32_t next = none;
  };
  struct Step {
    enum class Kind : std::uint8_t { open, follow, close } kind = Kind::open;
    std::int32_t node = none;
  };
  void take(Step step, std::string& out);

  std::vector<Node> nodes_;
  std::vector<std::int32_t> roots_;
  std::size_t printed_ = 0;  ///< of roots_
  std::vector<Step> steps_;
  std::vector<std::int32_t> children_;
};

}  // namespace pabal::imap
