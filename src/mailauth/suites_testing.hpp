// For tests: the suites of DKIM and ARC that stand beside the project, read where they are.
#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "message/suites_testing.hpp"

namespace pabal::mailauth::testing {

[[nodiscard]] inline std::filesystem::path suite_folder(std::string_view name) {
  return std::filesystem::path(PABAL_SOURCE_DIR) / "../shared/suites" / name;
}

/// What the suites use of YAML: documents of nested maps, whose values are words on the line, or blocks behind `|` and
/// `>-`.
struct YamlNode {
  std::string key;
  std::string text;
  std::vector<YamlNode> children;
  [[nodiscard]] const YamlNode* find(std::string_view name) const {
    for (const auto& child : children) {
      if (child.key == name) return &child;
    }
    return nullptr;
  }
  [[nodiscard]] std::string at(std::string_view name) const {
    const auto* child = find(name);
    return child == nullptr ? std::string() : child->text;
  }
};

class YamlReader {
 public:
  explicit YamlReader(const std::string& text) : text_(text), lines_(split(text_, '\n')) {}

  [[nodiscard]] std::vector<YamlNode> documents() {
    std::vector<YamlNode> all;
    while (at_ < lines_.size()) {
      all.emplace_back();
      read_map(all.back(), 0);
      if (at_ < lines_.size()) ++at_;  // the line of dashes
    }
    return all;
  }

 private:
  static std::size_t indent_of(std::string_view line) {
    const auto at = line.find_first_not_of(' ');
    return at == std::string_view::npos ? SIZE_MAX : at;
  }
  static bool is_blank(std::string_view line) { return trim(line).empty() || trim(line).front() == '#'; }

  void read_map(YamlNode& map, std::size_t indent) {
    while (at_ < lines_.size()) {
      const auto line = lines_[at_];
      if (is_blank(line)) {
        ++at_;
        continue;
      }
      if (line.starts_with("---") || indent_of(line) < indent) return;
      const auto colon = line.find(':');
      auto& node = map.children.emplace_back();
      node.key = trim(line.substr(0, colon));
      const auto value = trim(line.substr(colon + 1));
      const auto inner = indent_of(line) + 1;
      ++at_;
      if (value == "|") {
        node.text = read_block(inner, '\n');
      } else if (value == ">-") {
        node.text = read_block(inner, ' ');
        while (node.text.ends_with(' ')) node.text.pop_back();
      } else if (value.empty()) {
        read_map(node, inner);
      } else {
        node.text = value;
      }
    }
  }

  std::string read_block(std::size_t least, char between) {
    std::string out;
    std::size_t indent = 0;
    std::size_t blank = 0;
    for (; at_ < lines_.size(); ++at_) {
      const auto line = lines_[at_];
      if (indent_of(line) == SIZE_MAX && (indent == 0 || line.size() <= indent)) {
        ++blank;
        continue;
      }
      if (indent_of(line) < least) break;
      if (indent == 0) indent = indent_of(line);
      out.append(blank, between);
      blank = 0;
      out += line.substr(std::min(indent, line.size()));
      out += between;
    }
    return out;
  }

  std::string text_;
  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
};

/// A text file's octets with CRLF for LF.
[[nodiscard]] inline std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' && !out.ends_with('\r')) out += '\r';
    out += c;
  }
  return out;
}

}  // namespace pabal::mailauth::testing
