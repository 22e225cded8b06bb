#include "mailauth/letter_reading.hpp"

#include <utility>

namespace pabal::mailauth {

LetterReading::LetterReading(std::size_t most_header_octets, std::function<void()> on_header,
                             std::function<void(std::string_view)> on_body)
    : most_header_octets_(most_header_octets), on_header_(std::move(on_header)), on_body_(std::move(on_body)) {}

// Takes lines up to the empty one, and says how many octets of `octets` those were.
std::size_t LetterReading::take_header(std::string_view octets) {
  std::size_t at = 0;
  while (at < octets.size() && !whole_) {
    const auto end = octets.find('\n', at);
    const auto line = octets.substr(at, end == std::string_view::npos ? end : end - at);
    at += line.size();
    header_ += line;
    if (end != std::string_view::npos) {
      ++at;
      if (!header_.ends_with('\r')) header_ += '\r';
      header_ += '\n';
      whole_ = header_.ends_with("\r\n\r\n") || header_.size() == 2;
    }
    if (header_.size() > most_header_octets_) {
      too_big_ = true;
      whole_ = true;
    }
  }
  return at;
}

void LetterReading::header_ended() {
  whole_ = true;
  message::HeaderReader reader(header_);
  while (!too_big_) {
    const auto field = reader.next();
    if (!field) break;
    fields_.push_back(*field);
    too_big_ = fields_.size() > most_fields;
  }
  if (too_big_) fields_.clear();
  on_header_();
  // A line that is no field ends the section without an empty line: the body began before that.
  const auto begin = static_cast<std::size_t>(reader.position());
  if (!too_big_ && begin < header_.size()) on_body_(std::string_view(header_).substr(begin));
}

void LetterReading::take(std::string_view octets) {
  if (!whole_) {
    octets.remove_prefix(take_header(octets));
    if (!whole_) return;
    header_ended();
  }
  if (!octets.empty() && !too_big_) on_body_(octets);
}

void LetterReading::end() {
  if (!whole_) header_ended();
}

}  // namespace pabal::mailauth
