// One POP3 connection. The session has what its phase needs; commands look at it, change its phase, and
// give back what is to be said. Only the loop in session.cpp writes.
#pragma once
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/give_way.hpp"
#include "pop3/command.hpp"
#include "pop3/maildrop.hpp"
#include "pop3/multiline.hpp"
#include "pop3/reply.hpp"
#include "pop3/rules.hpp"
#include "server/common/connection.hpp"
#include "server/pop3/server.hpp"

namespace pabal::server::pop3 {

namespace grammar = pabal::pop3;
using grammar::Code;
using grammar::Command;
using grammar::no;
using grammar::Reply;
using grammar::Text;
using grammar::Verb;
using grammar::yes;

/// What the sessions of a server share.
struct Shared : common::Shared {
  Shared(Logins& who, Mailboxes& where, const Clock& time, Metrics& metrics, Limits settings);

  Logins* logins;
  Mailboxes* mailboxes;
  Limits limits;
  Counter retrieved;
  Counter removed;
};

/// Messages opened before they are asked for, for clients that take one after another.
class ReadAhead {
 public:
  /// The message's octets if they are here; what was opened before it is given up.
  [[nodiscard]] std::unique_ptr<store::EmailOctets> take(std::uint64_t number);
  /// Which numbers to open, `number` first: several if the client seems to go through the mailbox.
  [[nodiscard]] std::vector<std::uint64_t> plan(const grammar::Maildrop& drop, std::uint64_t number,
                                                const Limits& limits) const;
  void put(std::uint64_t number, std::unique_ptr<store::EmailOctets> octets);
  void clear() noexcept;

 private:
  struct Opened {
    std::uint64_t number;
    std::unique_ptr<store::EmailOctets> octets;
  };
  std::deque<Opened> opened_;
  std::uint64_t last_ = 0;   ///< the last one that was asked for
  bool sequential_ = false;  ///< it was the one behind the last before
};

/// Before the login: the name that USER gave.
struct Authorization {
  std::optional<std::string> name;
};
/// After it.
struct Transaction {
  store::Place place;
  MailboxId mailbox;
  grammar::Maildrop drop;
  ReadAhead ahead;
};

/// A message on its way out.
struct MessageBody {
  std::unique_ptr<store::EmailOctets> octets;
  std::optional<grammar::TopCutter> top;
};
/// What follows the status line: nothing, lines with their final dot, a listing, or a message.
using Body = std::variant<std::monostate, std::string, grammar::ListingBody, MessageBody>;

/// What a command gives back.
struct Answer {
  enum class Then : std::uint8_t { go_on, begin_tls, end };
  Reply reply;
  Body body = {};
  Then then = Then::go_on;
  bool is_error = false;  ///< counts towards max_errors
};

class Session : public common::Connection {
 public:
  /// `stream` must outlive the session.
  Session(Shared& shared, net::Stream& stream, net::SessionFacts facts, Policy policy);

  [[nodiscard]] Async<> run();

  // For the commands.
  [[nodiscard]] grammar::Facts facts() const;
  [[nodiscard]] Shared& shared() noexcept { return *shared_; }
  /// Only in their phase, which the command table sees to.
  [[nodiscard]] Authorization& authorization() { return std::get<Authorization>(phase_); }
  [[nodiscard]] Transaction& transaction() { return std::get<Transaction>(phase_); }
  /// The answer to a command that names this message, where there is none or it is marked; else nothing.
  [[nodiscard]] std::optional<Answer> without_message(std::uint64_t number);
  /// The end of a login: opens the mailbox. `account` is who it was, or why not.
  [[nodiscard]] Async<Answer> log_in(Result<account::Account> account);
  /// Sends "+ text" and waits for the client's line. Nothing: the connection is at its end.
  [[nodiscard]] Async<std::optional<std::string>> ask(std::string text);
  /// The message as this client can read it: as it is; with its header sections in ASCII where it didn't say UTF8 (RFC
  /// 6856); in lines where it is binary (RFC 3030). LIST and STAT tell the size as it is stored; RETR tells what it
  /// sends. Or what is to be said instead.
  [[nodiscard]] Async<std::expected<std::unique_ptr<store::EmailOctets>, Answer>> open_for_client(std::uint64_t number);
  void set_language(grammar::Language language) noexcept { language_ = language; }
  [[nodiscard]] grammar::Language language() const noexcept { return language_; }
  void set_utf8() noexcept { utf8_ = true; }

 private:
  /// Opens the message, and those behind it if it seems fit. Null: it is gone.
  [[nodiscard]] Async<Result<std::unique_ptr<store::EmailOctets>>> open(std::uint64_t number);
  [[nodiscard]] Async<Result<std::unique_ptr<store::EmailOctets>>> in_clients_form(
      std::unique_ptr<store::EmailOctets> octets);
  [[nodiscard]] Async<bool> serve_line(Result<Command> command);
  [[nodiscard]] Async<bool> respond(Answer answer);
  [[nodiscard]] Async<bool> send_message(MessageBody body, std::size_t reply_at);
  [[nodiscard]] Async<bool> append_window(store::EmailOctets* octets, std::uint64_t offset, std::size_t count);
  [[nodiscard]] Async<bool> send_listing(grammar::ListingBody body);
  [[nodiscard]] Async<bool> begin_tls();
  [[nodiscard]] Async<bool> wait_for_input();
  void say(const Reply& reply) { append(out(), reply, language_); }
  void relax() noexcept;

  Shared* shared_;
  std::variant<Authorization, Transaction> phase_;
  net::Turns turns_{net::kCommandsATurn};
  std::uint64_t retrieved_ = 0;
  grammar::Language language_ = grammar::Language::english;
  bool utf8_ = false;
  bool skipping_ = false;  ///< the rest of a line that was too long
};

}  // namespace pabal::server::pop3
