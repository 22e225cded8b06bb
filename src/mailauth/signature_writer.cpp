#include "mailauth/signature_writer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::size_t kLine = 78;
constexpr std::size_t kLongest = 900;  // RFC 5322 §2.1.1: 998
constexpr std::size_t kSignatureLine = 72;

// A list between colons in lines that no server cuts.
std::string cut_at_colons(const std::string& list) {
  std::string out;
  std::size_t column = 0;
  for (const auto name : split(list, ':')) {
    if (!out.empty()) out += ':';
    if (column + name.size() > kLine) {
      out += "\r\n ";
      column = 0;
    }
    out += name;
    column += name.size() + 1;
  }
  return out;
}

}  // namespace

SignatureWriter::SignatureWriter(std::string_view field_name, std::vector<std::pair<std::string, std::string>> tags)
    : text_(fmt::format("{}:", field_name)) {
  tags.emplace_back("b", "");
  std::ranges::sort(tags);
  std::size_t column = text_.size();
  bool break_line = false;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    auto& [name, value] = tags[i];
    if (name == "h" && value.size() > kLongest) value = cut_at_colons(value);
    const auto piece = fmt::format("{}={}{}", name, value, i + 1 < tags.size() ? ";" : "");
    const bool is_signature = name == "b";
    if (i > 0 && (break_line || is_signature || column + 1 + piece.size() > kLine)) {
      text_ += "\r\n";
      column = 0;
    }
    break_line = is_signature;
    text_ += ' ';
    if (is_signature) signature_at_ = text_.size() + 2;
    text_ += piece;
    column += 1 + piece.size();
  }
}

std::string SignatureWriter::signed_text(std::string_view base64, bool folded) const {
  auto out = text_.substr(0, signature_at_);
  std::size_t column = 3;  // " b="
  for (std::size_t at = 0; at < base64.size();) {
    const auto room = folded ? kSignatureLine - column : base64.size();
    out += base64.substr(at, room);
    at += std::min(room, base64.size() - at);
    if (at < base64.size()) out += "\r\n ";
    column = 1;
  }
  out.append(text_, signature_at_);
  out += "\r\n";
  return out;
}

std::string folded_field(std::string_view name, std::string_view text) {
  auto out = fmt::format("{}:", name);
  std::size_t column = out.size();
  bool first = true;
  for (const auto word : split(text, ' ')) {
    if (word.empty()) continue;
    if (!first && column + 1 + word.size() > kLine) {
      out += "\r\n";
      column = 0;
    }
    first = false;
    out += ' ';
    out += word;
    column += 1 + word.size();
  }
  out += "\r\n";
  return out;
}

}  // namespace pabal::mailauth
