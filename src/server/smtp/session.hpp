// Session: one SMTP, submission or LMTP conversation. The loop (session.cpp) reads lines and alone writes replies; each
// command has a file of its own (hello, mail, rcpt, data, bdat, auth, starttls, simple).
//
// An idle session holds this object and its coroutine frames, nothing more: transaction, message and buffers exist only
// while there is a transaction.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "account/authenticator.hpp"
#include "base/log.hpp"
#include "delivery/mda.hpp"
#include "net/give_way.hpp"
#include "net/stream.hpp"
#include "server/smtp/outcome.hpp"
#include "server/smtp/reception.hpp"
#include "server/smtp/server.hpp"
#include "smtp/command.hpp"
#include "smtp/line.hpp"

namespace pabal::server::smtp {

/// What MAIL began: dropping it is RSET.
struct Transaction {
  pabal::smtp::Mail mail;
  std::string id;  ///< the letter's
  std::vector<delivery::Recipient> recipients;
  std::set<std::string> named;   ///< the recipients' addresses
  std::size_t targets = 0;       ///< how many mailboxes the recipients lead to, each counted for itself
  std::unique_ptr<Judge> judge;  ///< once it has begun, until the text comes
  std::size_t repeated_recipients = 0;
  std::size_t refused_recipients = 0;
};

// The phases of a session, each with what it needs.
struct Connected {};     ///< nothing was said yet
struct Greeted {};       ///< no transaction
struct Authenticating {  ///< the next line is a SASL response
  std::unique_ptr<account::SaslExchange> exchange;
  std::optional<account::Account> done;  ///< the mechanism's last word is told; an empty line confirms it
};
struct Envelope {  ///< MAIL was accepted, RCPTs come
  std::unique_ptr<Transaction> transaction;
};
struct Receiving {  ///< after 354: what comes is text up to the lone dot
  std::unique_ptr<Transaction> transaction;
  std::unique_ptr<Reception> reception;
};
struct Chunks {  ///< between BDATs
  std::unique_ptr<Transaction> transaction;
  std::unique_ptr<Reception> reception;
};
struct Broken {};  ///< a BDAT failed; the transaction is gone, RSET leads on
using Phase = std::variant<Connected, Greeted, Authenticating, Envelope, Receiving, Chunks, Broken>;

class Session {
 public:
  /// All must outlive it.
  Session(const Server& server, net::Stream& stream, std::string id, Log log);

  /// The whole conversation. All replies are written when it ends; the caller closes the stream.
  [[nodiscard]] Async<> run();
  [[nodiscard]] const Log& log() const noexcept { return log_; }

 private:
  // The loop, session.cpp.
  [[nodiscard]] Async<bool> greet();
  [[nodiscard]] Async<bool> wait_for_input(std::chrono::milliseconds timeout);
  [[nodiscard]] Async<bool> flush();
  [[nodiscard]] Async<> handle(pabal::smtp::LineSplitter::Event event);
  [[nodiscard]] Async<> run_command(pabal::smtp::Command command);
  [[nodiscard]] Async<> refuse_bdat(pabal::smtp::Bdat bdat, Reply refusal);
  [[nodiscard]] Async<> switch_to_tls();
  void say(const Reply& reply) { reply.append_to(out_); }
  void say_goodbye(int code, std::string_view status, std::string words);
  [[nodiscard]] bool is_too_late();
  void conclude(Outcome outcome);
  void conclude_rcpt(Outcome outcome);
  void refuse_line(Reply reply, bool may_be_bdat);
  void count_error(const Reply& reply);
  [[nodiscard]] std::size_t line_limit() const noexcept;
  [[nodiscard]] std::chrono::milliseconds time_left(std::chrono::milliseconds timeout) const noexcept;

  // The commands, a file each.
  [[nodiscard]] Outcome hello(pabal::smtp::Hello command);
  [[nodiscard]] Async<Outcome> mail(pabal::smtp::Mail command);
  [[nodiscard]] Async<Outcome> rcpt(pabal::smtp::Rcpt command);
  [[nodiscard]] Outcome data();
  [[nodiscard]] Async<Outcome> receive_text();
  [[nodiscard]] Async<Outcome> bdat(pabal::smtp::Bdat command);
  [[nodiscard]] Async<Outcome> auth(pabal::smtp::Auth command);
  [[nodiscard]] Async<Outcome> continue_auth(std::string line);
  [[nodiscard]] Async<Outcome> step_auth(std::optional<std::string> response);
  [[nodiscard]] Outcome starttls();
  [[nodiscard]] Outcome simple(pabal::smtp::Verb verb);
  [[nodiscard]] Outcome vrfy(const pabal::smtp::Vrfy& command) const;

  // message.cpp: from the text to the reply
  [[nodiscard]] std::unique_ptr<Reception> begin_reception(const Transaction& transaction,
                                                           pabal::smtp::Framing framing) const;
  [[nodiscard]] Async<Outcome> deliver(std::unique_ptr<Transaction> transaction, std::unique_ptr<Reception> reception);
  void begin_judging(Transaction& transaction, const Executor& home) const;
  [[nodiscard]] Async<Judgement> judge(std::unique_ptr<Judge> asked, const Transaction* transaction,
                                       std::uint64_t octets);
  [[nodiscard]] Async<std::optional<Reply>> check_authors(std::vector<EmailAddress> authors);
  [[nodiscard]] bool knows_sender(const Judgement& judged) const;
  [[nodiscard]] static Async<Result<void>> take_judgement(delivery::Letter* letter, Judgement* judged);
  [[nodiscard]] delivery::Origin origin_of(const Transaction& transaction) const;
  [[nodiscard]] delivery::Letter letter_of(Transaction& transaction, Reception& reception) const;
  [[nodiscard]] store::OutgoingTerms terms_of(const pabal::smtp::Mail& mail) const;
  void log_message(const std::string& id, const std::string& from, std::size_t recipients, std::uint64_t octets,
                   const std::string& judged, const Reply& reply) const;

  // What is so.
  [[nodiscard]] bool is_own_postmaster(const EmailAddress& address) const;
  [[nodiscard]] pabal::smtp::Situation situation(pabal::smtp::Verb verb) const;
  [[nodiscard]] pabal::smtp::Stage stage() const noexcept;
  [[nodiscard]] bool announces_dsn() const noexcept { return settings_->dsn && settings_->relay; }
  [[nodiscard]] bool may_hold() const noexcept {
    return settings_->relay && listener_->protocol == pabal::smtp::Protocol::submission;
  }
  [[nodiscard]] bool is_lmtp() const noexcept { return listener_->protocol == pabal::smtp::Protocol::lmtp; }
  [[nodiscard]] bool may_start_tls() const;
  [[nodiscard]] std::vector<std::string_view> mechanisms() const;
  [[nodiscard]] account::ClientFacts client_facts() const;
  [[nodiscard]] std::string_view protocol_name(const Transaction& transaction) const noexcept;
  void reset_transaction();

  const Server* server_;
  const Settings* settings_;
  const ListenerSettings* listener_;
  net::Stream* stream_;
  std::string id_;
  Log log_;
  SteadyTime ends_at_;  ///< max_session_time

  Phase phase_;
  pabal::smtp::LineSplitter splitter_;
  std::string out_;        ///< replies not yet written
  std::string helo_;       ///< as the client named itself
  bool extended_ = false;  ///< EHLO or LHLO, not HELO
  bool ended_ = false;
  bool start_tls_ = false;                   ///< once out_ is written
  std::optional<account::Account> account_;  ///< who is authenticated
  std::size_t errors_ = 0;
  std::size_t auth_failures_ = 0;
  std::size_t transactions_ = 0;
  std::size_t early_checks_ = 0;  ///< that began with RCPT since the last accepted message
  std::size_t idle_commands_ = 0;
  std::size_t put_off_ = 0;  ///< RCPTs with a 4yz reply since the last accepted message
  net::Turns turns_{net::kCommandsATurn};
};

}  // namespace pabal::server::smtp
