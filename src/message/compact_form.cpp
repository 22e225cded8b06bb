#include "message/compact_form.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace pabal::message {

namespace {

// Their places are part of the form: a new one goes to the end, and the version that uses it grows.
constexpr std::array<std::string_view, 64> kWords = {"",
                                                     "text",
                                                     "plain",
                                                     "html",
                                                     "charset",
                                                     "utf-8",
                                                     "UTF-8",
                                                     "us-ascii",
                                                     "US-ASCII",
                                                     "iso-8859-1",
                                                     "ISO-8859-1",
                                                     "7bit",
                                                     "8bit",
                                                     "base64",
                                                     "quoted-printable",
                                                     "multipart",
                                                     "mixed",
                                                     "alternative",
                                                     "related",
                                                     "boundary",
                                                     "type",
                                                     "name",
                                                     "filename",
                                                     "attachment",
                                                     "inline",
                                                     "application",
                                                     "octet-stream",
                                                     "pdf",
                                                     "image",
                                                     "png",
                                                     "jpeg",
                                                     "gif",
                                                     "format",
                                                     "flowed",
                                                     "delsp",
                                                     "yes",
                                                     "message",
                                                     "rfc822",
                                                     "report",
                                                     "report-type",
                                                     "delivery-status",
                                                     "signed",
                                                     "micalg",
                                                     "protocol",
                                                     "windows-1252",
                                                     "ks_c_5601-1987",
                                                     "euc-kr",
                                                     "EUC-KR",
                                                     "text/html",
                                                     "multipart/alternative",
                                                     "pgp-signature",
                                                     "application/pgp-signature",
                                                     "pgp-sha256",
                                                     "calendar",
                                                     "method",
                                                     "REQUEST",
                                                     "size",
                                                     "filename*",
                                                     "name*",
                                                     "x-unix-mode",
                                                     "gmail.com",
                                                     "naver.com",
                                                     "binary",
                                                     "zip"};
static_assert(kWords.back() == "zip");

constexpr std::size_t kLongestWord = 25;

// By size and then by octets, for the search.
constexpr auto kOrdered = [] {
  std::array<std::uint8_t, kWords.size()> order{};
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint8_t>(i);
  std::ranges::sort(order, [](std::uint8_t a, std::uint8_t b) { return kWords[a] < kWords[b]; });
  return order;
}();

std::optional<std::size_t> word_number(std::string_view text) noexcept {
  if (text.size() > kLongestWord) return std::nullopt;
  const auto* const at = std::ranges::lower_bound(kOrdered, text, {}, [](std::uint8_t i) { return kWords[i]; });
  if (at == kOrdered.end() || kWords[*at] != text) return std::nullopt;
  return *at;
}

}  // namespace

// Even: twice the length; odd: a word's number.
void CompactWriter::text(std::string_view octets) {
  if (const auto word = word_number(octets)) {
    number(*word << 1 | 1);
    return;
  }
  number(octets.size() << 1);
  out_ += octets;
}

void CompactWriter::maybe(const std::optional<std::string>& octets) {
  if (octets) {
    text(*octets);
  } else {
    number(0);  // an empty text is a word
  }
}

std::uint64_t CompactReader::number() noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto octet = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    const std::uint64_t bits = octet & 0x7FU;
    if (shift == 63 && bits > 1) break;
    value |= bits << shift;
    if (octet < 0x80) {
      if (octet == 0 && shift > 0) break;  // written longer than it needs to be
      return value;
    }
  }
  fail();
  return 0;
}

std::size_t CompactReader::count() noexcept {
  const auto value = number();
  if (value > rest_.size() + 1) fail();
  return ok_ ? static_cast<std::size_t>(value) : 0;
}

std::string_view CompactReader::octets(std::size_t size) noexcept {
  if (size > rest_.size()) {
    fail();
    return {};
  }
  const auto out = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return out;
}

std::string_view CompactReader::text() noexcept {
  const auto key = number();
  if ((key & 1U) != 0) {
    if (key >> 1 >= kWords.size()) fail();
    return ok_ ? kWords[static_cast<std::size_t>(key >> 1)] : std::string_view();
  }
  const auto out = octets(static_cast<std::size_t>(std::min<std::uint64_t>(key >> 1, SIZE_MAX)));
  if (out.empty() || word_number(out)) fail();  // would have been a word
  return out;
}

std::string_view CompactReader::known_text() noexcept {
  const auto key = number();
  if ((key & 1U) == 0) return octets(static_cast<std::size_t>(std::min<std::uint64_t>(key >> 1, SIZE_MAX)));
  if (key >> 1 >= kWords.size()) fail();
  return ok_ ? kWords[static_cast<std::size_t>(key >> 1)] : std::string_view();
}

std::optional<std::string> CompactReader::maybe() {
  if (take_nothing()) return std::nullopt;
  return std::string(text());
}

}  // namespace pabal::message
