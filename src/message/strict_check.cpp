#include "message/strict_check.hpp"

#include <map>

#include <fmt/format.h>

#include "base/text.hpp"
#include "message/header_writer.hpp"
#include "message/mime.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kMostFindings = 20;

class Checker {
 public:
  Checker(std::string_view message, StrictRules rules) : message_(message), rules_(rules) {}

  std::vector<std::string> run() && {
    check_lines();
    const MimeTree tree = parse_mime(message_);
    for (const auto& part : tree.parts) check_header(tree, part);
    return std::move(findings_);
  }

 private:
  void find(std::string finding) {
    if (findings_.size() < kMostFindings) findings_.push_back(std::move(finding));
  }

  void check_lines() {
    if (!message_.ends_with("\r\n")) find("the last line has no end");
    if (message_.find('\0') != std::string_view::npos) find("a NUL");
    std::size_t number = 1;
    for (std::string_view rest = message_; !rest.empty(); ++number) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(rest.size(), end + 1));
      if (!line.ends_with('\r')) find(fmt::format("line {}: a bare LF", number));
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.find('\r') != std::string_view::npos) find(fmt::format("line {}: a bare CR", number));
      if (line.size() > 998) find(fmt::format("line {}: {} octets", number, line.size()));
      if (!rules_.eight_bit && !rules_.utf8_header && !is_ascii(line)) find(fmt::format("line {}: not ASCII", number));
    }
  }

  void check_header(const MimeTree& tree, const Part& part) {
    std::string_view header = message_.substr(part.header_begin, part.body_begin - part.header_begin);
    if (!header.ends_with("\r\n")) return find("a header section without its empty line");
    header.remove_suffix(2);
    std::map<std::string, int> seen;
    while (!header.empty()) {
      const std::size_t end = std::min(header.find("\r\n"), header.size());
      const std::string_view line = header.substr(0, end);
      header.remove_prefix(std::min(header.size(), end + 2));
      if (!is_ascii(line) && !(rules_.utf8_header && is_utf8(line))) find("a header line that is not ASCII");
      if (line.find_first_not_of(" \t") == std::string_view::npos) {
        find("a header line of nothing but white space");
      } else if (line[0] == ' ' || line[0] == '\t') {
        if (seen.empty()) find("a folded line without a field");
      } else {
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || !is_field_name(line.substr(0, colon))) {
          find(fmt::format("no header field: {}", printable(line, 60)));
        } else {
          ++seen[to_lower(line.substr(0, colon))];
        }
      }
    }
    const bool whole_message = part.parent == Part::none || tree.parts[part.parent].kind == PartKind::message;
    static constexpr std::string_view once[] = {
        "from",    "date",       "sender",      "to",           "cc",           "message-id",
        "subject", "references", "in-reply-to", "content-type", "mime-version", "content-transfer-encoding"};
    for (const auto name : once) {
      if (seen[std::string(name)] > 1) find(fmt::format("{} {} times", name, seen[std::string(name)]));
    }
    if (part.parent == Part::none && seen["mime-version"] != 1) find("MIME-Version does not stand once");
    if (!whole_message && seen["mime-version"] > 0) find("MIME-Version in a part");
    const bool encoded =
        equal_ignoring_case(part.encoding, "base64") || equal_ignoring_case(part.encoding, "quoted-printable");
    if (part.kind != PartKind::leaf && encoded) find("an encoded multipart or message");
    if (part.truncated) find("a multipart without its last boundary");
  }

  std::string_view message_;
  StrictRules rules_;
  std::vector<std::string> findings_;
};

}  // namespace

std::vector<std::string> strict_check(std::string_view message, StrictRules rules) {
  return Checker(message, rules).run();
}

}  // namespace pabal::message
