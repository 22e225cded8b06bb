// Where the octets of a body come from and where a built message goes: a big attachment is read in pieces while it is
// sent, and never held.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::message {

/// Octets that can be read again and again and do not change meanwhile. Blocking; one thread at a time.
class ContentSource {
 public:
  virtual ~ContentSource() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// Appends exactly `count` octets from `offset` to `out`; both lie within size().
  [[nodiscard]] virtual Result<void> read(std::uint64_t offset, std::size_t count, std::string& out) = 0;
};

/// What takes the octets of a message in order.
class Sink {
 public:
  virtual ~Sink() = default;
  /// An Error ends the writing.
  [[nodiscard]] virtual Result<void> write(std::string_view octets) = 0;
};

/// Octets in memory.
class StringSource final : public ContentSource {
 public:
  explicit StringSource(std::string octets) : octets_(std::move(octets)) {}
  [[nodiscard]] std::uint64_t size() const override { return octets_.size(); }
  [[nodiscard]] Result<void> read(std::uint64_t offset, std::size_t count, std::string& out) override {
    out.append(octets_, static_cast<std::size_t>(offset), count);
    return {};
  }

 private:
  std::string octets_;
};

class StringSink final : public Sink {
 public:
  [[nodiscard]] Result<void> write(std::string_view octets) override {
    text.append(octets);
    return {};
  }
  std::string text;
};

[[nodiscard]] inline std::shared_ptr<ContentSource> source_of(std::string octets) {
  return std::make_shared<StringSource>(std::move(octets));
}

}  // namespace pabal::message
