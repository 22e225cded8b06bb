#include "message/broken_header.hpp"

#include <algorithm>

namespace pabal::message {

BrokenHeaderReader::BrokenHeaderReader(std::string_view section) : section_(section) {
  auto step = header_step(section_, at_);
  while (step.kind == HeaderStep::Kind::field || step.kind == HeaderStep::Kind::rubbish) {
    at_ = step.next;
    step = header_step(section_, at_);
  }
  if (step.kind == HeaderStep::Kind::blank) at_ = section_.size();
}

std::optional<HeaderField> BrokenHeaderReader::next() {
  const auto folded = [this] { return at_ < section_.size() && (section_[at_] == ' ' || section_[at_] == '\t'); };
  while (at_ < section_.size()) {
    const auto step = header_step(section_, at_);
    if (step.kind == HeaderStep::Kind::blank) break;
    if (step.kind == HeaderStep::Kind::field) {
      at_ = step.next;
      return step.field;
    }
    // The lines that go on with this one begin no field.
    do at_ = std::min(section_.find('\n', at_), section_.size() - 1) + 1;
    while (folded());
  }
  at_ = section_.size();
  return std::nullopt;
}

}  // namespace pabal::message
