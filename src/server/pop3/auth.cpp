// AUTH (RFC 5034): a SASL exchange in base64 lines.
#include "base/wiped.hpp"
#include "codec/base64.hpp"
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

namespace {

// More steps than any mechanism has.
constexpr int kMaxSteps = 16;

Answer list_mechanisms(Session& session) {
  std::string lines;
  for (const auto name : session.shared().logins->mechanisms(session.client())) lines.append(name).append("\r\n");
  lines.append(".\r\n");
  return {.reply = yes(Text::mechanisms), .body = std::move(lines)};
}

// What a line of the client means: octets, or an answer that ends the exchange.
std::variant<std::string, Answer> read_response(const std::string& line) {
  if (line == "*") return Answer{.reply = no(Text::authentication_cancelled)};
  auto octets = codec::decode_base64(line);
  if (!octets) return Answer{.reply = no(Text::response_malformed), .is_error = true};
  return std::move(*octets);
}

}  // namespace

Async<Answer> auth(Session* session, Command command) {
  const WipeAtEnd wiped_command(command.initial_response);
  // AUTH alone lists what may be used: from before RFC 5034, and still asked by some clients.
  if (command.argument.empty()) co_return list_mechanisms(*session);

  auto exchange = session->shared().logins->begin(command.argument, session->client());
  if (!exchange) {
    const bool plain = command.argument == "PLAIN" || command.argument == "LOGIN";
    if (plain && !session->facts().plaintext_allowed)
      co_return Answer{.reply = no(Text::tls_needed, Code::auth), .is_error = true};
    co_return Answer{.reply = no(Text::mechanism_unknown), .is_error = true};
  }

  std::optional<std::string> response;
  const WipeAtEnd wiped_response(response);
  if (command.initial_response) {
    // RFC 5034 §4: a single "=" is an empty initial response.
    auto octets = read_response(*command.initial_response == "=" ? std::string() : *command.initial_response);
    if (auto* answer = std::get_if<Answer>(&octets)) co_return std::move(*answer);
    response = std::move(std::get<std::string>(octets));
  }

  std::optional<account::Account> account;
  for (int steps = 0; steps < kMaxSteps; ++steps) {
    std::string challenge;
    if (!account) {
      auto step = co_await (*exchange)->step(std::move(response));
      if (!step) co_return co_await session->log_in(pass(step));
      if (auto* success = std::get_if<account::SaslExchange::Success>(&*step)) {
        account = std::move(success->account);
        if (success->final_octets.empty()) co_return co_await session->log_in(std::move(*account));
        // RFC 5034 §4: a success has no room for data, so they go as a challenge, and the answer to it is empty.
        challenge = std::move(success->final_octets);
      } else {
        challenge = std::move(std::get<account::SaslExchange::Challenge>(*step).octets);
      }
    }
    auto line = co_await session->challenge(std::move(challenge));
    const WipeAtEnd wiped_line(line);
    if (!line) co_return Answer{.reply = no(Text::authentication_cancelled), .then = Answer::Then::end};
    auto octets = read_response(*line);
    if (auto* answer = std::get_if<Answer>(&octets)) co_return std::move(*answer);
    response = std::move(std::get<std::string>(octets));
    if (account) {
      if (!response->empty()) co_return Answer{.reply = no(Text::response_malformed), .is_error = true};
      co_return co_await session->log_in(std::move(*account));
    }
  }
  co_return Answer{.reply = no(Text::response_malformed), .is_error = true};
}

}  // namespace pabal::server::pop3
