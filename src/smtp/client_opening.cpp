#include "smtp/client_opening.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/base64.hpp"

namespace pabal::smtp {

namespace {
// RFC 4954 §4: an initial response that makes the line too long is sent on a line of its own. Other lines may have
// 12,288 octets (§4.3).
constexpr std::size_t kLongestCommand = 510;
constexpr std::size_t kLongestChallenge = 12'288;
}  // namespace

ClientOpening::ClientOpening(OpeningOptions options) : options_(std::move(options)), tls_active_(options_.tls_active) {}

ClientOpening::Want ClientOpening::want() const noexcept {
  if (!output_.empty()) return Want::write;
  switch (phase_) {
    case Phase::handshake:
      return Want::start_tls;
    case Phase::ready:
      return Want::ready;
    case Phase::failed:
      return Want::failed;
    default:
      return Want::read;
  }
}

std::string_view ClientOpening::name_of_phase() const noexcept {
  switch (phase_) {
    case Phase::greeting:
      return "greeting";
    case Phase::ehlo:
      return options_.lmtp ? "LHLO" : "EHLO";
    case Phase::helo:
      return "HELO";
    case Phase::starttls:
      return "STARTTLS";
    case Phase::auth:
      return "AUTH";
    default:
      return "";
  }
}

void ClientOpening::say(Phase phase, std::string command) {
  phase_ = phase;
  shown_ = command;
  output_ = std::move(command) + "\r\n";
}

void ClientOpening::say_hello() {
  say(Phase::ehlo, fmt::format("{} {}", options_.lmtp ? "LHLO" : "EHLO", options_.own_name));
}

void ClientOpening::fail_with(Failure failure) {
  phase_ = Phase::failed;
  output_.clear();
  failure_ = std::move(failure);
}

void ClientOpening::refused(const ClientReply& reply, std::string_view status, std::string_view at) {
  Failure failure{.reply = reply, .status = std::string(status), .words = {}, .at = at};
  // The server's own code tells more, made one of passing failures: another try may meet another host, or another day.
  if (!reply.status.empty() && reply.status.front() != '2') failure.status = "4" + reply.status.substr(1);
  failure.words = fmt::format("refused our {}: {}", at, reply.line());
  fail_with(std::move(failure));
}

ClientOpening::Answered ClientOpening::take(const ClientReply& reply) {
  Answered answered{.command = std::move(shown_), .at = name_of_phase()};
  shown_.clear();
  if (reply.says_goodbye()) {
    refused(reply, "4.3.2", answered.at);
    return answered;
  }
  switch (phase_) {
    case Phase::greeting:
      if (reply.is_positive()) {
        say_hello();
        break;
      }
      refused(reply, "4.3.2", answered.at);
      failure_.words = fmt::format("takes no mail now: {}", reply.line());
      // RFC 5321 §3.1 and RFC 7504 §3: there is no mail service here.
      failure_.lasting = reply.code == 554 || reply.code == 521;
      if (failure_.lasting) failure_.status.front() = '5';
      break;
    case Phase::ehlo:
    case Phase::helo:
      take_hello(reply);
      break;
    case Phase::starttls:
      if (reply.is_positive()) {
        phase_ = Phase::handshake;
      } else if (options_.tls == OpeningOptions::Tls::required) {
        refused(reply, "4.7.4", answered.at);
        failure_.tls = true;
      } else {
        tls_given_up_ = true;
        after_hello();
      }
      break;
    case Phase::auth:
      take_auth(reply);
      break;
    case Phase::handshake:
    case Phase::ready:
    case Phase::failed:
      break;
  }
  return answered;
}

void ClientOpening::take_hello(const ClientReply& reply) {
  const auto at = name_of_phase();
  if (reply.is_positive()) {
    offers_ = phase_ == Phase::ehlo ? parse_capabilities(reply) : Capabilities();
    after_hello();
  } else if (reply.is_lasting() && phase_ == Phase::ehlo && !options_.lmtp && !tls_active_) {
    // RFC 5321 §3.2: a server that doesn't know EHLO. One that spoke it before TLS does.
    say(Phase::helo, fmt::format("HELO {}", options_.own_name));
  } else {
    refused(reply, "4.3.0", at);
  }
}

void ClientOpening::after_hello() {
  if (!tls_active_ && !tls_given_up_ && options_.tls != OpeningOptions::Tls::never) {
    if (offers_.starttls) {
      say(Phase::starttls, "STARTTLS");
      return;
    }
    if (options_.tls == OpeningOptions::Tls::required) {
      fail_with({.reply = std::nullopt,
                 .status = "4.7.4",
                 .words = "TLS is required, and the host does not offer it",
                 .at = "STARTTLS",
                 .lasting = false,
                 .tls = true});
      return;
    }
  }
  begin_auth();
}

void ClientOpening::tls_started() {
  if (phase_ != Phase::handshake) return;
  tls_active_ = true;
  // RFC 3207 §4.2: what was said before is forgotten.
  offers_ = {};
  say_hello();
}

void ClientOpening::begin_auth() {
  if (options_.logins.empty()) {
    phase_ = Phase::ready;
    return;
  }
  bool only_unsafe = false;
  for (const auto& login : options_.logins) {
    if (!offers_.has_mechanism(login->mechanism())) continue;
    only_unsafe = login->shows_password() && !tls_active_ && !options_.show_passwords;
    if (only_unsafe) continue;
    login_ = login.get();
    break;
  }
  if (login_ == nullptr) {
    fail_with({.reply = std::nullopt,
               .status = "4.7.4",
               .words = only_unsafe ? "without TLS the password is not said"
                                    : "the host offers no way to log in that we know",
               .at = "AUTH"});
    return;
  }
  const auto begin = fmt::format("AUTH {}", login_->mechanism());
  if (login_->speaks_first()) {
    answer("", begin);
  } else {
    say(Phase::auth, begin);
  }
}

/// `before`: the command that an initial response goes with; empty for an answer to a challenge.
void ClientOpening::answer(std::string_view challenge, std::string_view before) {
  const auto said = login_->answer(challenge);
  if (!said) {
    // RFC 4954 §4: "*" cancels; here the whole connection is of no use.
    fail_with({.reply = std::nullopt, .status = "4.7.0", .words = said.error().log, .at = "AUTH"});
    return;
  }
  auto text = codec::base64(*said);
  if (before.empty()) {
    say(Phase::auth, std::move(text));
    shown_ = "(answer)";
    return;
  }
  if (text.empty()) text = "=";  // RFC 4954 §4
  if (before.size() + 1 + text.size() > kLongestCommand) {
    output_ = fmt::format("{}\r\n", before);
    shown_ = before;
    phase_ = Phase::auth;
    pending_ = std::move(text);
    return;
  }
  say(Phase::auth, fmt::format("{} {}", before, text));
  shown_ = fmt::format("{} (hidden)", before);
}

void ClientOpening::take_auth(const ClientReply& reply) {
  if (reply.is_positive()) {
    if (login_->may_succeed()) {
      phase_ = Phase::ready;
    } else {
      fail_with({.reply = reply,
                 .status = "4.7.0",
                 .words = "the host has not proved that it knows the password",
                 .at = "AUTH"});
    }
    return;
  }
  if (reply.code != 334) {
    refused(reply, "4.7.8", "AUTH");
    failure_.words = fmt::format("refuses our login: {}", reply.line());
    return;
  }
  if (!pending_.empty()) {
    say(Phase::auth, std::exchange(pending_, {}));
    shown_ = "(answer)";
    return;
  }
  auto challenge = reply.text.size() > kLongestChallenge || reply.cut
                       ? Result<std::string>(fail(ErrorKind::limit, "too long"))
                       : codec::decode_base64(trim(reply.text));
  // LOGIN's challenges mean nothing, and some servers send them as they are.
  if (!challenge && login_->mechanism() == "LOGIN") challenge = std::string();
  if (!challenge) {
    fail_with({.reply = reply, .status = "4.7.0", .words = "the host's challenge is malformed", .at = "AUTH"});
    return;
  }
  answer(*challenge, "");
}

}  // namespace pabal::smtp
