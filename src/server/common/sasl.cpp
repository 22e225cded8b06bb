#include "server/common/sasl.hpp"

#include "base/wiped.hpp"
#include "codec/base64.hpp"

namespace pabal::server::common {

namespace {
constexpr int kMaxSteps = 16;
}  // namespace

Async<SaslEnd> run_sasl(account::SaslExchange* exchange, std::optional<std::string> initial, AskClient ask) {
  const WipeAtEnd wiped_initial(initial);
  std::optional<std::string> response;
  const WipeAtEnd wiped_response(response);
  if (initial) {
    auto octets = codec::decode_base64(*initial == "=" ? std::string_view() : *initial);
    if (!octets) co_return SaslStop::not_base64;
    response = std::move(*octets);
  }
  std::optional<account::Account> account;
  for (int steps = 0; steps < kMaxSteps; ++steps) {
    std::string challenge;
    if (!account) {
      auto step = co_await exchange->step(std::move(response));
      if (!step) co_return SaslEnd(pass(step));
      if (auto* success = std::get_if<account::SaslExchange::Success>(&*step)) {
        account = std::move(success->account);
        if (success->final_octets.empty()) co_return SaslEnd(std::move(*account));
        challenge = std::move(success->final_octets);
      } else {
        challenge = std::move(std::get<account::SaslExchange::Challenge>(*step).octets);
      }
    }
    auto line = co_await ask(codec::base64(challenge));
    const WipeAtEnd wiped_line(line);
    if (!line) co_return SaslStop::no_line;
    if (*line == "*") co_return SaslStop::cancelled;
    auto octets = codec::decode_base64(*line);
    if (!octets) co_return SaslStop::not_base64;
    response = std::move(*octets);
    if (account) {
      if (!response->empty()) co_return SaslStop::not_empty;
      co_return SaslEnd(std::move(*account));
    }
  }
  co_return SaslStop::too_many_steps;
}

}  // namespace pabal::server::common
