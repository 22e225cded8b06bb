#include "codec/body_decoder.hpp"

#include <algorithm>

namespace pabal::codec {

namespace {

constexpr std::size_t kLongLine = 1'000;  ///< of quoted-printable: longer ones are decoded before their end

bool is_digit64(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}
bool is_plain(char c) noexcept { return static_cast<unsigned char>(c) > ' ' && c != '='; }

// How much of a line's beginning is decided, whatever follows: up to between two characters that no white space at the
// end and no escape can reach.
std::size_t decided(std::string_view line) noexcept {
  for (std::size_t at = line.size() - 1; at >= 3; --at) {
    if (is_plain(line[at]) && is_plain(line[at - 1]) && line[at - 2] != '=') return at;
  }
  return 0;
}

}  // namespace

void BodyDecoder::decode(std::string_view text, std::string& out) {
  switch (encoding_) {
    case TransferEncoding::base64:
      return decode_base64(text, out);
    case TransferEncoding::quoted_printable:
      return decode_quoted(text, out);
    case TransferEncoding::identity:
    case TransferEncoding::unknown:
      out.append(text);
      return;
  }
}

void BodyDecoder::finish(std::string& out) {
  out.append(decode_body(encoding_, pending_).octets);
  pending_.clear();
}

// A run ends with padding or with the text; before that only the characters of the last group are undecided.
void BodyDecoder::decode_base64(std::string_view text, std::string& out) {
  pending_.append(text);
  const auto padding = pending_.rfind('=');
  const auto from = padding == std::string::npos ? 0 : padding + 1;
  auto left = static_cast<std::size_t>(std::ranges::count_if(std::string_view(pending_).substr(from), is_digit64)) % 4;
  auto end = pending_.size();
  while (left > 0) {
    if (is_digit64(pending_[--end])) --left;
  }
  out.append(decode_base64_body(std::string_view(pending_).substr(0, end)).octets);
  std::string rest;
  std::ranges::copy_if(std::string_view(pending_).substr(end), std::back_inserter(rest), is_digit64);
  pending_ = std::move(rest);
}

void BodyDecoder::decode_quoted(std::string_view text, std::string& out) {
  const auto before = pending_.size();
  pending_.append(text);
  const auto line_end = pending_.rfind('\n');
  if (line_end != std::string::npos && line_end >= before) {
    out.append(decode_quoted_printable(std::string_view(pending_).substr(0, line_end + 1)).octets);
    pending_.erase(0, line_end + 1);
  }
  if (pending_.size() <= kLongLine) return;
  const auto end = decided(pending_);
  out.append(decode_quoted_printable(std::string_view(pending_).substr(0, end)).octets);
  pending_.erase(0, end);
}

}  // namespace pabal::codec
