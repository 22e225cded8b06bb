// PLAIN messages: what parses has a user and a password and is the message again when it is put together.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "account/sasl_plain.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const auto parsed = pabal::account::parse_plain(message);
  if (!parsed) return 0;
  if (parsed->user.empty() || parsed->password.empty()) std::abort();
  if (parsed->authzid + '\0' + parsed->user + '\0' + parsed->password != message) std::abort();
  return 0;
}
