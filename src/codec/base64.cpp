#include "codec/base64.hpp"

#include <array>
#include <cstdint>

namespace pabal::codec {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t invalid = 0x8000'0000;

// For each of the four places of a group the octet's bits where they belong, or `invalid`, so that a group is three ORs
// and one test.
constexpr auto decode_tables = [] {
  std::array<std::array<std::uint32_t, 256>, 4> tables{};
  for (std::size_t place = 0; place < 4; ++place) {
    tables[place].fill(invalid);
    for (std::uint32_t value = 0; value < 64; ++value) {
      tables[place][static_cast<unsigned char>(alphabet[value])] = value << (6 * (3 - place));
    }
  }
  return tables;
}();

std::uint32_t group(const char* at) noexcept {
  return decode_tables[0][static_cast<unsigned char>(at[0])] | decode_tables[1][static_cast<unsigned char>(at[1])] |
         decode_tables[2][static_cast<unsigned char>(at[2])] | decode_tables[3][static_cast<unsigned char>(at[3])];
}

char low_octet(std::uint32_t bits) noexcept { return static_cast<char>(static_cast<unsigned char>(bits & 0xFFU)); }

}  // namespace

std::string base64(std::string_view octets) {
  std::string out((octets.size() + 2) / 3 * 4, '=');
  char* to = out.data();
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(octets[i])); };
  std::size_t i = 0;
  for (; i + 3 <= octets.size(); i += 3, to += 4) {
    const std::uint32_t bits = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    to[0] = alphabet[bits >> 18];
    to[1] = alphabet[bits >> 12 & 63];
    to[2] = alphabet[bits >> 6 & 63];
    to[3] = alphabet[bits & 63];
  }
  if (const std::size_t rest = octets.size() - i; rest > 0) {
    const std::uint32_t bits = at(i) << 16 | (rest == 2 ? at(i + 1) << 8 : 0);
    to[0] = alphabet[bits >> 18];
    to[1] = alphabet[bits >> 12 & 63];
    if (rest == 2) to[2] = alphabet[bits >> 6 & 63];
  }
  return out;
}

Result<std::string> decode_base64(std::string_view text) {
  const auto refuse = [] { return fail(ErrorKind::syntax, "invalid base64"); };
  if (text.size() % 4 != 0) return refuse();
  if (text.empty()) return std::string();
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  const std::size_t whole = padding == 0 ? text.size() : text.size() - 4;

  std::string out(text.size() / 4 * 3 - padding, '\0');
  char* to = out.data();
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < whole; i += 4, to += 3) {
    const std::uint32_t bits = group(text.data() + i);
    seen |= bits;
    to[0] = low_octet(bits >> 16);
    to[1] = low_octet(bits >> 8);
    to[2] = low_octet(bits);
  }
  if (padding > 0) {
    const std::array<char, 4> last = {text[whole], text[whole + 1], padding == 2 ? 'A' : text[whole + 2], 'A'};
    const std::uint32_t bits = group(last.data());
    // Bits that no octet takes must be zero, else one value would have many spellings.
    if ((bits & (padding == 2 ? 0xFFFFU : 0xFFU)) != 0) return refuse();
    seen |= bits;
    to[0] = low_octet(bits >> 16);
    if (padding == 1) to[1] = low_octet(bits >> 8);
  }
  if ((seen & invalid) != 0) return refuse();
  return out;
}

}  // namespace pabal::codec
