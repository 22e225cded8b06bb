#include "codec/charset.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>

#include <iconv.h>
#include <unicode/ucnv.h>
#include <unicode/ucsdet.h>

#include "base/text.hpp"

namespace pabal::codec {

Converted repair_utf8(std::string_view octets) {
  while (octets.starts_with("\xEF\xBB\xBF")) octets.remove_prefix(3);
  if (is_utf8(octets)) return {std::string(octets), false};
  Converted out;
  out.damaged = true;
  while (!octets.empty()) {
    std::size_t good = 0;
    std::size_t width = 0;
    while (good < octets.size()) {
      width = 1;
      while (width <= 4 && !is_utf8(octets.substr(good, width))) ++width;
      if (width > 4) break;
      good += width;
    }
    out.utf8.append(octets.substr(0, good));
    octets.remove_prefix(good);
    if (octets.empty()) break;
    out.utf8 += "\xEF\xBF\xBD";
    octets.remove_prefix(1);
    while (!octets.empty() && (static_cast<unsigned char>(octets[0]) & 0xC0U) == 0x80U) octets.remove_prefix(1);
  }
  return out;
}

namespace {

struct CloseConverter {
  void operator()(UConverter* converter) const noexcept { ucnv_close(converter); }
  void operator()(UCharsetDetector* detector) const noexcept { ucsdet_close(detector); }
};
using Converter = std::unique_ptr<UConverter, CloseConverter>;
using Detector = std::unique_ptr<UCharsetDetector, CloseConverter>;

// Labels that ICU reads otherwise than the senders mean them, or doesn't know. The supersets are the WHATWG Encoding
// Standard's: mailers label what their system writes with the name of the standard that it grew out of.
struct Alias {
  std::string_view label;
  const char* converter;
};
constexpr Alias kAliases[] = {
    {"ansi_x3.4-1968", "us-ascii"},
    {"ansi_x3.4-1986", "us-ascii"},
    {"ascii", "us-ascii"},
    {"iso646-us", "us-ascii"},
    {"iso-8859-1", "windows-1252"},
    {"iso8859-1", "windows-1252"},
    {"iso_8859-1", "windows-1252"},
    {"l1", "windows-1252"},
    {"latin1", "windows-1252"},
    {"us-ascii", "us-ascii"},
    {"ascii-us", "us-ascii"},
    {"cp-850", "ibm-850"},
    {"iso-8859-8-i", "iso-8859-8"},
    {"iso-8859-8-e", "iso-8859-8"},
    {"iso-8859-9", "windows-1254"},
    {"iso-8859-11", "windows-874"},
    {"tis-620", "windows-874"},
    {"cp949", "windows-949"},
    {"euc-kr", "windows-949"},
    {"euckr", "windows-949"},
    {"euc_kr", "windows-949"},
    {"korean", "windows-949"},
    {"ks_c_5601", "windows-949"},
    {"ks_c_5601-1987", "windows-949"},
    {"ks_c_5601-1989", "windows-949"},
    {"ks_c-5601-1987", "windows-949"},
    {"ksc5601", "windows-949"},
    {"ksc_5601", "windows-949"},
    {"kseuc-kr", "windows-949"},
    {"ms949", "windows-949"},
    {"uhc", "windows-949"},
    {"x-windows-949", "windows-949"},
    {"cp936", "gb18030"},
    {"euc-cn", "gb18030"},
    {"gb2312", "gb18030"},
    {"gb_2312-80", "gb18030"},
    {"gbk", "gb18030"},
    {"x-gbk", "gb18030"},
    {"hz", "HZ"},
    {"hz-gb-2312", "HZ"},
    {"big5", "windows-950"},
    {"big-5", "windows-950"},
    {"cn-big5", "windows-950"},
    {"x-x-big5", "windows-950"},
    {"cp932", "windows-31j"},
    {"ms932", "windows-31j"},
    {"ms_kanji", "windows-31j"},
    {"shift-jis", "windows-31j"},
    {"shift_jis", "windows-31j"},
    {"sjis", "windows-31j"},
    {"x-sjis", "windows-31j"},
    {"iso-2022-jp-ms", "iso-2022-jp"},
    {"unicode-1-1-utf-7", "utf-7"},
    {"unicode-2-0-utf-7", "utf-7"},
    {"x-unicode-2-0-utf-7", "utf-7"},
    {"utf7", "utf-7"},
    {"unicode", "utf-16"},
    {"ucs-2", "utf-16"},
    {"unicode-1-1-utf-8", "utf-8"},
    {"utf8", "utf-8"},
    {"utf-8-mac", "utf-8"},
    {"x-utf-8", "utf-8"},
    {"macintosh", "macos-0_2-10.2"},
    {"x-mac-roman", "macos-0_2-10.2"},
};

// Sets that ICU has not, or maps to private characters where Unicode has real ones by now; glibc's converters do them.
constexpr Alias kIconvNames[] = {
    {"johab", "JOHAB"},
    {"ms1361", "JOHAB"},
    {"cp1361", "JOHAB"},
    {"big5-hkscs", "BIG5-HKSCS"},
    {"big5hkscs", "BIG5-HKSCS"},
    {"euc-jisx0213", "EUC-JISX0213"},
    {"euc_jisx0213", "EUC-JISX0213"},
    {"euc-jis-2004", "EUC-JISX0213"},
    {"shift_jisx0213", "SHIFT_JISX0213"},
    {"shift-jisx0213", "SHIFT_JISX0213"},
    {"shift_jis-2004", "SHIFT_JISX0213"},
    {"iso-2022-jp-3", "ISO-2022-JP-3"},
    {"iso-2022-jp-2004", "ISO-2022-JP-3"},
    {"armscii-8", "ARMSCII-8"},
    {"georgian-ps", "GEORGIAN-PS"},
    {"koi8-t", "KOI8-T"},
    {"viscii", "VISCII"},
    {"tcvn", "TCVN"},
};

const char* iconv_name(std::string_view label) {
  for (const auto& alias : kIconvNames) {
    if (label == alias.label) return alias.converter;
  }
  return nullptr;
}

// As the label stands in the field: quotes, spaces, an RFC 2231 language, "charset=" said twice.
std::string cleaned(std::string_view label) {
  std::string out;
  for (const char c : label.substr(0, 100)) {
    if (c == '*' || c == ';' || c == ',') break;
    if (c > ' ' && c < 0x7F && c != '"' && c != '\'') out += ascii_lower(c);
  }
  if (out.starts_with("charset=")) out.erase(0, 8);
  return out;
}

const char* converter_name(const std::string& label) {
  for (const auto& alias : kAliases) {
    if (label == alias.label) return alias.converter;
  }
  return label.c_str();
}

Converter open_converter(const char* name) {
  UErrorCode status = U_ZERO_ERROR;
  Converter converter(ucnv_open(name, &status));
  if (U_FAILURE(status) != 0) return nullptr;
  return converter;
}

Converted convert(UConverter* from, std::string_view octets) {
  static constexpr std::size_t chunk = 4096;
  Converted out;
  out.utf8.reserve(octets.size() + octets.size() / 2);
  UErrorCode status = U_ZERO_ERROR;
  const Converter to(ucnv_open("UTF-8", &status));
  if (U_FAILURE(status) != 0) return {"", true};
  std::array<UChar, chunk> middle{};
  UChar* middle_source = middle.data();
  UChar* middle_target = middle.data();
  const char* source = octets.data();
  const char* const source_end = source + octets.size();
  bool first = true;
  do {
    std::array<char, chunk> target{};
    char* written = target.data();
    status = U_ZERO_ERROR;
    ucnv_convertEx(to.get(), from, &written, target.data() + target.size(), &source, source_end, middle.data(),
                   &middle_source, &middle_target, middle.data() + middle.size(), first ? 1 : 0, 1, &status);
    first = false;
    out.utf8.append(target.data(), static_cast<std::size_t>(written - target.data()));
  } while (status == U_BUFFER_OVERFLOW_ERROR);
  if (U_FAILURE(status) != 0) out.damaged = true;
  if (out.utf8.find("\xEF\xBF\xBD") != std::string::npos) out.damaged = true;
  if (out.utf8.starts_with("\xEF\xBB\xBF")) out.utf8.erase(0, 3);
  return out;
}

Converted convert_by_iconv(const char* name, std::string_view octets) {
  struct Close {
    void operator()(void* descriptor) const noexcept { ::iconv_close(descriptor); }
  };
  const iconv_t opened = ::iconv_open("UTF-8", name);
  if (reinterpret_cast<std::intptr_t>(opened) == -1) return {std::string(), true};
  const std::unique_ptr<void, Close> descriptor(opened);
  Converted out;
  char* source = const_cast<char*>(octets.data());  // iconv does not write there
  std::size_t left = octets.size();
  bool flushed = false;
  while (!flushed) {
    std::array<char, 4096> target{};
    char* written = target.data();
    std::size_t room = target.size();
    flushed = left == 0;
    const auto result = flushed ? ::iconv(descriptor.get(), nullptr, nullptr, &written, &room)
                                : ::iconv(descriptor.get(), &source, &left, &written, &room);
    const int error = result == static_cast<std::size_t>(-1) ? errno : 0;
    out.utf8.append(target.data(), target.size() - room);
    if (error == EILSEQ || error == EINVAL) {
      out.utf8 += "\xEF\xBF\xBD";
      out.damaged = true;
      ++source;
      --left;
    }
  }
  return out;
}

// KS X 1001 Annex 3 spells a syllable that it has no code for as a filler and its three letters: U+3164, initial,
// medial, and final or another filler. Unicode has all of them.
std::string compose_hangul(std::string utf8) {
  static constexpr std::string_view filler = "\u3164";
  // Compatibility letters U+3131 to U+314E as initials and finals, in the order of the syllable block; -1: can't be
  // one.
  static constexpr std::int8_t initials[] = {0,  1, -1, 2, -1, -1, 3,  4,  5,  -1, -1, -1, -1, -1, -1,
                                             -1, 6, 7,  8, -1, 9,  10, 11, 12, 13, 14, 15, 16, 17, 18};
  static constexpr std::int8_t finals[] = {1,  2,  3,  4,  5,  6,  7,  -1, 8,  9,  10, 11, 12, 13, 14,
                                           15, 16, 17, -1, 18, 19, 20, 21, 22, -1, 23, 24, 25, 26, 27};
  static constexpr int first_consonant = 0x3131;
  static constexpr int first_vowel = 0x314F;
  // The code point of the three-octet sequence at `at`, or 0.
  const auto code_point = [&](std::size_t at) {
    if (at + 3 > utf8.size() || (static_cast<unsigned char>(utf8[at]) & 0xF0U) != 0xE0U) return 0;
    return (utf8[at] & 0x0F) << 12 | (utf8[at + 1] & 0x3F) << 6 | (utf8[at + 2] & 0x3F);
  };
  std::string out;
  std::size_t done = 0;
  for (auto at = utf8.find(filler); at != std::string::npos; at = utf8.find(filler, at)) {
    const int initial = code_point(at + 3) - first_consonant;
    const int vowel = code_point(at + 6) - first_vowel;
    const int last = code_point(at + 9);
    const bool open = last == 0x3164;
    const int final_letter = last - first_consonant;
    const bool fits = initial >= 0 && initial < 30 && initials[initial] >= 0 && vowel >= 0 && vowel < 21 &&
                      (open || (final_letter >= 0 && final_letter < 30 && finals[final_letter] >= 0));
    if (!fits) {
      at += filler.size();
      continue;
    }
    const int syllable = 0xAC00 + (initials[initial] * 21 + vowel) * 28 + (open ? 0 : finals[final_letter]);
    out.append(utf8, done, at - done);
    out += static_cast<char>(0xE0 | syllable >> 12);
    out += static_cast<char>(0x80 | (syllable >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (syllable & 0x3F));
    done = at += 12;
  }
  if (done == 0) return utf8;
  return out.append(utf8, done);
}

// Korean text is nearly all Hangul, which stands in rows B0 to C8 of KS X 1001; Chinese of GB 2312 or Big5 fits the
// form of CP949 as well, but not that. A pair wedged between Latin letters is two letters with marks ("AÇÃO").
bool looks_like_cp949(std::string_view octets) {
  std::size_t pairs = 0;
  std::size_t hangul = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const auto lead = static_cast<unsigned char>(octets[i]);
    if (lead < 0x80) continue;
    if (lead == 0x80 || lead == 0xFF || i + 1 == octets.size()) return false;
    const auto trail = static_cast<unsigned char>(octets[++i]);
    const bool fits =
        (trail >= 'A' && trail <= 'Z') || (trail >= 'a' && trail <= 'z') || (trail >= 0x81 && trail < 0xFF);
    if (!fits) return false;
    if (lead == 0xA1 || lead == 0xA3) continue;  // marks and wide letters, which every East Asian text has
    ++pairs;
    const bool wedged = i >= 2 && is_alpha(octets[i - 2]) && i + 1 < octets.size() && is_alpha(octets[i + 1]);
    if (lead >= 0xB0 && lead <= 0xC8 && trail >= 0xA1 && !wedged) ++hangul;
  }
  return hangul > 0 && hangul * 4 >= pairs * 3;
}

// Fewer high octets than this tell a detector nothing, and in the West they are a letter with a mark.
constexpr std::size_t kFewHighOctets = 6;

std::size_t high_octets(std::string_view octets) {
  return static_cast<std::size_t>(
      std::ranges::count_if(octets, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }));
}

// The name of the set that ICU's detector finds, or nothing.
std::string detected_charset(std::string_view octets) {
  UErrorCode status = U_ZERO_ERROR;
  const Detector detector(ucsdet_open(&status));
  if (U_FAILURE(status) != 0) return {};
  // A detector's cost grows with the text and its certainty hardly does.
  const auto sample = octets.substr(0, 16 << 10);
  ucsdet_setText(detector.get(), sample.data(), static_cast<std::int32_t>(sample.size()), &status);
  const UCharsetMatch* match = ucsdet_detect(detector.get(), &status);
  if (U_FAILURE(status) != 0 || match == nullptr || ucsdet_getConfidence(match, &status) < 30) return {};
  const char* name = ucsdet_getName(match, &status);
  if (U_FAILURE(status) != 0 || name == nullptr) return {};
  // No letter comes in EBCDIC, and it would make line ends of other characters.
  return std::string_view(name).starts_with("IBM4") ? std::string() : std::string(name);
}

// Octets that are CP949 by all appearance.
std::optional<Converted> plain_cp949(std::string_view octets) {
  if (!looks_like_cp949(octets)) return std::nullopt;
  const auto converter = open_converter("windows-949");
  if (!converter) return std::nullopt;
  auto out = convert(converter.get(), octets);
  if (out.damaged) return std::nullopt;
  out.utf8 = compose_hangul(std::move(out.utf8));
  return out;
}

Converted guessed(std::string_view octets) {
  if (is_utf8(octets)) return {std::string(octets), false};
  if (auto korean = plain_cp949(octets)) return *std::move(korean);
  if (high_octets(octets) >= kFewHighOctets) {
    if (const std::string name = detected_charset(octets); !name.empty()) {
      if (const auto converter = open_converter(converter_name(cleaned(name)))) return convert(converter.get(), octets);
    }
  }
  if (const auto converter = open_converter("windows-1252")) return convert(converter.get(), octets);
  return repair_utf8(octets);
}

// Octets that the label can't stand for: the label is wrong, and the reader is told so, but where it was us-ascii for
// UTF-8, which nobody takes for anything else.
Converted guessed_despite_label(std::string_view octets, std::string_view wanted) {
  auto out = guessed(octets);
  out.damaged = out.damaged || wanted != "us-ascii" || !is_utf8(octets);
  return out;
}

// Octets that have high ones, under the label of a set that has none. Korean senders put EUC-KR under "iso-2022-kr" for
// years. Where the set's own shifts are there too, it is that set with a few octets broken.
bool disproves_seven_bit(std::string_view octets, std::string_view label, std::string_view wanted) {
  if (wanted == "us-ascii" || wanted == "utf-7") return true;
  if (wanted == "HZ") return octets.find("~{") == std::string_view::npos;
  if (label.starts_with("iso-2022-kr")) return octets.find('\x0E') == std::string_view::npos;
  return label.starts_with("iso-2022") && octets.find('\x1B') == std::string_view::npos;
}

Converted said_to_be_utf8(std::string_view octets) {
  auto out = repair_utf8(octets);
  if (!out.damaged) return out;
  if (auto korean = plain_cp949(octets)) out.utf8 = std::move(korean->utf8);
  return out;
}

Converted converted(std::string_view octets, std::string_view label) {
  const std::string name = cleaned(label);
  const char* wanted = converter_name(name);
  const std::string_view wanted_view = wanted;
  const bool ascii = is_ascii(octets);
  if (!ascii && disproves_seven_bit(octets, name, wanted_view)) return guessed_despite_label(octets, wanted_view);
  if (const char* other = iconv_name(name)) return convert_by_iconv(other, octets);
  if (wanted_view == "utf-8") return said_to_be_utf8(octets);
  const bool stateful = wanted_view.starts_with("iso-2022") || wanted_view == "utf-7" || wanted_view == "HZ" ||
                        wanted_view.starts_with("utf-16") || wanted_view.starts_with("utf-32") ||
                        wanted_view == "imap-mailbox-name" || wanted_view.starts_with("scsu") ||
                        wanted_view.starts_with("bocu");
  if (ascii && (wanted_view == "us-ascii" || wanted_view == "windows-1252")) return {std::string(octets), false};
  const auto converter = name.empty() ? nullptr : open_converter(wanted);
  if (!converter) {
    auto out = guessed(octets);
    out.damaged = out.damaged || !name.empty();
    return out;
  }
  // Multi-octet sequences that are well-formed UTF-8 are hardly ever text of a set of single octets; a wrong label is
  // common.
  const bool may_be_utf8 = !ascii && !stateful && is_utf8(octets);
  if (may_be_utf8 && ucnv_getMaxCharSize(converter.get()) == 1) return {std::string(octets), false};
  auto out = convert(converter.get(), octets);
  // In East Asian sets a few such sequences mean something (GBK's "联通"); where one doesn't, it was UTF-8.
  if (may_be_utf8 && out.damaged) return {std::string(octets), false};
  if (wanted_view == "windows-949") out.utf8 = compose_hangul(std::move(out.utf8));
  return out;
}

// A byte order mark before text says nothing in UTF-8.
Converted without_mark(Converted converted) {
  while (converted.utf8.starts_with("\xEF\xBB\xBF")) converted.utf8.erase(0, 3);
  return converted;
}

}  // namespace

bool is_known_charset(std::string_view label) {
  const std::string name = cleaned(label);
  return !name.empty() && (iconv_name(name) != nullptr || open_converter(converter_name(name)) != nullptr);
}

Converted guess_to_utf8(std::string_view octets) { return without_mark(guessed(octets)); }

Converted to_utf8(std::string_view octets, std::string_view label) { return without_mark(converted(octets, label)); }

}  // namespace pabal::codec
