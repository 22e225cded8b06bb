// Header sections that break off: lines stand in them that are no fields, and fields behind those. Here the body begins
// at such lines (header.hpp); other programs read on to the first empty line, and show their users what stands there.
#pragma once
#include <optional>
#include <string_view>

#include "message/header.hpp"

namespace pabal::message {

/// The lines between the place where a section breaks off and its empty line (or the octets' end) that begin as fields
/// do, one after another; their offsets count from the octets' first. None where the section ends as it should. All of
/// them cost one look at the octets, whatever they are.
class BrokenHeaderReader {
 public:
  /// `section` must outlive it and what it gives.
  explicit BrokenHeaderReader(std::string_view section);
  [[nodiscard]] std::optional<HeaderField> next();

 private:
  std::string_view section_;
  std::size_t at_ = 0;
};

}  // namespace pabal::message
