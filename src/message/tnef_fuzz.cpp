// TNEF: whatever the octets, ranges lie within them and texts are UTF-8.
#include <cstdlib>

#include "base/text.hpp"
#include "message/tnef.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string octets("\x78\x9F\x3E\x22\x01\x00", 6);
  octets.append(reinterpret_cast<const char*>(data), size);
  const auto tnef = pabal::message::read_tnef(octets);
  if (!pabal::is_utf8(tnef.subject) || !pabal::is_utf8(tnef.text) || !pabal::is_utf8(tnef.html)) std::abort();
  for (const auto& attachment : tnef.attachments) {
    if (attachment.begin > octets.size() || attachment.size > octets.size() - attachment.begin) std::abort();
    if (!pabal::is_utf8(attachment.name) || !pabal::is_utf8(attachment.type)) std::abort();
  }
  return 0;
}
