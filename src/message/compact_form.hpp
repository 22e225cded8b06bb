// The words of compact forms: numbers as LEB128 (seven bits an octet, lowest first), texts with their length or, where
// mail says them all the time, as the number of a word.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pabal::message {

class CompactWriter {
 public:
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  /// Small negative numbers stay small.
  void signed_number(std::int64_t value) {
    number(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
  }
  void text(std::string_view octets);
  /// Nothing is another thing than empty.
  void maybe(const std::optional<std::string>& octets);

  [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }
  [[nodiscard]] std::string take() && { return std::move(out_); }
  [[nodiscard]] const std::string& octets() const noexcept { return out_; }
  void append(std::string_view octets) { out_ += octets; }

 private:
  std::string out_;
};

/// Reads what the writer wrote; after the first thing that isn't right everything is empty, and ok() says so.
class CompactReader {
 public:
  explicit CompactReader(std::string_view octets) noexcept : rest_(octets) {}
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  /// How many things may follow at the most, each of at least one octet.
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }
  void fail() noexcept {
    ok_ = false;
    rest_ = {};
  }
  [[nodiscard]] std::uint64_t number() noexcept;
  [[nodiscard]] std::int64_t signed_number() noexcept {
    const auto value = number();
    return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
  }
  /// A number of things that follow, or one more than that.
  [[nodiscard]] std::size_t count() noexcept;
  [[nodiscard]] std::string_view text() noexcept;
  [[nodiscard]] std::optional<std::string> maybe();
  /// The same as text(), where what is read was written by us: that it could have been written shorter is no failure.
  std::string_view known_text() noexcept;
  /// maybe()'s nothing, if it is next.
  [[nodiscard]] bool take_nothing() noexcept {
    if (rest_.empty() || rest_.front() != 0) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// The next `size` octets.
  [[nodiscard]] std::string_view octets(std::size_t size) noexcept;

 private:
  std::string_view rest_;
  bool ok_ = true;
};

/// In the compact form of Derived: where its envelope begins; nothing where it is of another version, has none, or is
/// damaged before it.
[[nodiscard]] std::optional<CompactReader> envelope_in(std::string_view derived) noexcept;

}  // namespace pabal::message
