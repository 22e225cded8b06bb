#include "support/load_message.hpp"

#include <array>
#include <cstring>
#include <string_view>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "support/socket.hpp"

namespace pabal::bench {

namespace {

std::string header(std::uint64_t number) {
  return fmt::format(
      "X-Load: {0:016}\r\n"
      "Date: Sun, 22 Nov 2026 10:00:00 +0900\r\n"
      "From: Load Driver <load@load.example>\r\n"
      "To: Somebody <somebody@load.example>\r\n"
      "Message-ID: <{0:016}@load.example>\r\n"
      "Subject: Message {0:016} of the load driver\r\n"
      "\r\n",
      number);
}

std::string sha256_hex(std::string_view octets) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(octets.data(), octets.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) die("SHA-256");
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace

std::uint64_t Mixer::next() noexcept {
  state_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
  return mixed ^ (mixed >> 31);
}

LoadMessage random_message(std::uint64_t number, std::uint64_t seed, std::size_t size) {
  constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789.,-_=";
  Mixer mixer(seed ^ (number * 0xD1B54A32D192ED03ULL));
  std::string plain = header(number);
  LoadMessage message;
  message.wire = plain;
  const std::size_t aim = size > plain.size() + 2 ? size - 2 : plain.size() + 2;
  std::string line;
  while (plain.size() < aim) {
    line.clear();
    const auto kind = mixer.below(16);
    if (kind == 0) line = ".";
    if (kind == 1) line = "..";
    std::size_t length = 0;
    if (kind == 3) {
      length = mixer.below(990);
    } else if (kind > 3) {
      length = 60 + mixer.below(18);
    }
    while (line.size() < length) {
      std::uint64_t bits = mixer.next();
      for (int i = 0; i < 8; ++i, bits >>= 8) line += alphabet[(bits & 0xFF) % alphabet.size()];
    }
    if (plain.size() + line.size() > aim) line.resize(aim - plain.size());
    plain += line;
    plain += "\r\n";
    if (line.starts_with('.')) message.wire += '.';
    message.wire += line;
    message.wire += "\r\n";
  }
  message.hash = sha256_hex(plain);
  message.wire += ".\r\n";
  return message;
}

FastMessages::FastMessages(std::size_t size) {
  constexpr std::string_view mark = "0000000000000000";
  template_ = header(0);
  const std::string line = "A line of text such as people write, of the length that their programs give it.\r\n";
  while (template_.size() < size) {
    const std::size_t left = size - template_.size();
    if (left >= line.size() + 2) {
      template_ += line;
    } else {
      if (left > 2) template_.append(left - 2, 'x');
      template_ += "\r\n";
      break;
    }
  }
  template_ += ".\r\n";
  for (auto at = template_.find(mark); at != std::string::npos; at = template_.find(mark, at + mark.size())) {
    places_.push_back(at);
  }
}

void FastMessages::append(std::uint64_t number, std::string& out) {
  std::array<char, 17> digits{};
  fmt::format_to_n(digits.data(), 16, "{:016}", number);
  for (const auto place : places_) std::memcpy(template_.data() + place, digits.data(), 16);
  out += template_;
}

}  // namespace pabal::bench
