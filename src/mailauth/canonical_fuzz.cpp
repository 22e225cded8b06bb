// Canonical forms: any piecing gives the same octets, and what is canonical stays as it is.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mailauth/canonical.hpp"

namespace {

using namespace pabal::mailauth;

std::string canonical(Canonicalization form, std::string_view octets, std::size_t piece) {
  std::string out;
  CanonicalBody body(form, [&out](std::string_view part) { out += part; });
  while (!octets.empty()) {
    body.take(octets.substr(0, piece));
    octets.remove_prefix(std::min(piece, octets.size()));
  }
  body.end();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 16U + 1;
  const std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const auto form : {Canonicalization::simple, Canonicalization::relaxed}) {
    const auto whole = canonical(form, octets, SIZE_MAX);
    if (canonical(form, octets, piece) != whole) std::abort();
    if (canonical(form, octets, 1) != whole) std::abort();
    // White space behind the last line end stands for itself once, and at a line's end then.
    const bool open = octets.ends_with(' ') || octets.ends_with('\t');
    if (!open && canonical(form, whole, SIZE_MAX) != whole) std::abort();
    if (!whole.empty() && !whole.ends_with("\r\n")) std::abort();
    // Fields come with CRLF alone: LetterReading sees to that.
    std::string crlf;
    for (const char c : octets) {
      if (c == '\n' && !crlf.ends_with('\r')) crlf += '\r';
      crlf += c;
    }
    std::string field;
    canonical_field(form, crlf, field);
    std::string again;
    canonical_field(form, field, again);
    if (again != field) std::abort();
  }
  return 0;
}
