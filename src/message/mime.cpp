#include "message/mime.hpp"

#include <cstring>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "message/media_type.hpp"

namespace pabal::message {

namespace {

// An open multipart: its boundary, and the child that is being read.
struct Frame {
  std::uint32_t part = Part::none;
  std::uint32_t last_child = Part::none;
  std::string delimiter;  ///< "--" and the boundary
};

struct Match {
  std::size_t frame = 0;
  bool closing = false;
};

bool is_name_character(char c) noexcept { return c > ' ' && c < 0x7F && c != ':'; }

// The colon of a line that begins like a header field (RFC 5322 §2.2; white space before the colon is §4.5's); npos
// where it doesn't.
std::size_t field_colon(std::string_view line) noexcept {
  std::size_t at = 0;
  while (at < line.size() && is_name_character(line[at])) ++at;
  if (at == 0) return std::string_view::npos;
  while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
  return at < line.size() && line[at] == ':' ? at : std::string_view::npos;
}

bool is_blank(std::string_view line) noexcept { return line == "\r\n" || line == "\n" || line == "\r\r\n"; }

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
  // The next line with its end; moves on and counts.
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
    part.header_begin = part.body_begin = part.body_end = part.end = position_;
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
      if (ended_in_header_) return;
      if (part.kind == PartKind::multipart) {
        frames_.push_back({current_, Part::none, "--" + *boundary});
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
    const std::size_t begin = position_;
    std::string_view field;  // the field at hand, with its folded lines
    const auto finish = [&] {
      if (!field.empty()) take_field(field);
      field = {};
    };
    while (position_ < message_.size()) {
      const std::string_view line = peek_line();
      if (is_blank(line)) {
        step_over(line);
        break;
      }
      if (line.starts_with("--") && match_boundary(line)) {
        ended_in_header_ = true;
        break;
      }
      if (position_ - begin + line.size() > limits_.max_header_octets) {
        tree_.limited = true;
        break;
      }
      if (line[0] == ' ' || line[0] == '\t') {
        if (!field.empty()) field = {field.data(), field.size() + line.size()};
        step_over(line);
        continue;
      }
      finish();
      if (field_colon(line) != std::string_view::npos) {
        field = line;
      } else if (!looks_like_more_header(line, begin)) {
        break;
      }
      step_over(line);
    }
    finish();
    return decide_kind();
  }

  // A line that is no field: mbox's "From ", or rubbish among fields, which is stepped over; otherwise the empty line
  // is missing and the body begins here.
  bool looks_like_more_header(std::string_view line, std::size_t begin) const noexcept {
    if (position_ == begin && (line.starts_with("From ") || line.starts_with(">From "))) return true;
    const std::string_view rest = message_.substr(position_ + line.size());
    const std::string_view next = rest.substr(0, rest.find('\n'));
    return field_colon(next.substr(0, 998)) != std::string_view::npos;
  }

  void take_field(std::string_view field) {
    const std::size_t colon = field_colon(field);
    const std::string_view name = trim(field.substr(0, colon));
    if (!starts_with_ignoring_case(name, "content-")) return;
    std::string_view body = field.substr(colon + 1);
    while (!body.empty() && (body.back() == '\n' || body.back() == '\r')) body.remove_suffix(1);
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
      if (equal_ignoring_case(name, entry.name) && (part.*entry.member).empty()) part.*entry.member = body;
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

  // RFC 2046 §5.1.1: the delimiter stands at the begin of a line, only white space may follow. The innermost multipart
  // is asked first; one further out ends those within it that were never closed.
  std::optional<Match> match_boundary(std::string_view line) const noexcept {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
      line.remove_suffix(1);
    }
    for (std::size_t i = frames_.size(); i-- > 0;) {
      const std::string& delimiter = frames_[i].delimiter;
      if (!line.starts_with(delimiter)) continue;
      const std::string_view rest = line.substr(delimiter.size());
      if (rest.empty()) return Match{i, false};
      if (rest == "--") return Match{i, true};
    }
    return std::nullopt;
  }

  // Goes on to the next line that is a boundary of an open multipart, and leaves position_ there.
  std::optional<Match> find_boundary() noexcept {
    if (frames_.empty()) {
      while (position_ < message_.size()) step_over(peek_line());
      return std::nullopt;
    }
    while (position_ < message_.size()) {
      const std::string_view line = peek_line();
      if (line.size() > 2 && line[0] == '-' && line[1] == '-') {
        if (const auto match = match_boundary(line)) return match;
      }
      step_over(line);
    }
    return std::nullopt;
  }

  void begin_child(const Match& match) {
    // The line end before the delimiter belongs to it.
    const std::uint32_t multipart = frames_[match.frame].part;
    close_parts(multipart, position_);
    frames_.resize(match.frame + 1);
    step_over(peek_line());
    Frame& frame = frames_.back();
    current_ = multipart;
    if (match.closing) {
      frames_.pop_back();
      return;
    }
    if (tree_.parts.size() >= limits_.max_parts) {
      tree_.limited = true;
      tree_.parts[multipart].truncated = true;
      frames_.clear();
      return;
    }
    const std::uint32_t child = add_part(multipart);
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
    for (const auto& frame : frames_) {
      if (frame.part == place) part.truncated = true;
    }
  }

  std::string_view message_;
  const MimeLimits& limits_;
  MimeTree tree_;
  std::vector<Frame> frames_;
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
