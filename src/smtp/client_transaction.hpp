// ClientTransaction: one mail transaction as its client sees it (RFC 5321 §3.3, RFC 2033 for LMTP, RFC 2920, RFC 3030),
// without sockets: it says what to write and when to read, takes the replies, and knows at any moment what is to become
// of each recipient. Time-outs (§4.5.3.2) are the driver's.
//
//   while (t.want() != Want::done)
//     write: send take_output()                 text:  send the letter by TextEncoder(dots), then text_sent()
//     read:  take() the next reply, or lost()   chunk: send begin_chunk(…) and so many octets, then chunk_sent()
//
// Whatever a server says, in whatever order: at the end each recipient has one outcome, and `delivered` has none
// without a 2xx that came when all of the data was out.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/client_reply.hpp"

namespace pabal::smtp {

/// What became of a recipient in one attempt.
enum class Fate : std::uint8_t {
  delivered,  ///< the server has taken responsibility
  passing,    ///< not now: try again later
  lasting,    ///< never
  /// The connection ended when all data were out and no reply had come: perhaps the server has it (RFC 1047). It has to
  /// be sent again.
  in_doubt,
  /// The connection had been used before and was gone before this transaction was answered at all (or it takes no
  /// more of them): to be tried at once on a new one. No attempt.
  untried,
};
[[nodiscard]] std::string_view name_of(Fate fate) noexcept;

class ClientTransaction {
 public:
  struct Options {
    bool lmtp = false;         ///< a reply a recipient behind the data
    bool pipelining = false;   ///< the server offers it
    bool chunking = false;     ///< send by BDAT
    bool reset_first = false;  ///< the transaction before ended so that a RSET is due
    bool used_before = false;  ///< the connection had a transaction already
    std::size_t group = 100;   ///< commands that go out before their replies are read, with pipelining
    std::size_t chunks = 4;    ///< likewise for chunks
  };
  struct Outcome {
    Fate fate = Fate::passing;
    ClientReply reply;  ///< the server's, or where `ours` the words given to lost(), or ours
    bool ours = false;
    std::string_view at;  ///< "RCPT TO", "end of data"…; static lifetime; empty before anything was asked
  };
  enum class Want : std::uint8_t { write, read, text, chunk, done };
  /// What a reply is waited for; RFC 5321 §4.5.3.2 has a time-out for each.
  enum class Waiting : std::uint8_t { reset, mail, recipient, data, chunk, end };

  /// Commands without their CRLF; at least one recipient.
  ClientTransaction(std::string mail, std::vector<std::string> recipients, Options options);

  [[nodiscard]] Want want() const noexcept;
  [[nodiscard]] std::string take_output() { return std::exchange(output_, {}); }
  /// Where want() is `text`: all of the letter and the final dot are out.
  void text_sent();
  /// Where want() is `chunk`: the BDAT command with its CRLF, for a chunk of so many octets.
  [[nodiscard]] std::string begin_chunk(std::size_t octets, bool last);
  /// The chunk is out.
  void chunk_sent();

  /// What the reply answers.
  struct Answered {
    std::string command;  ///< as sent; "." for the end of data; empty: nothing had been asked
    std::string_view at;  ///< as in Outcome
  };
  /// A reply came. It may come at any time, also unasked.
  Answered take(const ClientReply& reply);
  /// The connection has ended, or has to: nothing more can be read or written. Recipients without an outcome get
  /// `words`, which say why.
  void lost(const ClientReply& words);

  /// Whether some of what was asked is not answered yet.
  [[nodiscard]] bool awaits_reply() const noexcept { return !expected_.empty(); }
  /// With `read`: what for.
  [[nodiscard]] Waiting waiting() const noexcept;
  /// One for each recipient, complete with `done`.
  [[nodiscard]] const std::vector<std::optional<Outcome>>& outcomes() const noexcept { return outcomes_; }
  /// `done`: nothing more may be asked on this connection.
  [[nodiscard]] bool broken() const noexcept { return broken_; }
  /// `done`: a RSET must come before the next transaction.
  [[nodiscard]] bool needs_reset() const noexcept { return open_; }
  /// All of the data is out, the end of it included.
  [[nodiscard]] bool data_out() const noexcept { return data_out_; }

 private:
  enum class Phase : std::uint8_t { envelope, text, chunks, ending, over };
  struct Expected {
    Waiting what;
    std::size_t recipient = 0;  ///< of `recipient`, and of `end` in LMTP
    bool counts = true;         ///< false: an empty letter's, which nobody gets
    std::string command = {};   ///< of chunks
  };

  void ask(Waiting what, std::string_view command, std::size_t recipient = 0);
  void ask_group();
  void go_on();
  void begin_data();
  void take_mail(const ClientReply& reply);
  void take_recipient(std::size_t number, const ClientReply& reply);
  void take_data(const ClientReply& reply);
  void take_chunk(const ClientReply& reply);
  void take_end(const Expected& expected, const ClientReply& reply);
  void take_unasked(const ClientReply& reply);
  void expect_end(const std::string& command);
  void settle(std::size_t number, Fate fate, const ClientReply& reply, bool ours, std::string_view at);
  void settle_all(Fate fate, const ClientReply& reply, bool ours, std::string_view at);
  /// The server does not keep to the protocol.
  void give_up(const ClientReply& reply, std::string_view at);
  void finish();
  [[nodiscard]] std::size_t awaiting() const noexcept;  ///< recipients that were accepted and have no outcome
  [[nodiscard]] Answered describe(const Expected& expected) const;

  std::string mail_;
  std::vector<std::string> recipients_;
  Options options_;
  Phase phase_ = Phase::envelope;
  std::string output_;
  std::deque<Expected> expected_;
  std::vector<std::optional<Outcome>> outcomes_;
  std::vector<bool> accepted_;  ///< RCPT was answered by 2xx
  std::size_t asked_ = 0;       ///< recipients whose RCPT was written
  bool mail_asked_ = false;
  bool mail_refused_ = false;
  bool data_asked_ = false;
  bool heard_ = false;  ///< a reply to something other than RSET
  bool open_ = false;   ///< the server is within a transaction
  bool in_chunk_ = false;
  bool last_begun_ = false;
  bool chunk_refused_ = false;
  bool data_out_ = false;
  bool broken_ = false;
};

}  // namespace pabal::smtp
