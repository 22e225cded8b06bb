// SCRAM messages: the input is a client-first-message, a zero octet, and a client-final-message.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "account/scram.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::account;
  static const ScramVerifier verifier = make_scram_verifier(ScramHash::sha256, "pencil", "salt-of-16-octet", 1);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto end = input.find('\0');
  const auto first = input.substr(0, end);
  const auto final_message = end == std::string_view::npos ? std::string_view() : input.substr(end + 1);
  for (const bool plus : {false, true}) {
    ScramServer server(ScramHash::sha256, {.plus = plus, .plus_offered = plus, .exporter = "exporter"}, "server");
    const auto user = server.client_first(first);
    if (!user) continue;
    if (user->name.empty()) std::abort();
    if (server.challenge(verifier).find("server,s=") == std::string::npos) std::abort();
    // Nobody guesses a proof.
    if (server.client_final(final_message)) std::abort();
  }
  return 0;
}
