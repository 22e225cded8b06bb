// What has to be known of a body before its transfer encoding can be chosen (RFC 2045 §2.7 to §2.9, §6), gathered in
// one pass over pieces of any size.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace pabal::message {

/// What the way of a message can carry (RFC 2045 §2.7 to §2.9, RFC 6152, RFC 3030). In order.
enum class Carriage : std::uint8_t { seven_bit, eight_bit, binary };

class ContentFacts {
 public:
  /// Boundaries, all of one length, at most 78 octets; without "--".
  using Boundaries = std::set<std::string, std::less<>>;
  ContentFacts() noexcept = default;
  /// `boundaries` are looked for at the beginning of lines; they must outlive this.
  explicit ContentFacts(const Boundaries& boundaries) noexcept : boundaries_(&boundaries) {}
  void take(std::string_view octets);
  /// After the last piece.
  void finish();

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] bool ascii() const noexcept { return high_octets_ == 0; }
  /// Only CRLF ends lines.
  [[nodiscard]] bool clean_lines() const noexcept { return bare_line_ends_ == 0; }
  [[nodiscard]] std::uint64_t longest_line() const noexcept { return longest_line_; }
  /// A line begins with "From ", which some relays change.
  [[nodiscard]] bool from_line() const noexcept { return from_line_; }
  [[nodiscard]] bool ends_with_line_end() const noexcept { return size_ == 0 || last_ == '\n'; }
  [[nodiscard]] bool collides() const noexcept { return collides_; }
  /// What it takes to carry the octets as they are.
  [[nodiscard]] Carriage needs() const noexcept;
  /// Whether base64 makes less of it than quoted-printable.
  [[nodiscard]] bool base64_is_shorter() const noexcept;

 private:
  void end_line();

  static constexpr std::size_t kLineHead = 80;
  const Boundaries* boundaries_ = nullptr;
  std::uint64_t size_ = 0;
  std::uint64_t high_octets_ = 0;
  std::uint64_t controls_ = 0;  ///< and '=': what quoted-printable escapes besides high octets
  std::uint64_t nuls_ = 0;
  std::uint64_t bare_line_ends_ = 0;
  std::uint64_t longest_line_ = 0;
  std::uint64_t line_ = 0;  ///< octets of the line at hand
  std::string head_;        ///< its beginning
  char last_ = '\n';
  bool from_line_ = false;
  bool collides_ = false;
};

}  // namespace pabal::message
