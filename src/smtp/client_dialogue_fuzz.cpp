// A client against a server that says anything: the opening ends, and so do transactions on it; each recipient has one
// outcome, which stands on the reply to a command that decides about it, and none is delivered without a 2xx to the end
// of the data that came when all of it was out.
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/client_commands.hpp"
#include "smtp/client_opening.hpp"
#include "smtp/client_transaction.hpp"

namespace {

using namespace pabal::smtp;

/// The server's octets, as replies.
class Server {
 public:
  explicit Server(std::string_view octets) : octets_(octets) {}
  std::optional<ClientReply> next() {
    auto reply = reader_.next(octets_);
    return reply && *reply ? *reply : std::nullopt;
  }

 private:
  std::string_view octets_;
  ReplyReader reader_;
};

void check_lines(std::string_view said) {
  if (!said.ends_with("\r\n")) __builtin_trap();
}

bool open(Server& server, ClientOpening& opening) {
  for (int steps = 0;; ++steps) {
    if (steps > 100'000) __builtin_trap();
    switch (opening.want()) {
      case ClientOpening::Want::write:
        check_lines(opening.take_output());
        break;
      case ClientOpening::Want::start_tls:
        opening.tls_started();
        break;
      case ClientOpening::Want::ready:
        return true;
      case ClientOpening::Want::failed:
        if (opening.failure().status.size() < 5 || opening.failure().words.empty()) __builtin_trap();
        return false;
      case ClientOpening::Want::read: {
        const auto reply = server.next();
        if (!reply) return false;
        static_cast<void>(opening.take(*reply));
        break;
      }
    }
  }
}

struct Run {
  bool broken = false;
  bool needs_reset = false;
};

void demand(bool holds) {
  if (!holds) __builtin_trap();
}

/// What was asked on the wire, and which reply answers it, counted here without the dialogue's help: one for each
/// command in their order (RFC 5321 §4.1.1.1, RFC 2920 §3.1), and in LMTP one behind the data for each recipient that
/// was accepted (RFC 2033 §4.2). Each reply carries its number as its text, so that each outcome tells on which reply
/// it stands.
class Ledger {
 public:
  Ledger(bool lmtp, std::size_t recipients) : lmtp_(lmtp), accepted_(recipients) {}

  void wrote(std::string_view said) {
    check_lines(said);
    while (!said.empty()) {
      const auto end = said.find("\r\n");
      asked_.push_back({.command = std::string(said.substr(0, end)), .recipient = kNobody});
      if (said.starts_with("RCPT")) asked_.back().recipient = rcpts_++;
      said.remove_prefix(end + 2);
    }
  }
  /// The end of the data is asked for, by the final dot or the last chunk.
  void end_asked(const std::string& command) {
    if (!lmtp_) {
      asked_.push_back({.command = command, .recipient = kNobody, .ends = true});
      return;
    }
    for (std::size_t i = 0; i < accepted_.size(); ++i) {
      if (accepted_[i]) asked_.push_back({.command = command, .recipient = i, .ends = true});
    }
  }
  void chunk_asked(const std::string& command) { asked_.push_back({.command = command, .recipient = kNobody}); }

  /// Hands a reply to the dialogue and looks what it takes it for.
  void hear(ClientTransaction& t, ClientReply reply) {
    Heard heard{.asked = {}, .code = reply.code, .data_out = t.data_out()};
    const bool unasked = asked_.empty();
    if (!unasked) {
      heard.asked = std::move(asked_.front());
      asked_.pop_front();
    }
    reply.text = std::to_string(heard_.size());
    if (heard.asked.recipient != kNobody && !heard.asked.ends) accepted_[heard.asked.recipient] = reply.is_positive();
    const auto answered = t.take(reply);
    demand(answered.command == heard.asked.command);
    demand(!unasked || answered.at.empty());
    heard_.push_back(std::move(heard));
  }

  /// Each outcome stands on a reply to what decides about it.
  void check(const ClientTransaction& t) const {
    for (std::size_t i = 0; i < t.outcomes().size(); ++i) {
      demand(t.outcomes()[i].has_value());
      const auto& outcome = *t.outcomes()[i];
      demand(outcome.fate != Fate::in_doubt || t.data_out());
      demand((outcome.fate == Fate::delivered) == outcome.reply.is_positive());
      if (outcome.ours) {
        demand(outcome.fate != Fate::delivered);
        continue;
      }
      const auto& heard = heard_.at(static_cast<std::size_t>(std::stoul(outcome.reply.text)));
      demand(heard.code == outcome.reply.code);
      if (outcome.fate == Fate::delivered) {
        // Accepted, and taken by the reply to all of the data: in LMTP by that for this very recipient.
        demand(heard.asked.ends && heard.data_out && heard.code / 100 == 2 && accepted_[i]);
        demand(!lmtp_ || heard.asked.recipient == i);
        continue;
      }
      // A refusal that was said about another recipient is none of this one, unless it ends everything.
      // Nor does anything but a refusal refuse; a RSET that isn't done leaves the letter untried, whatever is said.
      demand(heard.code >= 400 || (outcome.fate == Fate::untried && heard.asked.command == "RSET"));
      // One that comes before the data is out can't be LMTP's word on one recipient: it is about the letter.
      const bool about_all = heard.asked.recipient == kNobody || (heard.asked.ends && !heard.data_out);
      demand(about_all || heard.asked.recipient == i || heard.code == 421);
    }
    // Nobody asks anything more where a reply is still to come: it would be taken for the next one's.
    demand(t.broken() || asked_.empty());
  }

 private:
  static constexpr std::size_t kNobody = SIZE_MAX;
  struct Asked {
    std::string command;
    std::size_t recipient = kNobody;  ///< that this is about alone
    bool ends = false;                ///< the data
  };
  struct Heard {
    Asked asked;  ///< without a command: nothing was
    int code;
    bool data_out;
  };

  bool lmtp_;
  std::vector<bool> accepted_;
  std::size_t rcpts_ = 0;
  std::deque<Asked> asked_;
  std::vector<Heard> heard_;
};

Run transact(Server& server, ClientTransaction& t, Ledger& ledger, unsigned chunks, bool impatient) {
  unsigned begun = 0;
  for (int steps = 0; t.want() != ClientTransaction::Want::done; ++steps) {
    demand(steps <= 100'000);
    const auto read = [&] {
      auto reply = server.next();
      if (reply) {
        ledger.hear(t, *std::move(reply));
      } else {
        t.lost({.code = 451, .status = "4.4.2", .text = "gone"});
      }
    };
    switch (t.want()) {
      case ClientTransaction::Want::write:
        ledger.wrote(t.take_output());
        break;
      case ClientTransaction::Want::text:
        if (impatient) read();
        if (t.want() == ClientTransaction::Want::text) {
          t.text_sent();
          ledger.end_asked(".");
        }
        break;
      case ClientTransaction::Want::chunk: {
        const bool last = ++begun >= chunks;
        const auto command = t.begin_chunk(10, last);
        check_lines(command);
        const auto line = command.substr(0, command.size() - 2);
        last ? ledger.end_asked(line) : ledger.chunk_asked(line);
        if (impatient) read();
        if (t.want() != ClientTransaction::Want::done) t.chunk_sent();
        break;
      }
      case ClientTransaction::Want::read:
        read();
        break;
      case ClientTransaction::Want::done:
        break;
    }
  }
  ledger.check(t);
  return {.broken = t.broken(), .needs_reset = t.needs_reset()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  Server server({reinterpret_cast<const char*>(data) + 3, size - 3});
  OpeningOptions options{.own_name = "us.example",
                         .lmtp = (data[0] & 1) != 0,
                         .tls = static_cast<OpeningOptions::Tls>((data[0] >> 1) % 3),
                         .tls_active = (data[0] & 8) != 0,
                         .show_passwords = (data[0] & 16) != 0};
  if ((data[0] & 32) != 0) options.logins.push_back(sasl_plain("user", "password"));
  if ((data[0] & 64) != 0) options.logins.push_back(sasl_login("user", "password"));
  const bool lmtp = options.lmtp;
  ClientOpening opening(std::move(options));
  if (!open(server, opening)) return 0;
  const auto& offers = opening.offers();
  ClientTransaction::Options transaction{.lmtp = lmtp,
                                         .pipelining = offers.pipelining,
                                         .chunking = offers.chunking,
                                         .group = 1U + (data[1] & 7U),
                                         .chunks = 1U + ((data[1] >> 3) & 3U)};
  for (int letters = 0; letters < 3; ++letters) {
    const auto recipients = 1U + (data[2] & 3U);
    std::vector<std::string> commands;
    commands.reserve(recipients);
    for (unsigned i = 0; i < recipients; ++i) commands.push_back("RCPT TO:<" + std::to_string(i) + "@y.example>");
    ClientTransaction t("MAIL FROM:<>", std::move(commands), transaction);
    Ledger ledger(lmtp, recipients);
    const auto run = transact(server, t, ledger, 1U + ((data[2] >> 2) & 3U), (data[1] & 128) != 0);
    if (run.broken) break;
    transaction.used_before = true;
    transaction.reset_first = run.needs_reset;
  }
  return 0;
}
