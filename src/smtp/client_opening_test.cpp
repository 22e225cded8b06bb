#include "smtp/client_opening.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::smtp {
namespace {

using Tls = OpeningOptions::Tls;

/// A login that proves the server by saying "proof" last, as SCRAM does.
class ProvingLogin final : public SaslClient {
 public:
  [[nodiscard]] std::string_view mechanism() const noexcept override { return "SCRAM-SHA-256"; }
  [[nodiscard]] bool shows_password() const noexcept override { return false; }
  [[nodiscard]] bool speaks_first() const noexcept override { return true; }
  [[nodiscard]] Result<std::string> answer(std::string_view challenge) override {
    if (challenge == "bad") return fail(ErrorKind::auth, "wrong", "the proof is wrong");
    proved_ = challenge == "proof";
    return proved_ ? std::string() : "to " + std::string(challenge);
  }
  [[nodiscard]] bool may_succeed() const noexcept override { return proved_; }

 private:
  bool proved_ = false;
};

struct OpeningSetup {
  Tls tls = Tls::if_offered;
  std::string_view logins = {};  ///< s, p, l: SCRAM, PLAIN, LOGIN
  bool lmtp = false;
  bool tls_active = false;
  bool show_passwords = false;
  std::size_t password_size = 4;
};

OpeningOptions options_of(const OpeningSetup& setup) {
  OpeningOptions options{.own_name = "us.example",
                         .lmtp = setup.lmtp,
                         .tls = setup.tls,
                         .tls_active = setup.tls_active,
                         .show_passwords = setup.show_passwords};
  const std::string password(setup.password_size, 'x');
  for (const char kind : setup.logins) {
    if (kind == 's') options.logins.push_back(std::make_unique<ProvingLogin>());
    if (kind == 'p') options.logins.push_back(sasl_plain("user", password));
    if (kind == 'l') options.logins.push_back(sasl_login("user", password));
  }
  return options;
}

/// What the client says to a server that gives these replies one after the other ("code text"), and how it ends.
std::string talk(const OpeningSetup& setup, std::string_view replies) {
  ClientOpening opening(options_of(setup));
  ReplyReader reader;
  std::string out;
  while (true) {
    switch (opening.want()) {
      case ClientOpening::Want::write: {
        auto said = opening.take_output();
        if (!said.ends_with("\r\n")) return out + "no line end";
        said.resize(said.size() - 2);
        out += "[" + said.substr(0, 60) + "]";
        break;
      }
      case ClientOpening::Want::start_tls:
        out += "(TLS)";
        opening.tls_started();
        break;
      case ClientOpening::Want::ready:
        return out + " ready: " + opening.offers().text() + (replies.empty() ? "" : " unread");
      case ClientOpening::Want::failed: {
        const auto& why = opening.failure();
        return out + fmt::format(" failed at {}: {}{}{} {}", why.at, why.status, why.lasting ? " lasting" : "",
                                 why.tls ? " tls" : "", why.words);
      }
      case ClientOpening::Want::read: {
        auto got = reader.next(replies);
        if (!got || !*got) return out + " waits";
        const auto shown = opening.take(**got).command;
        if (shown.contains("AHVz") || shown.contains("eHh4")) out += "(a password shown)";
        break;
      }
    }
  }
}

TEST(ClientOpening, Dialogues) {
  struct Case {
    OpeningSetup setup;
    std::string_view replies;
    std::string_view outcome;
  };
  const Case cases[] = {
      {{}, "220 hi\n250-h\n250 DSN\n", "[EHLO us.example] ready: DSN"},
      {{}, "220-hi\n220 you\n250 h\n", "[EHLO us.example] ready: "},
      {{.lmtp = true}, "220 hi\n250-h\n250 DSN\n", "[LHLO us.example] ready: DSN"},
      {{}, "", " waits"},
      {{}, "220 hi\n", "[EHLO us.example] waits"},
      // No mail here, now or ever.
      {{}, "421 busy\n", " failed at greeting: 4.3.2 refused our greeting: 421 busy"},
      {{}, "450 4.7.1 later\n", " failed at greeting: 4.7.1 takes no mail now: 450 4.7.1 later"},
      {{},
       "554 5.7.1 you are listed\n",
       " failed at greeting: 5.7.1 lasting takes no mail now: 554 5.7.1 you are listed"},
      {{}, "521 never\n", " failed at greeting: 5.3.2 lasting takes no mail now: 521 never"},
      {{}, "354 what\n", " failed at greeting: 4.3.2 takes no mail now: 354 what"},
      // EHLO isn't known.
      {{}, "220 hi\n502 what\n250 h\n", "[EHLO us.example][HELO us.example] ready: "},
      {{},
       "220 hi\n502 what\n550 no\n",
       "[EHLO us.example][HELO us.example] failed at HELO: 4.3.0 refused our HELO: 550 no"},
      {{}, "220 hi\n450 not now\n", "[EHLO us.example] failed at EHLO: 4.3.0 refused our EHLO: 450 not now"},
      {{}, "220 hi\n421 4.3.2 stop\n", "[EHLO us.example] failed at EHLO: 4.3.2 refused our EHLO: 421 4.3.2 stop"},
      {{.lmtp = true}, "220 hi\n500 what\n", "[LHLO us.example] failed at LHLO: 4.3.0 refused our LHLO: 500 what"},
      // TLS where offered; what was offered before it counts no more.
      {{},
       "220 hi\n250-h\n250-DSN\n250 STARTTLS\n220 go\n250-h\n250 SIZE\n",
       "[EHLO us.example][STARTTLS](TLS)[EHLO us.example] ready: SIZE"},
      {{}, "220 hi\n250-h\n250 STARTTLS\n454 not now\n", "[EHLO us.example][STARTTLS] ready: STARTTLS"},
      {{}, "220 hi\n250-h\n250 STARTTLS\n502 no\n", "[EHLO us.example][STARTTLS] ready: STARTTLS"},
      {{},
       "220 hi\n250-h\n250 STARTTLS\n421 no\n",
       "[EHLO us.example][STARTTLS] failed at STARTTLS: 4.3.2 refused our STARTTLS: 421 no"},
      {{},
       "220 hi\n250-h\n250 STARTTLS\n220 go\n500 what\n",
       "[EHLO us.example][STARTTLS](TLS)[EHLO us.example] failed at EHLO: 4.3.0 refused our EHLO: 500 what"},
      {{},
       "220 hi\n250-h\n250 STARTTLS\n220 go\n250-h\n250 STARTTLS\n",
       "[EHLO us.example][STARTTLS](TLS)[EHLO us.example] ready: STARTTLS"},
      {{.tls = Tls::never}, "220 hi\n250-h\n250 STARTTLS\n", "[EHLO us.example] ready: STARTTLS"},
      {{.tls = Tls::required},
       "220 hi\n250 h\n",
       "[EHLO us.example] failed at STARTTLS: 4.7.4 tls TLS is required, and the host does not offer it"},
      {{.tls = Tls::required},
       "220 hi\n500 what\n250 h\n",
       "[EHLO us.example][HELO us.example] failed at STARTTLS: 4.7.4 tls TLS is required, and the host does not offer "
       "it"},
      {{.tls = Tls::required},
       "220 hi\n250-h\n250 STARTTLS\n454 4.7.0 not now\n",
       "[EHLO us.example][STARTTLS] failed at STARTTLS: 4.7.0 tls refused our STARTTLS: 454 4.7.0 not now"},
      {{.tls = Tls::required, .tls_active = true},
       "220 hi\n250-h\n250 STARTTLS\n",
       "[EHLO us.example] ready: STARTTLS"},
      // AUTH.
      {{.logins = "p", .tls_active = true},
       "220 hi\n250-h\n250 AUTH LOGIN PLAIN\n235 in\n",
       "[EHLO us.example][AUTH PLAIN AHVzZXIAeHh4eA==] ready: AUTH=LOGIN AUTH=PLAIN"},
      {{.logins = "pl", .tls_active = true},
       "220 hi\n250-h\n250 AUTH LOGIN\n334 VXNlcm5hbWU6\n334 UGFzc3dvcmQ6\n235 in\n",
       "[EHLO us.example][AUTH LOGIN][dXNlcg==][eHh4eA==] ready: AUTH=LOGIN"},
      {{.logins = "l", .tls_active = true},
       "220 hi\n250-h\n250 AUTH LOGIN\n334 Username:\n334 Password:\n235 in\n",
       "[EHLO us.example][AUTH LOGIN][dXNlcg==][eHh4eA==] ready: AUTH=LOGIN"},
      {{.logins = "l", .tls_active = true},
       "220 hi\n250-h\n250 AUTH LOGIN\n334 a\n334 b\n334 c\n",
       "[EHLO us.example][AUTH LOGIN][dXNlcg==][eHh4eA==] failed at AUTH: 4.7.0 the server asks for more than LOGIN "
       "has"},
      {{.logins = "p", .tls_active = true, .password_size = 600},
       "220 hi\n250-h\n250 AUTH PLAIN\n334 \n235 in\n",
       "[EHLO us.example][AUTH PLAIN][AHVzZXIAeHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4] ready: AUTH=PLAIN"},
      {{.logins = "p", .tls_active = true},
       "220 hi\n250-h\n250 AUTH PLAIN\n535 5.7.8 who?\n",
       "[EHLO us.example][AUTH PLAIN AHVzZXIAeHh4eA==] failed at AUTH: 4.7.8 refuses our login: 535 5.7.8 who?"},
      {{.logins = "pl"},
       "220 hi\n250-h\n250 AUTH PLAIN LOGIN\n",
       "[EHLO us.example] failed at AUTH: 4.7.4 without TLS the password is not said"},
      {{.logins = "p", .show_passwords = true},
       "220 hi\n250-h\n250 AUTH PLAIN\n235 in\n",
       "[EHLO us.example][AUTH PLAIN AHVzZXIAeHh4eA==] ready: AUTH=PLAIN"},
      {{.logins = "p", .tls_active = true},
       "220 hi\n250-h\n250 AUTH CRAM-MD5\n",
       "[EHLO us.example] failed at AUTH: 4.7.4 the host offers no way to log in that we know"},
      {{.logins = "p", .tls_active = true},
       "220 hi\n250 h\n",
       "[EHLO us.example] failed at AUTH: 4.7.4 the host offers no way to log in that we know"},
      {{.logins = "sp"},
       "220 hi\n250-h\n250 AUTH PLAIN SCRAM-SHA-256\n334 YQ==\n334 cHJvb2Y=\n235 in\n",
       "[EHLO us.example][AUTH SCRAM-SHA-256 dG8g][dG8gYQ==][] ready: AUTH=PLAIN AUTH=SCRAM-SHA-256"},
      {{.logins = "s"},
       "220 hi\n250-h\n250 AUTH SCRAM-SHA-256\n235 in\n",
       "[EHLO us.example][AUTH SCRAM-SHA-256 dG8g] failed at AUTH: 4.7.0 the host has not proved that it knows the "
       "password"},
      {{.logins = "s"},
       "220 hi\n250-h\n250 AUTH SCRAM-SHA-256\n334 YmFk\n",
       "[EHLO us.example][AUTH SCRAM-SHA-256 dG8g] failed at AUTH: 4.7.0 the proof is wrong"},
      {{.logins = "s"},
       "220 hi\n250-h\n250 AUTH SCRAM-SHA-256\n334 not base64\n",
       "[EHLO us.example][AUTH SCRAM-SHA-256 dG8g] failed at AUTH: 4.7.0 the host's challenge is malformed"},
      // Nothing is believed that came before TLS.
      {{.logins = "p"},
       "220 hi\n250-h\n250-STARTTLS\n250 AUTH PLAIN\n220 go\n250 h\n",
       "[EHLO us.example][STARTTLS](TLS)[EHLO us.example] failed at AUTH: 4.7.4 the host offers no way to log in that "
       "we know"},
      // Unfit: what follows the last reply stays for the transactions.
      {{}, "220 hi\n250 h\n250 more\n", "[EHLO us.example] ready:  unread"},
  };
  for (const auto& [setup, replies, outcome] : cases) EXPECT_EQ(talk(setup, replies), outcome) << replies;
}

TEST(ClientOpening, ALoginOfAnyLengthIsHidden) {
  for (const std::size_t size : {1U, 100U, 300U, 370U, 380U, 1000U}) {
    const auto said = talk({.logins = "p", .tls_active = true, .password_size = size},
                           "220 hi\n250-h\n250 AUTH PLAIN\n334 \n235 in\n");
    EXPECT_FALSE(said.contains("shown")) << said;
  }
}

}  // namespace
}  // namespace pabal::smtp
