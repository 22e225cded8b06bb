// Raw DEFLATE (RFC 1951) of the two directions of a connection, as IMAP's COMPRESS has it (RFC 4978): octets in pieces,
// each answer complete on the wire (Z_SYNC_FLUSH), and both states small while nothing happens.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::net {

/// What is sent. Between two flushes its state can be let go: what comes then refers to nothing before.
class Deflater {
 public:
  Deflater();
  ~Deflater();
  Deflater(Deflater&&) noexcept;
  Deflater& operator=(Deflater&&) noexcept;

  /// Appends what `octets` become to `out`; the peer can read all of them with what was appended.
  void write(std::string_view octets, std::string& out);
  /// Lets the state go (some 256 KiB). Costs the next answer the words that earlier ones had.
  void rest() noexcept;
  [[nodiscard]] bool resting() const noexcept { return state_ == nullptr; }

 private:
  struct State;
  std::unique_ptr<State> state_;  ///< null: resting
};

/// What comes in. The peer may refer to its last 32 KiB at any time, so that these are all that can't be let go; they
/// are kept compressed.
class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;

  /// Takes octets from the front of `input` and appends at most `most` to `out`: so much memory and no more, whatever
  /// they would become. Call it again where `out` got all of `most`, even with no input. Kind `syntax`: that is no
  /// DEFLATE; nothing more can be read.
  [[nodiscard]] Result<void> read(std::string_view& input, std::string& out, std::size_t most);
  /// The peer has ended its stream; no octet follows.
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// Makes itself small where the last read ended between two of the peer's flushes.
  void rest();
  [[nodiscard]] bool resting() const noexcept { return state_ == nullptr; }
  /// Octets that are kept while it rests.
  [[nodiscard]] std::size_t kept() const noexcept { return window_.capacity(); }

 private:
  struct State;
  [[nodiscard]] Result<void> wake();

  std::unique_ptr<State> state_;  ///< null: resting, or nothing was read yet
  std::string window_;            ///< what the peer may refer to, compressed; while resting
  std::size_t window_size_ = 0;
  bool between_ = true;  ///< at the end of a block, at the end of an octet
  bool ended_ = false;
};

}  // namespace pabal::net
