#include "imap/line.hpp"

namespace pabal::imap {

LineReader::Line LineReader::next(std::string_view& input, std::size_t limit) {
  if (returned_) {
    std::string().swap(held_);
    returned_ = false;
  }
  const auto end = input.find('\n');
  const bool ended = end != std::string_view::npos;
  auto text = input.substr(0, end);
  input.remove_prefix(ended ? end + 1 : input.size());
  // The limit and one for CR.
  if (skipping_ || held_.size() + text.size() > limit + 1) {
    std::string().swap(held_);
    skipping_ = !ended;
    return {ended ? State::too_long : State::incomplete, {}};
  }
  if (!ended) {
    held_.append(text);
    return {};
  }
  if (!held_.empty()) {
    held_.append(text);
    text = held_;
    returned_ = true;
  }
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.size() > limit) return {State::too_long, {}};
  return {State::whole, text};
}

}  // namespace pabal::imap
