#include "imap/command_reader.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "imap/characters.hpp"
#include "imap/cursor.hpp"

namespace pabal::imap {

namespace {

constexpr std::size_t kTail = 40;              // enough for "~{9223372036854775807+}\r"
constexpr std::size_t kTagOctets = 256;        // of a line that is too long, to find its tag
constexpr std::uint64_t kLiteralMinus = 4096;  // RFC 7888 §5

// An APPEND or REPLACE whose message is put together (RFC 4469): of URLs alone it has no literal.
bool is_put_together(std::string_view line, const ParseRules& rules) {
  Cursor in(line, rules);
  const auto beginning = parse_beginning(in);
  if (beginning.verb != Verb::append && beginning.verb != Verb::replace) return false;
  constexpr std::string_view kWord = " CATENATE (";
  for (auto at = line.find(kWord[0]); at != std::string_view::npos; at = line.find(kWord[0], at + 1)) {
    if (starts_with_ignoring_case(line.substr(at), kWord)) return true;
  }
  return false;
}

std::string_view without_cr(std::string_view line) noexcept {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The tag of what begins a command; empty where there is none.
std::string tag_of(std::string_view text) {
  const auto end = std::ranges::find_if_not(text, is_tag_char);
  if (end == text.end() || *end != ' ') return {};
  return {text.begin(), end};
}

// An idle session holds no memory: clearing and assigning would keep it.
void give_back(std::string& text) noexcept { std::string().swap(text); }

void keep_tail(std::string& tail, std::string_view more) {
  if (more.size() >= kTail) {
    tail.assign(more.substr(more.size() - kTail));
    return;
  }
  tail.append(more);
  if (tail.size() > kTail) tail.erase(0, tail.size() - kTail);
}

}  // namespace

std::optional<CommandReader::Announced> CommandReader::announced_by(std::string_view line) noexcept {
  if (!line.ends_with('}')) return std::nullopt;
  line.remove_suffix(1);
  Announced found;
  if (line.ends_with('+')) {
    found.synchronizing = false;
    line.remove_suffix(1);
  }
  const auto open = line.rfind('{');
  if (open == std::string_view::npos) return std::nullopt;
  const auto digits = line.substr(open + 1);
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  // What is beyond all numbers is beyond all limits too.
  found.size = parse_decimal(digits, INT64_MAX).value_or(UINT64_MAX);
  return found;
}

bool CommandReader::idle() const noexcept { return state_ == State::line && buffer_.empty() && !append_; }

std::string CommandReader::tag() const { return append_tag_.empty() ? tag_of(buffer_) : append_tag_; }

void CommandReader::start_anew() {
  state_ = State::line;
  give_back(buffer_);
  line_begin_ = 0;
  announced_.reset();
  left_ = 0;
  skipped_ = 0;
  give_back(tail_);
  append_.reset();
  give_back(append_tag_);
  scanned_ = 0;
  parts_ = 0;
}

// From wherever the reader stands to the beginning of the next command.
void CommandReader::skip_rest() {
  if (announced_) {
    if (announced_->synchronizing) {
      // Who hears NO or BAD instead of "+" sends no literal (RFC 9051 §4.3).
      start_anew();
      return;
    }
    left_ = announced_->size;
    announced_.reset();
    state_ = State::skip_literal;
  } else if (state_ == State::data) {
    state_ = State::skip_literal;
  } else if (state_ == State::line) {
    tail_.clear();
    keep_tail(tail_, std::string_view(buffer_).substr(line_begin_));
    state_ = State::skip_line;
  } else if (state_ == State::scan) {
    start_anew();
    return;
  }
  if (state_ == State::skip_literal) {
    if (left_ > limits_.skip - std::min(limits_.skip, skipped_)) {
      start_anew();
      state_ = State::lost;
      return;
    }
    skipped_ += left_;
  }
  give_back(buffer_);
  line_begin_ = 0;
  append_.reset();
  give_back(append_tag_);
  scanned_ = 0;
  parts_ = 0;
}

void CommandReader::refuse() { skip_rest(); }

ReaderEvent CommandReader::reject(Refusal refusal) {
  BadCommand why{tag(), std::move(refusal)};
  skip_rest();
  if (state_ == State::lost) {
    why.refusal.status = Refusal::Status::bye;
    lost_said_ = true;
  }
  return Rejected{std::move(why)};
}

std::optional<Refusal> CommandReader::too_big(std::uint64_t size, bool synchronizing, std::uint64_t limit) const {
  if (limits_.literal_minus && !synchronizing && size > kLiteralMinus) {
    return Refusal{Refusal::Status::bad, "TOOBIG", "literals of more than 4096 octets must wait (LITERAL-)"};
  }
  if (size > limit) return Refusal{Refusal::Status::no, "TOOBIG", "too large"};
  return std::nullopt;
}

ReaderEvent CommandReader::next(std::string_view& input) {
  while (true) {
    std::optional<ReaderEvent> event;
    switch (state_) {
      case State::line:
        event = read_line(input);
        break;
      case State::ask_for_literal:
        state_ = State::literal;
        return SayContinue{};
      case State::literal:
        event = read_literal(input);
        break;
      case State::scan:
        event = scan();
        break;
      case State::ask_for_data:
        state_ = State::data;
        announced_.reset();
        return SayContinue{};
      case State::data:
        return read_data(input);
      case State::skip_line:
      case State::skip_literal:
        event = skip(input);
        break;
      case State::lost:
        input = {};
        if (!lost_said_) {
          lost_said_ = true;
          return Rejected{{{}, {Refusal::Status::bye, "TOOBIG", "too large"}}};
        }
        return NeedInput{};
    }
    if (event) return std::move(*event);
  }
}

std::optional<ReaderEvent> CommandReader::read_line(std::string_view& input) {
  const auto end = input.find('\n');
  const bool ended = end != std::string_view::npos;
  const auto octets = input.substr(0, ended ? end + 1 : end);
  // The limit is for the line without its end.
  if (buffer_.size() - line_begin_ + octets.size() > limits_.line + 2) {
    auto beginning = buffer_.substr(0, kTagOctets);
    // What follows it without a gap: the tag is the same however the octets came.
    beginning.append(octets.substr(0, kTagOctets - beginning.size()));
    BadCommand why{append_tag_.empty() ? tag_of(beginning) : append_tag_,
                   {Refusal::Status::bad, "TOOBIG", "the line is too long"}};
    skip_rest();
    return Rejected{std::move(why)};
  }
  input.remove_prefix(octets.size());
  if (!ended) {
    buffer_.append(octets);
    return NeedInput{};
  }
  if (buffer_.empty() && !append_) {
    // The usual way: a command in one line, read where it lies.
    const auto line = without_cr(octets.substr(0, octets.size() - 1));
    if (!announced_by(line)) return whole_line(line);
  }
  buffer_.append(octets);
  const auto line = without_cr(std::string_view(buffer_).substr(line_begin_, buffer_.size() - line_begin_ - 1));
  announced_ = announced_by(line);
  if (!announced_) {
    buffer_.resize(line_begin_ + line.size());
    if (!append_) return whole_line(buffer_);
    state_ = State::scan;
    return std::nullopt;
  }
  if (append_) {
    state_ = State::scan;
    return std::nullopt;
  }
  // The command's first literal, or a further one. Nobody is asked for more of what isn't known.
  Cursor in(buffer_, rules_);
  const auto beginning = parse_beginning(in);
  if (in.refusal()) {
    state_ = State::scan;  // the line is at its end
    return reject(*in.refusal());
  }
  if (line_begin_ == 0 && limits_.messages && (beginning.verb == Verb::append || beginning.verb == Verb::replace)) {
    append_.emplace();
    state_ = State::scan;
    return std::nullopt;
  }
  return string_literal();
}

std::optional<ReaderEvent> CommandReader::whole_line(std::string_view line) {
  auto parsed = parse_command(line, rules_);
  if (!parsed && limits_.messages && is_put_together(line, rules_)) {
    std::string whole(line);
    start_anew();
    buffer_ = std::move(whole);
    append_.emplace();
    state_ = State::scan;
    return std::nullopt;
  }
  start_anew();
  if (!parsed) return Rejected{std::move(parsed.error())};
  return std::move(*parsed);
}

std::optional<ReaderEvent> CommandReader::string_literal() {
  const std::uint64_t room = limits_.command - std::min(limits_.command, buffer_.size());
  if (auto refusal = too_big(announced_->size, announced_->synchronizing, room)) {
    refusal->empties_result = refusal->status == Refusal::Status::no && was_to_save(buffer_, rules_);
    return reject(std::move(*refusal));
  }
  left_ = announced_->size;
  state_ = announced_->synchronizing ? State::ask_for_literal : State::literal;
  announced_.reset();
  return std::nullopt;
}

std::optional<ReaderEvent> CommandReader::read_literal(std::string_view& input) {
  const auto octets = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
  buffer_.append(octets);
  input.remove_prefix(octets.size());
  left_ -= octets.size();
  if (left_ > 0) return NeedInput{};
  line_begin_ = buffer_.size();
  state_ = State::line;
  return std::nullopt;
}

std::optional<ReaderEvent> CommandReader::scan() {
  auto step = append_->step(std::string_view(buffer_).substr(scanned_), rules_);
  scanned_ += step.used;
  if (auto* refusal = std::get_if<Refusal>(&step.what)) return reject(std::move(*refusal));
  if (std::holds_alternative<AppendScanner::NeedMore>(step.what)) return string_literal();
  if (auto* begun = std::get_if<AppendScanner::Begun>(&step.what)) {
    append_tag_ = begun->command.tag;
    return AppendBegun{std::move(begun->command)};
  }
  if (auto* message = std::get_if<AppendMessage>(&step.what)) return std::move(*message);
  const auto* found = std::get_if<AppendText>(&step.what);
  auto* url = std::get_if<AppendUrl>(&step.what);
  if (found != nullptr || url != nullptr) {
    if (++parts_ > limits_.parts) return reject({Refusal::Status::no, "TOOBIG", "too many parts"});
    if (url != nullptr) return std::move(*url);
    return text(*found);
  }
  if (std::holds_alternative<AppendMessageEnd>(step.what)) return AppendMessageEnd{};
  start_anew();
  return AppendEnded{};
}

std::optional<ReaderEvent> CommandReader::text(const AppendText& text) {
  if (auto refusal = too_big(text.size, text.synchronizing, limits_.message)) return reject(std::move(*refusal));
  left_ = text.size;
  give_back(buffer_);
  line_begin_ = 0;
  scanned_ = 0;
  if (text.synchronizing) {
    state_ = State::ask_for_data;
  } else {
    state_ = State::data;
    announced_.reset();
  }
  return text;
}

ReaderEvent CommandReader::read_data(std::string_view& input) {
  if (left_ == 0) {
    state_ = State::line;
    return AppendTextEnd{};
  }
  if (input.empty()) return NeedInput{};
  const auto octets = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
  input.remove_prefix(octets.size());
  left_ -= octets.size();
  return AppendData{octets};
}

std::optional<ReaderEvent> CommandReader::skip(std::string_view& input) {
  if (state_ == State::skip_literal) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
    input.remove_prefix(size);
    left_ -= size;
    if (left_ > 0) return NeedInput{};
    tail_.clear();
    state_ = State::skip_line;
    return std::nullopt;
  }
  const auto end = input.find('\n');
  const auto octets = input.substr(0, end);
  keep_tail(tail_, octets);
  if (end == std::string_view::npos) {
    input = {};
    return NeedInput{};
  }
  input.remove_prefix(end + 1);
  announced_ = announced_by(without_cr(tail_));
  if (!announced_) {
    start_anew();
    return std::nullopt;
  }
  skip_rest();
  return std::nullopt;
}

}  // namespace pabal::imap
