// A client against a server that says anything: the opening ends, and so do transactions on it; each recipient has one
// outcome, and none is delivered without a 2xx that came when all of the data was out.
#include <cstdint>
#include <string>
#include <string_view>

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

Run transact(Server& server, ClientTransaction& t, unsigned chunks, bool impatient) {
  bool positive_after_data = false;
  unsigned begun = 0;
  for (int steps = 0; t.want() != ClientTransaction::Want::done; ++steps) {
    if (steps > 100'000) __builtin_trap();
    const auto read = [&] {
      const auto reply = server.next();
      if (!reply) {
        t.lost({.code = 451, .status = "4.4.2", .text = "gone"});
        return;
      }
      if (t.data_out() && reply->is_positive()) positive_after_data = true;
      static_cast<void>(t.take(*reply));
    };
    switch (t.want()) {
      case ClientTransaction::Want::write:
        check_lines(t.take_output());
        break;
      case ClientTransaction::Want::text:
        if (impatient) read();
        if (t.want() == ClientTransaction::Want::text) t.text_sent();
        break;
      case ClientTransaction::Want::chunk: {
        const bool last = ++begun >= chunks;
        check_lines(t.begin_chunk(10, last));
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
  for (const auto& outcome : t.outcomes()) {
    if (!outcome) __builtin_trap();
    if (outcome->fate == Fate::delivered && (!positive_after_data || !outcome->reply.is_positive())) __builtin_trap();
    if (outcome->fate == Fate::in_doubt && !t.data_out()) __builtin_trap();
    if (outcome->fate != Fate::delivered && outcome->reply.is_positive()) __builtin_trap();
  }
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
    ClientTransaction t("MAIL FROM:<>", std::vector<std::string>(recipients, "RCPT TO:<x@y.example>"), transaction);
    const auto run = transact(server, t, 1U + ((data[2] >> 2) & 3U), (data[1] & 128) != 0);
    if (run.broken) break;
    transaction.used_before = true;
    transaction.reset_first = run.needs_reset;
  }
  return 0;
}
