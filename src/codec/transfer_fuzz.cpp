// Body decoders on any octets: never more output than input, linear, and what the encoders write comes back.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "codec/body_decoder.hpp"
#include "codec/transfer.hpp"

namespace {

// In two pieces, cut where the octets say, it is the same.
void check_pieces(pabal::codec::TransferEncoding encoding, std::string_view text) {
  using namespace pabal::codec;
  const auto cut = text.empty() ? 0 : static_cast<unsigned char>(text.front()) * text.size() / 256;
  BodyDecoder decoder(encoding);
  std::string out;
  decoder.decode(text.substr(0, cut), out);
  decoder.decode(text.substr(cut), out);
  decoder.finish(out);
  if (out != decode_body(encoding, text).octets) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::codec;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (decode_base64_body(octets).octets.size() > size) std::abort();
  const auto wide = decode_base64_body(octets);
  for (const auto machine : {Base64Machine::table, Base64Machine::sse41}) {
    const auto other = decode_base64_body_as(machine, octets);
    if (other.octets != wide.octets || other.damaged != wide.damaged) std::abort();
  }
  if (decode_quoted_printable(octets).octets.size() > size) std::abort();
  if (decode_base64_body(octets, size / 3).octets.size() > size / 3) std::abort();
  if (decode_base64_body(encode_base64_body(octets)).octets != octets) std::abort();
  if (decode_quoted_printable(encode_quoted_printable(octets)).octets != octets) std::abort();
  if (decode_quoted_printable(encode_quoted_printable(octets, true)).octets != octets) std::abort();
  check_pieces(TransferEncoding::base64, octets);
  check_pieces(TransferEncoding::quoted_printable, octets);
  return 0;
}
