#include "smtp/client_reply.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::smtp {

namespace {

/// The code at the beginning of a line; 0 where there is none. Four digits are no code.
int code_of(std::string_view line) noexcept {
  if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2])) return 0;
  if (line.size() > 3 && is_digit(line[3])) return 0;
  return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

/// How many digits stand at the front, three at most.
std::size_t digits_at(std::string_view text) noexcept {
  std::size_t count = 0;
  while (count < 3 && count < text.size() && is_digit(text[count])) ++count;
  return count;
}

}  // namespace

std::optional<std::string_view> enhanced_status(std::string_view text, int code) noexcept {
  const int kind = code / 100;
  if (kind != 2 && kind != 4 && kind != 5) return std::nullopt;
  if (text.size() < 5 || text[0] != static_cast<char>('0' + kind) || text[1] != '.') return std::nullopt;
  std::size_t at = 2;
  const auto subject = digits_at(text.substr(at));
  at += subject;
  if (subject == 0 || at >= text.size() || text[at] != '.') return std::nullopt;
  ++at;
  const auto detail = digits_at(text.substr(at));
  at += detail;
  if (detail == 0) return std::nullopt;
  if (at < text.size() && (is_digit(text[at]) || text[at] == '.')) return std::nullopt;
  return text.substr(0, at);
}

std::string ClientReply::line() const {
  auto out = fmt::format("{:03}", code);
  bool first = true;
  for (auto part : split(text, '\n')) {
    // Many servers say their status code on every line.
    if (!first && !status.empty() && part.starts_with(status)) part.remove_prefix(status.size());
    part = trim(part);
    first = false;
    if (!part.empty()) out.append(" ").append(part);
  }
  if (cut) out += " …";
  return out;
}

void ReplyReader::keep_text(std::string_view text) {
  if (lines_ > 0) {
    if (reply_.text.size() >= limits_.max_kept) {
      reply_.cut = true;
      return;
    }
    reply_.text += '\n';
  }
  const auto room = limits_.max_kept - std::min(reply_.text.size(), limits_.max_kept);
  if (text.size() > room) reply_.cut = true;
  reply_.text += printable(text.substr(0, room), SIZE_MAX);
}

/// True: the reply is whole.
Result<bool> ReplyReader::end_line() {
  if (line_.ends_with('\r') && !line_cut_) line_.pop_back();
  const int code = code_of(line_);
  if (code == 0 && lines_ == 0) {
    return fail(ErrorKind::syntax, "not a reply of a mail server",
                fmt::format("not a reply: \"{}\"", printable(line_, 80)));
  }
  if (code == 0) {
    keep_text(line_);
  } else {
    reply_.code = code;
    const bool marked = line_.size() > 3 && (line_[3] == ' ' || line_[3] == '-');
    keep_text(std::string_view(line_).substr(marked ? 4 : 3));
  }
  const bool more = code == 0 || (line_.size() > 3 && line_[3] == '-');
  if (line_cut_) reply_.cut = true;
  line_.clear();
  line_cut_ = false;
  ++lines_;
  return !more;
}

Result<std::optional<ClientReply>> ReplyReader::next(std::string_view& input) {
  if (failed_) return std::unexpected(*failed_);
  while (!input.empty()) {
    const auto newline = input.find('\n');
    const auto part = input.substr(0, newline);
    const auto taken = newline == std::string_view::npos ? part.size() : part.size() + 1;
    const auto room = limits_.max_line - line_.size();
    if (part.size() > room) line_cut_ = true;
    line_.append(part.substr(0, room));
    octets_ += taken;
    input.remove_prefix(taken);
    Result<bool> whole = false;
    // What is too long ends at the same octet, however it was cut.
    if (octets_ <= limits_.max_octets && newline != std::string_view::npos) whole = end_line();
    if (octets_ > limits_.max_octets || (whole && !*whole && lines_ > limits_.max_lines)) {
      whole = fail(ErrorKind::limit, "a reply without an end",
                   fmt::format("a reply of {} octets and more in {} lines", limits_.max_octets, lines_));
    }
    if (!whole) {
      failed_ = whole.error();
      line_ = {};
      reply_ = {};
      return std::unexpected(*failed_);
    }
    if (!*whole) continue;
    const auto lines = split(reply_.text, '\n');
    for (auto line = lines.rbegin(); line != lines.rend() && reply_.status.empty(); ++line) {
      if (const auto status = enhanced_status(*line, reply_.code)) reply_.status = *status;
    }
    lines_ = 0;
    octets_ = 0;
    return std::exchange(reply_, {});
  }
  return std::nullopt;
}

}  // namespace pabal::smtp
