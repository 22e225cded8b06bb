#include "smtp/verb.hpp"

#include <array>
#include <string>

#include "base/text.hpp"

namespace pabal::smtp {

namespace {

constexpr bool yes = true;
constexpr bool no = false;
//                                               done before: hello  tls  auth  ends group
constexpr std::array kVerbs = {
    VerbFacts{Verb::helo, "HELO", yes, yes, yes, yes, yes},
    VerbFacts{Verb::ehlo, "EHLO", yes, yes, yes, yes, yes},
    VerbFacts{Verb::lhlo, "LHLO", yes, yes, yes, yes, yes},
    VerbFacts{Verb::mail, "MAIL", yes, no, no, no, no},
    VerbFacts{Verb::rcpt, "RCPT", yes, no, no, no, no},
    VerbFacts{Verb::data, "DATA", yes, no, no, no, yes},
    VerbFacts{Verb::bdat, "BDAT", yes, no, no, no, no},
    VerbFacts{Verb::rset, "RSET", yes, yes, no, yes, no},
    VerbFacts{Verb::noop, "NOOP", yes, yes, yes, yes, no},
    VerbFacts{Verb::quit, "QUIT", yes, yes, yes, yes, no},
    VerbFacts{Verb::vrfy, "VRFY", yes, yes, no, no, no},
    VerbFacts{Verb::help, "HELP", yes, yes, no, yes, no},
    VerbFacts{Verb::starttls, "STARTTLS", yes, no, yes, yes, no},
    VerbFacts{Verb::auth, "AUTH", yes, no, no, yes, yes},
    VerbFacts{Verb::expn, "EXPN", no, yes, yes, yes, no},
    VerbFacts{Verb::etrn, "ETRN", no, yes, yes, yes, no},
    VerbFacts{Verb::atrn, "ATRN", no, yes, yes, yes, no},
    VerbFacts{Verb::turn, "TURN", no, yes, yes, yes, no},
    VerbFacts{Verb::send, "SEND", no, yes, yes, yes, no},
    VerbFacts{Verb::soml, "SOML", no, yes, yes, yes, no},
    VerbFacts{Verb::saml, "SAML", no, yes, yes, yes, no},
    VerbFacts{Verb::burl, "BURL", no, yes, yes, yes, no},
};

std::unexpected<Reply> no_because(int code, std::string_view status, std::string words) {
  return std::unexpected(Reply(code, status, std::move(words)));
}

std::unexpected<Reply> bad_sequence(std::string words) { return no_because(503, "5.5.1", std::move(words)); }

std::expected<void, Reply> may_greet(Verb verb, const Situation& now) {
  // RFC 2033 §4.1: an LMTP server must refuse HELO and EHLO, and the others don't know LHLO.
  const bool lmtp = now.protocol == Protocol::lmtp;
  if (lmtp == (verb == Verb::lhlo)) return {};
  return no_because(500, "5.5.1", lmtp ? "This is LMTP: say LHLO" : "This is SMTP: say EHLO");
}

std::expected<void, Reply> may_start_tls(const Situation& now) {
  if (now.tls) return bad_sequence("TLS is active already");
  if (!now.tls_possible) return no_because(502, "5.5.1", "TLS is not available here");
  if (now.stage != Stage::greeted) return bad_sequence("Not within a mail transaction");
  return {};
}

std::expected<void, Reply> may_authenticate(const Situation& now) {
  if (now.authenticated) return bad_sequence("Already authenticated");
  if (!now.auth_offered) {
    if (!now.tls && now.tls_possible) return no_because(538, "5.7.11", "Encryption is needed first: use STARTTLS");
    return no_because(502, "5.5.1", "Authentication is not available here");
  }
  if (now.stage != Stage::greeted) return bad_sequence("Not within a mail transaction");  // RFC 4954 §4
  return {};
}

std::expected<void, Reply> may_send_content(Verb verb, const Situation& now) {
  switch (now.stage) {
    case Stage::connected:
    case Stage::greeted:
      return bad_sequence("MAIL first");
    case Stage::sender:
      // RFC 5321 §3.3, RFC 2920 §3.1; RFC 2033 §4.2 wants 503 in LMTP
      if (now.recipients_refused && now.protocol != Protocol::lmtp) {
        return no_because(554, "5.5.1", "No valid recipients");
      }
      return bad_sequence(now.recipients_refused ? "No valid recipients" : "RCPT first");
    case Stage::recipients:
      if (verb == Verb::data && now.binary) return bad_sequence("BODY=BINARYMIME needs BDAT");  // RFC 3030 §3
      return {};
    case Stage::chunks:
      if (verb == Verb::data) return bad_sequence("DATA and BDAT don't mix");  // RFC 3030 §2
      return {};
    case Stage::broken:
      return bad_sequence("The transaction has failed; RSET first");
  }
  return {};
}

std::expected<void, Reply> may_name_recipient(const Situation& now) {
  switch (now.stage) {
    case Stage::sender:
    case Stage::recipients:
      return {};
    case Stage::chunks:
      return bad_sequence("The message has begun already");
    case Stage::broken:
      return bad_sequence("The transaction has failed; RSET first");
    case Stage::connected:
    case Stage::greeted:
      break;
  }
  return bad_sequence("MAIL first");
}

}  // namespace

const VerbFacts& facts_of(Verb verb) noexcept { return kVerbs[static_cast<std::size_t>(verb)]; }

std::optional<Verb> find_verb(std::string_view name) noexcept {
  for (const auto& entry : kVerbs) {
    if (equal_ignoring_case(entry.name, name)) return entry.verb;
  }
  return std::nullopt;
}

std::expected<void, Reply> may(Verb verb, const Situation& now) {
  const auto& facts = facts_of(verb);
  if (!facts.done) return no_because(502, "5.5.1", "Command not implemented");
  if (now.stage == Stage::connected && !facts.before_hello && now.hello_demanded) {
    return bad_sequence(now.protocol == Protocol::lmtp ? "LHLO first" : "EHLO first");
  }
  if (now.tls_demanded && !now.tls && !facts.before_tls) {
    return no_because(530, "5.7.0", "Must issue a STARTTLS command first");
  }
  if (now.auth_demanded && !now.authenticated && !facts.before_auth) {
    return no_because(530, "5.7.0", "Authentication required");
  }
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::lhlo:
      return may_greet(verb, now);
    case Verb::starttls:
      return may_start_tls(now);
    case Verb::auth:
      return may_authenticate(now);
    case Verb::mail:
      if (now.stage > Stage::greeted) return bad_sequence("The sender is given already; RSET begins anew");
      return {};
    case Verb::rcpt:
      return may_name_recipient(now);
    case Verb::data:
    case Verb::bdat:
      return may_send_content(verb, now);
    default:
      return {};
  }
}

}  // namespace pabal::smtp
