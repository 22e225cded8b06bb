#include "mailauth/base64_value.hpp"

#include "codec/base64.hpp"

namespace pabal::mailauth {

Result<std::string> decode_base64_value(std::string_view bare) {
  std::string padded(bare);
  while (padded.size() % 4 != 0) padded += '=';
  return codec::decode_base64(padded);
}

}  // namespace pabal::mailauth
