#include "codec/transfer.hpp"

#include "base/text.hpp"
#include "codec/hex.hpp"

namespace pabal::codec {

TransferEncoding transfer_encoding(std::string_view token) noexcept {
  token = trim(token);
  struct Name {
    std::string_view text;
    TransferEncoding encoding;
  };
  static constexpr Name names[] = {
      {"", TransferEncoding::identity},
      {"7bit", TransferEncoding::identity},
      {"8bit", TransferEncoding::identity},
      {"binary", TransferEncoding::identity},
      {"7-bit", TransferEncoding::identity},
      {"8-bit", TransferEncoding::identity},
      {"none", TransferEncoding::identity},
      {"base64", TransferEncoding::base64},
      {"quoted-printable", TransferEncoding::quoted_printable},
  };
  for (const auto& name : names) {
    if (equal_ignoring_case(token, name.text)) return name.encoding;
  }
  return TransferEncoding::unknown;
}

namespace {

// One line without its end. True if the line end belongs to the text (no soft line break).
bool decode_quoted_line(std::string_view line, std::string& out, bool& damaged) {
  while (!line.empty()) {
    const auto at = line.find('=');
    out.append(line.substr(0, at));
    if (at == std::string_view::npos) return true;
    line.remove_prefix(at + 1);
    if (line.empty()) return false;
    const int high = hex_digit(line[0]);
    const int low = line.size() > 1 ? hex_digit(line[1]) : -1;
    if (high >= 0 && low >= 0) {
      out += static_cast<char>(high << 4 | low);
      line.remove_prefix(2);
    } else {
      // RFC 2045 §6.7: a wrong escape stays in the text as it is.
      out += '=';
      damaged = true;
    }
  }
  return true;
}

}  // namespace

Decoded decode_quoted_printable(std::string_view text, std::size_t limit) {
  Decoded result;
  result.octets.reserve(std::min(text.size(), limit));
  while (!text.empty() && result.octets.size() < limit) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    std::string_view line_end = end == std::string_view::npos ? "" : "\n";
    if (!line_end.empty() && line.ends_with('\r')) {
      line.remove_suffix(1);
      line_end = "\r\n";
    }
    line = line.substr(0, trim(line).empty() ? 0 : line.find_last_not_of(" \t") + 1);  // RFC 2045 §6.7 rule 3
    if (decode_quoted_line(line, result.octets, result.damaged)) result.octets.append(line_end);
  }
  if (result.octets.size() > limit) result.octets.resize(limit);
  return result;
}

Decoded decode_body(TransferEncoding encoding, std::string_view text, std::size_t limit) {
  switch (encoding) {
    case TransferEncoding::base64:
      return decode_base64_body(text, limit);
    case TransferEncoding::quoted_printable:
      return decode_quoted_printable(text, limit);
    case TransferEncoding::identity:
      return {std::string(text.substr(0, limit)), false};
    case TransferEncoding::unknown:
      return {std::string(text.substr(0, limit)), true};
  }
  return {};
}

std::string encode_quoted_printable(std::string_view octets, bool binary) {
  constexpr std::size_t longest = 76;
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(octets.size() + octets.size() / 8);
  std::size_t column = 0;
  const auto put = [&](std::string_view piece) {
    if (column + piece.size() > longest - 1) {  // room for the '=' of a soft line break
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  };
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const char c = octets[i];
    if (!binary && c == '\r' && i + 1 < octets.size() && octets[i + 1] == '\n') {
      out += "\r\n";
      column = 0;
      ++i;
      continue;
    }
    const bool line_ends_here = i + 1 == octets.size() || (!binary && octets.substr(i + 1).starts_with("\r\n"));
    const bool space = c == ' ' || c == '\t';
    bool plain = (c > ' ' && c < 0x7F && c != '=') || (space && !line_ends_here);
    // "From " and a lone dot at the start of a line are what mbox files and careless relays change.
    if (column == 0 && (octets.substr(i).starts_with("From ") || (c == '.' && line_ends_here))) plain = false;
    if (plain) {
      put({&c, 1});
    } else {
      const auto octet = static_cast<unsigned char>(c);
      const char escape[] = {'=', digits[octet >> 4], digits[octet & 15]};
      put({escape, 3});
    }
  }
  return out;
}

}  // namespace pabal::codec
