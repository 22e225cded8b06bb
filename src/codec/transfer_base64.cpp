// Base64 bodies, read at memory speed where they are clean and forgivingly where they are not.
#include <array>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "codec/transfer.hpp"

namespace pabal::codec {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kForeign = 0xFF;
constexpr std::uint8_t kPadding = 0xFE;
constexpr std::uint8_t kSpace = 0xFD;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kForeign);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  values['='] = kPadding;
  for (const char c : {' ', '\t', '\r', '\n'}) values[static_cast<unsigned char>(c)] = kSpace;
  return values;
}
constexpr auto kValues = make_values();

std::uint8_t value_of(char c) noexcept { return kValues[static_cast<unsigned char>(c)]; }

// Whole groups of four from `in`, as long as they are clean; returns how many characters were taken.
std::size_t decode_groups(const char* in, std::size_t size, char*& out) noexcept {
  std::size_t at = 0;
  for (; at + 4 <= size; at += 4) {
    const unsigned a = value_of(in[at]);
    const unsigned b = value_of(in[at + 1]);
    const unsigned c = value_of(in[at + 2]);
    const unsigned d = value_of(in[at + 3]);
    if ((a | b | c | d) > 63) break;
    const unsigned bits = a << 18 | b << 12 | c << 6 | d;
    out[0] = static_cast<char>(bits >> 16);
    out[1] = static_cast<char>(bits >> 8);
    out[2] = static_cast<char>(bits);
    out += 3;
  }
  return at;
}

// The same, 32 characters at a time. The classification by nibbles and the packing by multiply-and-add are W. Muła's
// and D. Lemire's ("Faster Base64 Encoding and Decoding Using AVX2 Instructions", 2018). Writes up to 8 octets past the
// result, so `out` needs room for them.
__attribute__((target("avx2"))) std::size_t decode_blocks(const char* in, std::size_t size, char*& out) noexcept {
  const __m256i by_high_nibble =
      _mm256_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10,
                       0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
  const __m256i by_low_nibble =
      _mm256_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A,
                       0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A);
  const __m256i shift_by_nibble = _mm256_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 19,
                                                   4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m256i slash = _mm256_set1_epi8('/');
  const __m256i pack = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1, 2, 1, 0, 6, 5, 4, 10, 9,
                                        8, 14, 13, 12, -1, -1, -1, -1);
  std::size_t at = 0;
  for (; at + 32 <= size; at += 32) {
    const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + at));
    const __m256i high = _mm256_and_si256(_mm256_srli_epi32(text, 4), _mm256_set1_epi8(0x0F));
    const __m256i low = _mm256_and_si256(text, _mm256_set1_epi8(0x0F));
    const __m256i wrong =
        _mm256_and_si256(_mm256_shuffle_epi8(by_low_nibble, low), _mm256_shuffle_epi8(by_high_nibble, high));
    if (_mm256_testz_si256(wrong, wrong) == 0) break;
    const __m256i is_slash = _mm256_cmpeq_epi8(text, slash);
    const __m256i shift = _mm256_shuffle_epi8(shift_by_nibble, _mm256_add_epi8(is_slash, high));
    const __m256i sextets = _mm256_add_epi8(text, shift);
    const __m256i pairs = _mm256_maddubs_epi16(sextets, _mm256_set1_epi32(0x01400140));
    const __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
    const __m256i lanes = _mm256_shuffle_epi8(quads, pack);
    const __m256i octets = _mm256_permutevar8x32_epi32(lanes, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), octets);
    out += 24;
  }
  return at;
}

// The same, 16 characters at a time, for machines without AVX2. Writes up to 4 octets past the result.
__attribute__((target("sse4.1"))) std::size_t decode_short_blocks(const char* in, std::size_t size,
                                                                  char*& out) noexcept {
  const __m128i by_high_nibble =
      _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
  const __m128i by_low_nibble =
      _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A);
  const __m128i shift_by_nibble = _mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m128i pack = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  std::size_t at = 0;
  for (; at + 16 <= size; at += 16) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + at));
    const __m128i high = _mm_and_si128(_mm_srli_epi32(text, 4), _mm_set1_epi8(0x0F));
    const __m128i low = _mm_and_si128(text, _mm_set1_epi8(0x0F));
    const __m128i wrong = _mm_and_si128(_mm_shuffle_epi8(by_low_nibble, low), _mm_shuffle_epi8(by_high_nibble, high));
    if (_mm_testz_si128(wrong, wrong) == 0) break;
    const __m128i is_slash = _mm_cmpeq_epi8(text, _mm_set1_epi8('/'));
    const __m128i sextets = _mm_add_epi8(text, _mm_shuffle_epi8(shift_by_nibble, _mm_add_epi8(is_slash, high)));
    const __m128i pairs = _mm_maddubs_epi16(sextets, _mm_set1_epi32(0x01400140));
    const __m128i quads = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(quads, pack));
    out += 12;
  }
  return at;
}

// Whole groups from the front, as fast as the machine can.
using BlockDecoder = std::size_t (*)(const char* in, std::size_t size, char*& out) noexcept;

BlockDecoder decoder_for(Base64Machine machine) noexcept {
  if (machine >= Base64Machine::avx2 && __builtin_cpu_supports("avx2")) return decode_blocks;
  if (machine >= Base64Machine::sse41 && __builtin_cpu_supports("sse4.1")) return decode_short_blocks;
  return decode_groups;
}

// Remembers the characters of an unfinished group from line to line, and what was wrong.
struct Tolerant {
  unsigned bits = 0;
  int count = 0;
  bool damaged = false;

  // One character that is no part of a clean run.
  void take(char c, char*& out) noexcept {
    const std::uint8_t value = value_of(c);
    if (value <= 63) {
      bits = bits << 6 | value;
      if (++count < 4) return;
      *out++ = static_cast<char>(bits >> 16);
      *out++ = static_cast<char>(bits >> 8);
      *out++ = static_cast<char>(bits);
      count = 0;
      bits = 0;
    } else if (value == kPadding) {
      // The end of one encoded run; some mailers glue several together. Surplus padding is looked over.
      if (count != 0) end_group(out);
    } else if (value == kForeign) {
      damaged = true;
    }
  }

  void end_group(char*& out) noexcept {
    if (count == 1) damaged = true;
    if (count >= 2) *out++ = static_cast<char>(bits >> (count == 2 ? 4 : 10));
    if (count == 3) *out++ = static_cast<char>(bits >> 2);
    count = 0;
    bits = 0;
  }
};

std::size_t decode_all(std::string_view text, char* begin, bool& damaged, BlockDecoder decode_run) noexcept {
  char* out = begin;
  Tolerant state;
  const char* in = text.data();
  const char* const end = in + text.size();
  while (in != end) {
    if (state.count == 0) {
      in += decode_run(in, static_cast<std::size_t>(end - in), out);
      in += decode_groups(in, static_cast<std::size_t>(end - in), out);
    }
    // What stands between clean runs: mostly a line end, else whatever there is, up to where a group can begin again.
    while (in != end) {
      state.take(*in++, out);
      if (state.count == 0 && in != end && value_of(*in) <= 63) break;
    }
  }
  if (state.count != 0) {
    state.damaged = true;  // the padding is missing
    state.end_group(out);
  }
  damaged = state.damaged;
  return static_cast<std::size_t>(out - begin);
}

}  // namespace

Decoded decode_base64_body(std::string_view text, std::size_t limit) {
  return decode_base64_body_as(Base64Machine::avx2, text, limit);
}

Decoded decode_base64_body_as(Base64Machine machine, std::string_view text, std::size_t limit) {
  Decoded result;
  // Four thirds of the limit and as much again for line ends is enough text for it.
  bool cut = false;
  if (limit < text.size() / 4) {
    const std::size_t enough = limit / 3 * 4 + 4;
    if (text.size() / 2 > enough) {
      text = text.substr(0, enough * 2);
      cut = true;
    }
  }
  bool damaged = false;
  result.octets.resize_and_overwrite(text.size() / 4 * 3 + 3 + 32,
                                     [&, decode_run = decoder_for(machine)](char* out, std::size_t) noexcept {
                                       return decode_all(text, out, damaged, decode_run);
                                     });
  if (result.octets.size() > limit) result.octets.resize(limit);
  result.damaged = damaged && !cut;
  return result;
}

std::string encode_base64_body(std::string_view octets) {
  constexpr std::size_t line_octets = 57;
  std::string out;
  out.reserve((octets.size() / line_octets + 1) * 78 + 4);
  while (!octets.empty()) {
    std::string_view line = octets.substr(0, line_octets);
    octets.remove_prefix(line.size());
    for (; line.size() >= 3; line.remove_prefix(3)) {
      const unsigned bits = static_cast<unsigned>(static_cast<unsigned char>(line[0])) << 16 |
                            static_cast<unsigned>(static_cast<unsigned char>(line[1])) << 8 |
                            static_cast<unsigned char>(line[2]);
      for (const unsigned shift : {18U, 12U, 6U, 0U}) out += kAlphabet[bits >> shift & 63];
    }
    if (!line.empty()) {
      const unsigned bits = static_cast<unsigned>(static_cast<unsigned char>(line[0])) << 16 |
                            (line.size() == 2 ? static_cast<unsigned>(static_cast<unsigned char>(line[1])) << 8 : 0U);
      out += kAlphabet[bits >> 18];
      out += kAlphabet[bits >> 12 & 63];
      out += line.size() == 2 ? kAlphabet[bits >> 6 & 63] : '=';
      out += '=';
    }
    out += "\r\n";
  }
  return out;
}

}  // namespace pabal::codec
