// The derived form: decoding takes anything; what it takes prints, and goes there and back; what is derived from any
// message does too.
#include <cstdlib>

#include "base/text.hpp"
#include "message/derived.hpp"
#include "message/imap_forms.hpp"

namespace {
// The short ways to an envelope and to the header's place say what the long one says, and take any octets.
void print_compact(std::string_view octets) {
  const auto decoded = pabal::message::decode_derived(octets);
  const auto header = pabal::message::header_in(octets);
  if (decoded) {
    if (header.has_value() != (decoded->envelope && !decoded->parts.empty())) std::abort();
    if (header && (header->begin != decoded->parts[0].header_begin || header->end != decoded->parts[0].body_begin)) {
      std::abort();
    }
  }
  for (const pabal::message::ImapForm form :
       {pabal::message::ImapForm{}, pabal::message::ImapForm{.rev2 = true, .utf8 = true}}) {
    std::string out;
    const bool printed = append_imap_envelope(out, octets, form);
    if (!printed && !out.empty()) std::abort();
    if (!decoded) continue;
    if (printed != decoded->envelope.has_value()) std::abort();
    if (printed && out != imap_envelope(*decoded->envelope, form)) std::abort();
  }
}

void print(const pabal::message::Derived& derived) {
  for (const pabal::message::ImapForm form :
       {pabal::message::ImapForm{}, pabal::message::ImapForm{.rev2 = true, .utf8 = true}}) {
    if (derived.envelope && imap_envelope(*derived.envelope, form).empty()) std::abort();
    if (!derived.parts.empty() && imap_body_structure(derived.parts, true, form).empty()) std::abort();
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace pabal::message;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  print_compact(octets);
  if (const auto decoded = decode_derived(octets)) {
    print(*decoded);
    const auto again = encode_derived(*decoded);
    const auto twice = decode_derived(again);
    if (!twice || encode_derived(*twice) != again) std::abort();
  }
  const auto derived = derive(octets);
  if (!pabal::is_utf8(derived.preview)) std::abort();
  print(derived);
  const auto form = encode_derived(derived);
  print_compact(form);
  const auto back = decode_derived(form);
  if (form.size() > kMostDerivedOctets || !back || encode_derived(*back) != form) std::abort();
  return 0;
}
