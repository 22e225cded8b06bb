#include "address/domain.hpp"

#include <memory>
#include <stdexcept>

#include <unicode/idna.h>
#include <unicode/unistr.h>

#include "base/text.hpp"

namespace pabal {

namespace {

constexpr std::size_t max_domain_octets = 255;
constexpr std::size_t max_label_octets = 63;
// No name of 255 octets of A-labels comes from more UTF-8 than this; longer input is refused before ICU works on it.
constexpr std::size_t max_input_octets = 1024;

const icu::IDNA& idna() {
  static const std::unique_ptr<const icu::IDNA> instance = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<const icu::IDNA> made(
        icu::IDNA::createUTS46Instance(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                                           UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE,
                                       status));
    if (U_FAILURE(status)) throw std::runtime_error("ICU has no data for IDNA");  // a broken installation
    return made;
  }();
  return *instance;
}

icu::StringPiece piece(std::string_view text) { return {text.data(), static_cast<std::int32_t>(text.size())}; }

std::unexpected<Error> refuse(std::string_view why, std::string_view text) {
  return fail(ErrorKind::syntax, "invalid domain: " + std::string(why),
              "invalid domain " + printable(text) + ": " + std::string(why));
}

bool is_ldh(char c) noexcept { return is_alpha(c) || is_digit(c) || c == '-'; }

// What is wrong with an ASCII name's labels and lengths; empty where nothing is.
std::string_view ldh_fault(std::string_view name) noexcept {
  if (name.empty()) return "it is empty";
  if (name.size() > max_domain_octets) return "longer than 255 octets";
  std::size_t label = 0;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    if (i < name.size() && name[i] != '.') {
      if (!is_ldh(name[i])) return "only letters, digits and hyphens are allowed";
      continue;
    }
    if (i == label) return i == name.size() ? "it ends with a dot" : "a label is empty";
    if (i - label > max_label_octets) return "a label is longer than 63 octets";
    if (name[label] == '-' || name[i - 1] == '-') return "a label begins or ends with a hyphen";
    label = i + 1;
  }
  return {};
}

bool has_a_label(std::string_view lower) noexcept {
  return lower.starts_with("xn--") || lower.find(".xn--") != std::string_view::npos;
}

// Faults that ICU reports and that are judged by ldh_fault: its limit of length is DNS's, ours RFC 5321's.
constexpr std::uint32_t judged_by_us =
    UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG | UIDNA_ERROR_DOMAIN_NAME_TOO_LONG;

}  // namespace

Result<Domain> Domain::parse(std::string_view text) {
  if (text.size() > max_input_octets) return refuse("longer than 255 octets", text);
  if (is_ascii(text)) {
    if (const auto fault = ldh_fault(text); !fault.empty()) return refuse(fault, text);
    std::string lower = to_lower(text);
    if (!has_a_label(lower)) return Domain(std::move(lower));
  } else if (!is_utf8(text)) {
    return refuse("not UTF-8", text);
  }

  std::string ascii;
  icu::StringByteSink<std::string> sink(&ascii);
  icu::IDNAInfo info;
  UErrorCode status = U_ZERO_ERROR;
  idna().nameToASCII_UTF8(piece(text), sink, info, status);
  if (U_FAILURE(status)) return refuse("IDNA failed", text);
  if ((info.getErrors() & ~judged_by_us) != 0) return refuse("not a valid internationalised name", text);
  if (const auto fault = ldh_fault(ascii); !fault.empty()) return refuse(fault, text);
  return Domain(to_lower(ascii));
}

std::string Domain::unicode() const {
  if (!has_a_label(ascii_)) return ascii_;
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  icu::IDNAInfo info;
  UErrorCode status = U_ZERO_ERROR;
  idna().nameToUnicodeUTF8(piece(ascii_), sink, info, status);
  return U_FAILURE(status) ? ascii_ : out;
}

}  // namespace pabal
