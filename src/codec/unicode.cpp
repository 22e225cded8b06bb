#include "codec/unicode.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/usprep.h>

#include "base/text.hpp"

namespace pabal::codec {

namespace {

const icu::Normalizer2& form_c() {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* found = icu::Normalizer2::getNFCInstance(status);
  if (U_FAILURE(status)) throw std::runtime_error("ICU has no data for NFC");  // a broken installation
  return *found;
}

const icu::Normalizer2& form_kc_casefold() {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* found = icu::Normalizer2::getNFKCCasefoldInstance(status);
  if (U_FAILURE(status)) throw std::runtime_error("ICU has no data for NFKC_Casefold");  // a broken installation
  return *found;
}

const UStringPrepProfile* sasl_profile() {
  static const std::unique_ptr<UStringPrepProfile, void (*)(UStringPrepProfile*)> profile = [] {
    UErrorCode status = U_ZERO_ERROR;
    UStringPrepProfile* opened = usprep_openByType(USPREP_RFC4013_SASLPREP, &status);
    if (U_FAILURE(status)) throw std::runtime_error("ICU has no data for SASLprep");
    return std::unique_ptr<UStringPrepProfile, void (*)(UStringPrepProfile*)>(opened, usprep_close);
  }();
  return profile.get();
}

icu::UnicodeString to_utf16(std::string_view text) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
}

icu::UnicodeString to_form_c(const icu::UnicodeString& text) {
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeString out = form_c().normalize(text, status);
  if (U_FAILURE(status)) throw std::runtime_error("ICU could not normalise");  // only for want of memory
  return out;
}

std::string to_utf8(const icu::UnicodeString& text) {
  std::string out;
  text.toUTF8String(out);
  return out;
}

enum class PrecisClass { valid, context, disallowed };

// RFC 8264 §9.6, Exceptions.
std::optional<PrecisClass> exception_of(UChar32 c) noexcept {
  constexpr std::array<UChar32, 6> valid = {0x00DF, 0x03C2, 0x06FD, 0x06FE, 0x0F0B, 0x3007};
  constexpr std::array<UChar32, 5> context = {0x00B7, 0x0375, 0x05F3, 0x05F4, 0x30FB};
  constexpr std::array<UChar32, 10> disallowed = {0x0640, 0x07FA, 0x302E, 0x302F, 0x3031,
                                                  0x3032, 0x3033, 0x3034, 0x3035, 0x303B};
  if (std::ranges::binary_search(valid, c)) return PrecisClass::valid;
  if (std::ranges::binary_search(context, c)) return PrecisClass::context;
  if (std::ranges::binary_search(disallowed, c)) return PrecisClass::disallowed;
  if ((c >= 0x0660 && c <= 0x0669) || (c >= 0x06F0 && c <= 0x06F9)) return PrecisClass::context;
  return std::nullopt;
}

// RFC 8264 §8, for FreeformClass.
PrecisClass class_of(UChar32 c) {
  if (const auto exception = exception_of(c)) return *exception;
  if (c >= 0x21 && c <= 0x7E) return PrecisClass::valid;
  if (c == 0x200C || c == 0x200D) return PrecisClass::context;
  const auto hangul = u_getIntPropertyValue(c, UCHAR_HANGUL_SYLLABLE_TYPE);
  if (hangul == U_HST_LEADING_JAMO || hangul == U_HST_VOWEL_JAMO || hangul == U_HST_TRAILING_JAMO) {
    return PrecisClass::disallowed;
  }
  if (u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) ||
      u_hasBinaryProperty(c, UCHAR_NONCHARACTER_CODE_POINT)) {
    return PrecisClass::disallowed;
  }
  // Letters, digits, marks, symbols, punctuation and spaces; what has a compatibility form is among them.
  constexpr std::uint32_t allowed = U_GC_L_MASK | U_GC_N_MASK | U_GC_M_MASK | U_GC_S_MASK | U_GC_P_MASK | U_GC_ZS_MASK;
  return (U_GET_GC_MASK(c) & allowed) != 0 ? PrecisClass::valid : PrecisClass::disallowed;
}

UScriptCode script_of(UChar32 c) noexcept { return static_cast<UScriptCode>(u_getIntPropertyValue(c, UCHAR_SCRIPT)); }

// The rules of RFC 5892 Appendix A.
bool context_allows(const std::vector<UChar32>& text, std::size_t at) {
  const UChar32 c = text[at];
  const UChar32 before = at > 0 ? text[at - 1] : -1;
  const UChar32 after = at + 1 < text.size() ? text[at + 1] : -1;
  constexpr int virama = 9;
  const auto joins = [&](std::size_t i, int step, auto wanted) {
    for (std::size_t j = i + static_cast<std::size_t>(step); j < text.size(); j += static_cast<std::size_t>(step)) {
      const int type = u_getIntPropertyValue(text[j], UCHAR_JOINING_TYPE);
      if (type == U_JT_TRANSPARENT) continue;
      return type == U_JT_DUAL_JOINING || type == wanted;
    }
    return false;
  };
  const auto any_in = [&](UChar32 first, UChar32 last) {
    return std::ranges::any_of(text, [&](UChar32 other) { return other >= first && other <= last; });
  };
  switch (c) {
    case 0x200C:  // ZERO WIDTH NON-JOINER
      if (before >= 0 && u_getCombiningClass(before) == virama) return true;
      return joins(at, -1, U_JT_LEFT_JOINING) && joins(at, 1, U_JT_RIGHT_JOINING);
    case 0x200D:  // ZERO WIDTH JOINER
      return before >= 0 && u_getCombiningClass(before) == virama;
    case 0x00B7:
      return before == 'l' && after == 'l';
    case 0x0375:
      return after >= 0 && script_of(after) == USCRIPT_GREEK;
    case 0x05F3:
    case 0x05F4:
      return before >= 0 && script_of(before) == USCRIPT_HEBREW;
    case 0x30FB:
      return std::ranges::any_of(text, [](UChar32 other) {
        const auto script = script_of(other);
        return script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA || script == USCRIPT_HAN;
      });
    default:
      break;
  }
  // Arabic-Indic digits and extended ones do not stand together.
  return c <= 0x0669 ? !any_in(0x06F0, 0x06F9) : !any_in(0x0660, 0x0669);
}

}  // namespace

std::string nfc(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  return to_utf8(to_form_c(to_utf16(text)));
}

std::string fold_for_search(std::string_view text) {
  if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return to_lower(text);
  // UTF-16 has 32-bit lengths here: what is longer is folded in pieces, at ASCII line ends where there are some.
  constexpr std::size_t piece = 64U << 20;
  if (text.size() > piece) {
    auto cut = text.rfind('\n', piece);
    if (cut == std::string_view::npos || cut == 0) cut = piece;
    return fold_for_search(text.substr(0, cut)) + fold_for_search(text.substr(cut));
  }
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeString out = form_kc_casefold().normalize(to_utf16(text), status);
  if (U_FAILURE(status)) throw std::runtime_error("ICU could not fold");  // only for want of memory
  return to_utf8(out);
}

Result<std::string> saslprep(std::string_view text) {
  const auto refuse = [](std::string_view why) {
    return fail(ErrorKind::syntax, "not allowed in a name or password", "SASLprep: " + std::string(why));
  };
  if (is_ascii(text)) {
    // Nothing is mapped among ASCII; controls are prohibited (RFC 4013 §2.3).
    if (std::ranges::any_of(text, [](char c) { return c < ' ' || c == '\x7F'; })) return refuse("control character");
    return std::string(text);
  }
  if (!is_utf8(text)) return refuse("not UTF-8");
  const icu::UnicodeString from = to_utf16(text);
  // NFKC can lengthen a code point eighteenfold; nothing maps to more.
  std::vector<char16_t> to(static_cast<std::size_t>(from.length()) * 18 + 1);
  UErrorCode status = U_ZERO_ERROR;
  UParseError where{};
  const auto length = usprep_prepare(sasl_profile(), from.getBuffer(), from.length(), to.data(),
                                     static_cast<std::int32_t>(to.size()), USPREP_ALLOW_UNASSIGNED, &where, &status);
  if (U_FAILURE(status)) return refuse(u_errorName(status));
  return to_utf8(icu::UnicodeString(to.data(), length));
}

Result<std::string> opaque_string(std::string_view text) {
  const auto refuse = [](std::string_view why) {
    return fail(ErrorKind::syntax, "not allowed in a password: " + std::string(why));
  };
  if (text.empty()) return refuse("it is empty");
  if (!is_utf8(text)) return refuse("not UTF-8");
  icu::UnicodeString mapped = to_utf16(text);
  for (std::int32_t i = 0; i < mapped.length(); ++i) {
    // Spaces other than ASCII's are all in the first plane.
    if (u_charType(mapped.charAt(i)) == U_SPACE_SEPARATOR) mapped.setCharAt(i, u' ');
  }
  mapped = to_form_c(mapped);
  std::vector<UChar32> points;
  for (std::int32_t i = 0; i < mapped.length(); i = mapped.moveIndex32(i, 1)) points.push_back(mapped.char32At(i));
  for (std::size_t i = 0; i < points.size(); ++i) {
    const PrecisClass kind = class_of(points[i]);
    if (kind == PrecisClass::valid || (kind == PrecisClass::context && context_allows(points, i))) continue;
    return refuse(u_iscntrl(points[i]) != 0 ? "a control character" : "a character that passwords cannot have");
  }
  return to_utf8(mapped);
}

std::string prepare_password(std::string_view password) {
  if (!is_utf8(password)) return std::string(password);
  auto prepared = saslprep(password);
  return prepared ? *std::move(prepared) : nfc(password);
}

}  // namespace pabal::codec
