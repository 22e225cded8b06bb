// The derived form: decoding takes anything; what it takes prints, and goes there and back; what is derived from any
// message does too.
#include <cstdlib>

#include "base/text.hpp"
#include "message/derived.hpp"
#include "message/imap_forms.hpp"

namespace {
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
  const auto back = decode_derived(form);
  if (form.size() > kMostDerivedOctets || !back || encode_derived(*back) != form) std::abort();
  return 0;
}
