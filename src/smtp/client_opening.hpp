// ClientOpening: a client's session up to its first transaction (RFC 5321 §3.1 and §3.2, RFC 2033, RFC 3207, RFC 4954):
// greeting, EHLO or LHLO (or HELO, where EHLO isn't known), STARTTLS and EHLO anew, AUTH. Without sockets: it says what
// to write and when to read.
//
//   while (true) switch (o.want())
//     write: send take_output()        start_tls: shake hands, then tls_started(); where that fails it is over
//     read:  take() the next reply     ready, failed: the end
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/capabilities.hpp"
#include "smtp/client_reply.hpp"
#include "smtp/sasl_client.hpp"

namespace pabal::smtp {

struct OpeningOptions {
  enum class Tls : std::uint8_t { never, if_offered, required };

  std::string own_name;  ///< for EHLO: a domain or an address literal in brackets
  bool lmtp = false;
  Tls tls = Tls::if_offered;
  bool tls_active = false;  ///< TLS from the first octet (RFC 8314): no STARTTLS
  /// To log in with: the first whose mechanism the server offers. None: no AUTH.
  std::vector<std::unique_ptr<SaslClient>> logins = {};
  bool show_passwords = false;  ///< also without TLS (loopback, Unix sockets)
};

class ClientOpening {
 public:
  enum class Want : std::uint8_t { write, read, start_tls, ready, failed };
  /// Why it failed.
  struct Failure {
    std::optional<ClientReply> reply;  ///< where the server said why
    std::string status;                ///< "4.7.4"
    std::string words;
    std::string_view at;   ///< "greeting", "EHLO", …; static lifetime
    bool lasting = false;  ///< this host takes no mail, ever (RFC 5321 §3.1, RFC 7504)
    bool tls = false;      ///< for want of TLS
  };
  struct Answered {
    std::string command;  ///< as sent, without secrets; empty for the greeting
    std::string_view at;
  };

  explicit ClientOpening(OpeningOptions options);

  [[nodiscard]] Want want() const noexcept;
  [[nodiscard]] std::string take_output() { return std::exchange(output_, {}); }
  Answered take(const ClientReply& reply);
  void tls_started();

  /// What is waited for with `read`: the greeting, or a reply to what was written.
  [[nodiscard]] bool waits_for_greeting() const noexcept { return phase_ == Phase::greeting; }
  [[nodiscard]] std::string_view waits_for() const noexcept { return name_of_phase(); }
  [[nodiscard]] const Capabilities& offers() const noexcept { return offers_; }
  [[nodiscard]] const Failure& failure() const noexcept { return failure_; }

 private:
  enum class Phase : std::uint8_t { greeting, ehlo, helo, starttls, handshake, auth, ready, failed };

  void say(Phase phase, std::string command);
  void say_hello();
  void take_hello(const ClientReply& reply);
  void take_auth(const ClientReply& reply);
  void after_hello();
  void begin_auth();
  void answer(std::string_view challenge, std::string_view before);
  void fail_with(Failure failure);
  void refused(const ClientReply& reply, std::string_view status, std::string_view at);
  [[nodiscard]] std::string_view name_of_phase() const noexcept;

  OpeningOptions options_;
  Phase phase_ = Phase::greeting;
  std::string output_;
  std::string shown_;  ///< the command that is being answered
  Capabilities offers_;
  Failure failure_;
  SaslClient* login_ = nullptr;
  std::string pending_;  ///< an initial response that waits for a 334
  bool tls_active_;
  bool tls_given_up_ = false;
};

}  // namespace pabal::smtp
