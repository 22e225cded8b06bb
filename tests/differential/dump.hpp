// What the dumpers of both parsers share: reading the files named on standard input, and lines "key<tab>value".
#pragma once
#include <array>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace pabal::differential {

/// CRC-32 (of zlib and Python), for digests of bodies.
inline std::uint32_t crc32(std::string_view octets) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320U : 0U);
      made[i] = value;
    }
    return made;
  }();
  std::uint32_t sum = 0xFFFFFFFFU;
  for (const char c : octets) sum = table[(sum ^ static_cast<unsigned char>(c)) & 0xFFU] ^ (sum >> 8);
  return ~sum;
}

inline void line(std::string_view key, std::string_view value) {
  std::string out(key);
  out += '\t';
  for (const char c : value) {
    if (c == '\n' || c == '\t' || c == '\r') {
      out += ' ';
    } else {
      out += c;
    }
  }
  out += '\n';
  std::cout << out;
}

inline void body(std::string_view type, std::string_view octets) {
  line("body", fmt::format("{} {} {:08x}", type, octets.size(), crc32(octets)));
}

/// Calls dump(octets) for each file, after a line "file<tab>name". An mbox's separator line is not part of the message.
template <typename Dump>
int for_each_file(const Dump& dump) {
  std::ios::sync_with_stdio(false);
  std::string name;
  while (std::getline(std::cin, name)) {
    std::ifstream in(name, std::ios::binary);
    std::string octets((std::istreambuf_iterator<char>(in)), {});
    if (octets.starts_with("From ")) octets.erase(0, octets.find('\n') + 1);
    line("file", name);
    dump(octets);
  }
  return std::cout.flush().good() ? 0 : 1;
}

}  // namespace pabal::differential
