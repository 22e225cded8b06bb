#include "message/mime.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "message/header.hpp"
#include "message/media_type.hpp"

namespace pabal::message {

namespace {

// An open multipart: its boundary, and the child that was read last.
struct Frame {
  std::uint32_t part = Part::none;
  std::uint32_t last_child = Part::none;
  std::string delimiter;              ///< "--" and the boundary
  std::size_t outer_same = kNoFrame;  ///< the frame further out with the same delimiter
  static constexpr std::size_t kNoFrame = SIZE_MAX;
};

struct Match {
  std::size_t frame = 0;
  bool closing = false;
};

// The open multiparts, outermost first, and which of them a line is a delimiter of. A look at a line costs the same
// however many are open.
class Frames {
 public:
  [[nodiscard]] bool empty() const noexcept { return frames_.empty(); }
  [[nodiscard]] Frame& back() noexcept { return frames_.back(); }
  [[nodiscard]] const Frame& operator[](std::size_t i) const noexcept { return frames_[i]; }

  void push(std::uint32_t part, std::string_view boundary) {
    Frame frame;
    frame.part = part;
    frame.delimiter.append("--").append(boundary);
    longest_ = std::max(longest_, frame.delimiter.size());
    const auto [place, fresh] = by_delimiter_.try_emplace(frame.delimiter, frames_.size());
    if (!fresh) frame.outer_same = std::exchange(place->second, frames_.size());
    frames_.push_back(std::move(frame));
  }

  void pop() {
    const Frame& frame = frames_.back();
    const auto place = by_delimiter_.find(frame.delimiter);
    if (frame.outer_same == Frame::kNoFrame) {
      by_delimiter_.erase(place);
    } else {
      place->second = frame.outer_same;
    }
    frames_.pop_back();
  }

  void shrink_to(std::size_t size) {
    while (frames_.size() > size) pop();
  }

  // RFC 2046 §5.1.1: the delimiter stands at the begin of a line, only white space may follow. The innermost multipart
  // is asked first; one further out ends those within it that were never closed.
  [[nodiscard]] std::optional<Match> match(std::string_view line) const {
    std::size_t size = line.size();
    while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r')) --size;
    line = line.substr(0, size);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    std::optional<Match> found;
    if (const auto open = find(line)) found = Match{*open, false};
    if (line.ends_with("--")) {
      const auto closed = find(line.substr(0, line.size() - 2));
      if (closed && (!found || *closed > found->frame)) found = Match{*closed, true};
    }
    return found;
  }

 private:
  [[nodiscard]] std::optional<std::size_t> find(std::string_view line) const {
    if (line.size() > longest_) return std::nullopt;
    if (frames_.size() <= kFew) {
      for (std::size_t i = frames_.size(); i-- > 0;) {
        if (frames_[i].delimiter == line) return i;
      }
      return std::nullopt;
    }
    const auto place = by_delimiter_.find(line);
    if (place == by_delimiter_.end()) return std::nullopt;
    return place->second;
  }

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  static constexpr std::size_t kFew = 8;
  std::vector<Frame> frames_;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> by_delimiter_;  ///< the innermost
  std::size_t longest_ = 0;
};

class Parser {
 public:
  Parser(std::string_view message, const MimeLimits& limits) : message_(message), limits_(limits) {}

  MimeTree run() && {
    current_ = add_part(Part::none);
    read_header();
    while (position_ < message_.size()) {
      const auto match = find_boundary();
      if (!match) break;
      begin_child(*match);
    }
    close_all(message_.size());
    return std::move(tree_);
  }

 private:
  static constexpr std::size_t kShortestKnown = 10;  // Content-ID

  static std::uint32_t count_lines(std::string_view text) noexcept {
    return static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n'));
  }

  // The line at position_, with its end.
  std::string_view peek_line() const noexcept {
    const char* const begin = message_.data() + position_;
    const std::size_t left = message_.size() - position_;
    const auto* const end = static_cast<const char*>(std::memchr(begin, '\n', left));
    return {begin, end == nullptr ? left : static_cast<std::size_t>(end - begin) + 1};
  }
  void step_over(std::string_view line) noexcept {
    position_ += line.size();
    if (line.ends_with('\n')) ++lines_;
  }

  std::uint32_t add_part(std::uint32_t parent) {
    const auto place = static_cast<std::uint32_t>(tree_.parts.size());
    Part& part = tree_.parts.emplace_back();
    part.parent = parent;
    part.boundary_begin = part.header_begin = part.body_begin = part.body_end = part.end = position_;
    if (parent != Part::none) part.depth = tree_.parts[parent].depth + 1;
    part.type = "text";
    part.subtype = "plain";
    if (parent != Part::none && tree_.parts[parent].kind == PartKind::multipart &&
        equal_ignoring_case(tree_.parts[parent].subtype, "digest")) {
      part.type = "message";  // RFC 2046 §5.1.5
      part.subtype = "rfc822";
    }
    return place;
  }

  // Reads the header section of the current part and those of messages embedded in it, and leaves position_ at the
  // body.
  void read_header() {
    while (true) {
      const std::optional<std::string> boundary = read_fields();
      Part& part = tree_.parts[current_];
      part.body_begin = part.body_end = part.end = position_;
      part.body_lines = lines_;  // the counter's value at the body's begin, till the part is closed
      if (ended_in_header_ && part.kind != PartKind::message) return;
      if (part.kind == PartKind::multipart) {
        frames_.push(current_, *boundary);
        return;
      }
      if (part.kind != PartKind::message) return;
      const std::uint32_t child = add_part(current_);
      tree_.parts[current_].first_child = child;
      current_ = child;
    }
  }

  std::optional<std::string> read_fields() {
    ended_in_header_ = false;
    const std::string_view section = message_.substr(position_);
    std::size_t at = 0;
    while (at < section.size()) {
      if (at_boundary(section, at)) {
        ended_in_header_ = true;
        break;
      }
      const HeaderStep step = header_step(section, at);
      if (step.kind == HeaderStep::Kind::body) break;
      if (step.next > limits_.max_header_octets && step.kind != HeaderStep::Kind::blank) {
        tree_.limited = true;
        break;
      }
      if (step.kind == HeaderStep::Kind::rubbish && at_boundary(section, step.next)) break;
      if (step.kind == HeaderStep::Kind::field) take_field(step.field);
      at = step.next;
      if (step.kind == HeaderStep::Kind::blank) break;
    }
    lines_ += count_lines(section.substr(0, at));
    position_ += at;
    return decide_kind();
  }

  void take_field(const HeaderField& field) {
    if (field.name.size() < kShortestKnown || ascii_lower(field.name[0]) != 'c' ||
        !starts_with_ignoring_case(field.name, "content-")) {
      return;
    }
    Part& part = tree_.parts[current_];
    struct Known {
      std::string_view name;
      std::string_view Part::* member;
    };
    static constexpr Known known[] = {
        {"content-type", &Part::content_type},       {"content-transfer-encoding", &Part::encoding},
        {"content-disposition", &Part::disposition}, {"content-id", &Part::content_id},
        {"content-description", &Part::description}, {"content-language", &Part::language},
        {"content-location", &Part::location},       {"content-md5", &Part::md5},
    };
    for (const auto& entry : known) {
      // The first one counts: what a gateway adds below must not change how the letter reads.
      if (equal_ignoring_case(field.name, entry.name) && (part.*entry.member).empty()) part.*entry.member = field.body;
    }
  }

  std::optional<std::string> decide_kind() {
    Part& part = tree_.parts[current_];
    part.encoding = first_token(part.encoding);
    std::optional<std::string> boundary;
    if (const auto type = read_media_type(part.content_type)) {
      part.type = type->type;
      part.subtype = type->subtype;
      if (equal_ignoring_case(part.type, "multipart")) boundary = boundary_of(part.content_type);
    }
    const bool deep = part.depth + 1 >= limits_.max_depth || tree_.parts.size() >= limits_.max_parts;
    if (boundary) {
      if (deep) {
        tree_.limited = true;
        return std::nullopt;
      }
      part.kind = PartKind::multipart;
      return boundary;
    }
    // An embedded message whose octets are encoded (RFC 2046 §5.2.1 forbids it) has no structure that offsets could
    // tell.
    const bool embedded = equal_ignoring_case(part.type, "message") &&
                          (equal_ignoring_case(part.subtype, "rfc822") || equal_ignoring_case(part.subtype, "global") ||
                           equal_ignoring_case(part.subtype, "news"));
    if (embedded && !equal_ignoring_case(part.encoding, "base64") &&
        !equal_ignoring_case(part.encoding, "quoted-printable")) {
      if (deep) {
        tree_.limited = true;
      } else {
        part.kind = PartKind::message;
      }
    }
    return std::nullopt;
  }

  // Does a boundary line of an open multipart begin at this place?
  [[nodiscard]] bool at_boundary(std::string_view text, std::size_t at) const {
    if (frames_.empty() || !text.substr(at).starts_with("--")) return false;
    return frames_.match(text.substr(at, text.find('\n', at) - at)).has_value();
  }

  // Goes on to the next line that is a boundary of an open multipart, and leaves position_ there.
  std::optional<Match> find_boundary() {
    if (frames_.empty()) {
      lines_ += count_lines(message_.substr(position_));
      position_ = message_.size();
      return std::nullopt;
    }
    while (position_ < message_.size()) {
      const std::string_view line = peek_line();
      if (line.size() > 2 && line[0] == '-' && line[1] == '-') {
        if (const auto match = frames_.match(line)) return match;
      }
      step_over(line);
    }
    return std::nullopt;
  }

  void begin_child(const Match& match) {
    const std::uint32_t multipart = frames_[match.frame].part;
    close_parts(multipart, position_);
    frames_.shrink_to(match.frame + 1);
    const std::uint64_t begin = position_;
    step_over(peek_line());
    current_ = multipart;
    if (match.closing) {
      tree_.parts[multipart].close_begin = begin;
      tree_.parts[multipart].close_end = position_;
      frames_.pop();
      return;
    }
    if (tree_.parts.size() >= limits_.max_parts) {
      tree_.limited = true;
      for (std::uint32_t at = multipart; at != Part::none; at = tree_.parts[at].parent) {
        if (tree_.parts[at].kind == PartKind::multipart) tree_.parts[at].truncated = true;
      }
      frames_.shrink_to(0);
      return;
    }
    Frame& frame = frames_.back();
    const std::uint32_t child = add_part(multipart);
    tree_.parts[child].boundary_begin = begin;
    if (frame.last_child == Part::none) {
      tree_.parts[multipart].first_child = child;
    } else {
      tree_.parts[frame.last_child].next_sibling = child;
    }
    frame.last_child = child;
    current_ = child;
    read_header();
  }

  // Closes the parts from the current one up to, and without, `stop`; their octets end at `end`, where a delimiter
  // begins.
  void close_parts(std::uint32_t stop, std::uint64_t end) {
    std::uint64_t body_end = end;
    std::uint32_t lines = lines_;
    if (end > 0 && message_[end - 1] == '\n') {
      body_end -= end > 1 && message_[end - 2] == '\r' ? 2 : 1;
      --lines;
    }
    for (std::uint32_t at = current_; at != stop; at = tree_.parts[at].parent) close(at, body_end, end, lines);
  }

  void close_all(std::uint64_t end) {
    for (std::uint32_t at = current_; at != Part::none; at = tree_.parts[at].parent) close(at, end, end, lines_);
  }

  void close(std::uint32_t place, std::uint64_t body_end, std::uint64_t end, std::uint32_t lines) {
    Part& part = tree_.parts[place];
    // A part may end within its header, or have no body: then the line end was the header's.
    part.body_end = std::max(body_end, part.body_begin);
    part.end = std::max(end, part.body_begin);
    part.body_lines = lines > part.body_lines ? lines - part.body_lines : 0;
    part.truncated |= part.kind == PartKind::multipart && part.close_end == 0;
  }

  std::string_view message_;
  const MimeLimits& limits_;
  MimeTree tree_;
  Frames frames_;
  std::uint32_t current_ = Part::none;
  std::size_t position_ = 0;
  std::uint32_t lines_ = 0;
  bool ended_in_header_ = false;
};

}  // namespace

MimeTree parse_mime(std::string_view message, const MimeLimits& limits) { return Parser(message, limits).run(); }

const Part* find_section(const MimeTree& tree, std::span<const std::uint32_t> numbers) noexcept {
  // RFC 9051 §6.4.5.1: numbers count the parts of a message or multipart; a message that is no multipart has one part,
  // 1, which is its own body; behind a message/rfc822 part the parts of the message in it are meant.
  const Part* container = &tree.root();
  const Part* found = container;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (container == nullptr || numbers[i] == 0) return nullptr;
    found = container;
    if (container->kind == PartKind::multipart) {
      std::uint32_t place = container->first_child;
      for (std::uint32_t left = numbers[i]; place != Part::none && left > 1; --left) {
        place = tree.parts[place].next_sibling;
      }
      if (place == Part::none) return nullptr;
      found = &tree.parts[place];
    } else if (numbers[i] != 1) {
      return nullptr;
    }
    container = nullptr;
    if (found->kind == PartKind::message && found->first_child != Part::none)
      container = &tree.parts[found->first_child];
    if (found->kind == PartKind::multipart) container = found;
  }
  return found;
}

}  // namespace pabal::message
