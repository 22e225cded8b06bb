#include "smtp/command.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "smtp/parameters.hpp"

namespace pabal::smtp {

namespace {

using Parsed = std::expected<Command, Reply>;

constexpr std::size_t kLongestHello = 255;
constexpr std::size_t kMostParameters = 32;

std::unexpected<Reply> refuse(int code, std::string_view status, std::string words) {
  return std::unexpected(Reply(code, status, std::move(words)));
}

Parsed parse_hello(Verb verb, std::string_view argument) {
  const auto is_fit = [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7F; };
  if (argument.empty()) return refuse(501, "5.5.4", "Say who you are: a domain name or an address literal");
  if (argument.size() > kLongestHello || !std::ranges::all_of(argument, is_fit)) {
    return refuse(501, "5.5.4", "That is no domain name or address literal");
  }
  return Hello{.verb = verb, .name = std::string(argument)};
}

// What stands behind "FROM:" or "TO:"; nothing if that isn't there.
std::optional<std::string_view> behind(std::string_view argument, std::string_view word, const ParseRules& rules) {
  if (!starts_with_ignoring_case(argument, word)) return std::nullopt;
  argument.remove_prefix(word.size());
  if (rules.spaces_after_colon) argument.remove_prefix(std::min(argument.find_first_not_of(' '), argument.size()));
  return argument;
}

Parsed parse_mail(std::string_view argument, const ParseRules& rules) {
  const auto text = behind(argument, "FROM:", rules);
  if (!text) return refuse(501, "5.5.4", "The form is MAIL FROM:<address>");
  const auto path = cut_path(*text, rules.missing_brackets);
  if (!path) return refuse(501, "5.1.7", "The form is MAIL FROM:<address>");
  Mail mail;
  if (!path->mailbox.empty()) {
    auto sender = EmailAddress::parse(path->mailbox);
    if (!sender) return refuse(501, "5.1.7", sender.error().peer);
    mail.sender = *std::move(sender);
  }
  const auto parameters = cut_parameters(path->rest);
  if (!parameters || parameters->size() > kMostParameters) return refuse(501, "5.5.4", "Syntax error in parameters");
  if (auto applied = apply_parameters(*parameters, rules, mail); !applied) return std::unexpected(applied.error());
  if (mail.sender && mail.sender->needs_smtputf8() && !mail.smtputf8) {
    return refuse(550, "5.6.7", "This sender address needs the SMTPUTF8 parameter");  // RFC 6531 §3.5
  }
  return mail;
}

constexpr std::size_t kMostRewritten = 200;  ///< octets of a local part

Parsed parse_rcpt(std::string_view argument, const ParseRules& rules) {
  const auto text = behind(argument, "TO:", rules);
  if (!text) return refuse(501, "5.5.4", "The form is RCPT TO:<address>");
  const auto path = cut_path(*text, rules.missing_brackets);
  if (!path || path->mailbox.empty()) return refuse(501, "5.1.3", "The form is RCPT TO:<address>");
  Rcpt rcpt;
  if (!equal_ignoring_case(path->mailbox, "postmaster")) {
    // What a forwarder made of a long address is longer than any other (SRS); its notices must find back.
    const bool rewritten = starts_with_ignoring_case(path->mailbox, "SRS");
    auto recipient =
        EmailAddress::parse(path->mailbox, rewritten ? kMostRewritten : EmailAddress::max_local_part_octets);
    if (!recipient) return refuse(501, "5.1.3", recipient.error().peer);
    rcpt.recipient = *std::move(recipient);
  }
  const auto parameters = cut_parameters(path->rest);
  if (!parameters || parameters->size() > kMostParameters) return refuse(501, "5.5.4", "Syntax error in parameters");
  if (auto applied = apply_parameters(*parameters, rules, rcpt); !applied) return std::unexpected(applied.error());
  return rcpt;
}

Parsed parse_bdat(std::string_view argument) {
  const auto space = argument.find(' ');
  const auto size = parse_decimal(argument.substr(0, space));
  Bdat bdat;
  bool well_formed = size.has_value();
  bdat.size = size.value_or(0);
  if (space != std::string_view::npos) {
    bdat.last = equal_ignoring_case(trim(argument.substr(space)), "LAST");
    well_formed = well_formed && bdat.last;
  }
  if (!well_formed) return refuse(501, "5.5.4", "The form is BDAT size [LAST]");
  return bdat;
}

Parsed parse_auth(std::string_view argument) {
  const auto space = argument.find(' ');
  const auto mechanism = argument.substr(0, space);
  // RFC 4422 §3.1: sasl-mech
  const auto is_fit = [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; };
  if (mechanism.empty() || mechanism.size() > 20 || !std::ranges::all_of(mechanism, is_fit)) {
    return refuse(501, "5.5.4", "The form is AUTH mechanism [initial-response]");
  }
  Auth auth{.mechanism = to_upper(mechanism), .initial = std::nullopt};
  if (space != std::string_view::npos) {
    const auto initial = argument.substr(space + 1);
    if (initial.contains(' ')) return refuse(501, "5.5.4", "The form is AUTH mechanism [initial-response]");
    auth.initial = std::string(initial);
  }
  return auth;
}

Parsed parse_plain(Verb verb, std::string_view argument) {
  const bool any_argument = verb == Verb::noop || verb == Verb::help || !facts_of(verb).done;
  if (!argument.empty() && !any_argument) return refuse(501, "5.5.4", "This command takes no argument");
  return Plain{verb};
}

}  // namespace

Verb verb_of(const Command& command) noexcept {
  struct Visitor {
    Verb operator()(const Hello& hello) const noexcept { return hello.verb; }
    Verb operator()(const Mail& /*mail*/) const noexcept { return Verb::mail; }
    Verb operator()(const Rcpt& /*rcpt*/) const noexcept { return Verb::rcpt; }
    Verb operator()(const Bdat& /*bdat*/) const noexcept { return Verb::bdat; }
    Verb operator()(const Auth& /*auth*/) const noexcept { return Verb::auth; }
    Verb operator()(const Vrfy& /*vrfy*/) const noexcept { return Verb::vrfy; }
    Verb operator()(const Plain& plain) const noexcept { return plain.verb; }
  };
  return std::visit(Visitor(), command);
}

Parsed parse_command(std::string_view line, const ParseRules& rules) {
  const auto space = line.find(' ');
  const auto verb = find_verb(line.substr(0, space));
  if (!verb) return refuse(500, "5.5.2", "Unknown command");
  std::string_view argument = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  // RFC 5321 §4.1.1: white space before the line's end is to be tolerated.
  while (argument.ends_with(' ') || argument.ends_with('\t')) argument.remove_suffix(1);

  switch (*verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::lhlo:
      return parse_hello(*verb, argument);
    case Verb::mail:
      return parse_mail(argument, rules);
    case Verb::rcpt:
      return parse_rcpt(argument, rules);
    case Verb::bdat:
      return parse_bdat(argument);
    case Verb::auth:
      return parse_auth(argument);
    case Verb::vrfy:
      if (argument.empty()) return refuse(501, "5.5.4", "Whom?");
      return Vrfy{std::string(argument)};
    default:
      return parse_plain(*verb, argument);
  }
}

bool looks_like_http(std::string_view line) noexcept {
  constexpr std::array<std::string_view, 8> methods = {"GET ",  "POST ",    "PUT ",    "CONNECT ",
                                                       "HEAD ", "OPTIONS ", "DELETE ", "PATCH "};
  return std::ranges::any_of(methods, [&](std::string_view method) { return line.starts_with(method); });
}

}  // namespace pabal::smtp
