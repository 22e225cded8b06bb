// What is said where a command isn't done.
#pragma once
#include <cstdint>
#include <string>

#include "imap/refusal_text.hpp"

namespace pabal::imap {

/// NO, BAD or BYE with a response code and words for the client.
struct Refusal {
  enum class Status : std::uint8_t { no, bad, bye };
  Status status = Status::bad;
  std::string code;  ///< "TOOBIG", "BADCHARSET (UTF-8)"; empty where there is none
  RefusalText text;
  /// Of a search that was to save its result: "$" is empty from here on (RFC 9051 §6.4.4.1). With `no` alone.
  bool empties_result = false;

  friend bool operator==(const Refusal&, const Refusal&) = default;
};

struct BadCommand {
  std::string tag;  ///< empty where none could be read: then the answer is untagged ("* BAD")
  Refusal refusal;
};

}  // namespace pabal::imap
