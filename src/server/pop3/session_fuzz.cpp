// A whole session over a stream in memory, with scripted accounts and mailbox. The first four octets choose where the
// client is, how the input is cut, and which operation of stream or store fails. Whatever comes: replies are whole
// lines, and letters are removed only if the session says so.
#include <cstdint>
#include <cstdlib>

#include "base/text.hpp"
#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "server/pop3/scripted_services.hpp"
#include "server/pop3/server.hpp"

namespace {

using namespace pabal;
using namespace pabal::server::pop3;

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 4, size - 4);

  static const RealClock clock;
  static Metrics metrics;
  ScriptedLogins logins;
  ScriptedMailboxes mailboxes;
  mailboxes.add("From: a\r\n\r\n.hello\r\n");
  mailboxes.add("");
  mailboxes.add("no line end\n.\n.");
  mailboxes.add("Subject: \xEC\x95\x88\xEB\x85\x95\r\n\r\n" + std::string(300, '.') + "\r\n.\r\n");
  mailboxes.in_memory = (data[0] & 4) != 0;
  logins.unavailable = (data[0] & 8) != 0;
  std::size_t operations = 0;
  mailboxes.before = [&operations, fails = data[1]](std::string_view) -> Result<void> {
    if (++operations == fails) return fail(ErrorKind::io, "disk");
    return {};
  };

  // Pieces end where the input has an octet 0xFE, which no command may hold.
  std::vector<std::string> pieces;
  for (const auto piece : split(input, '\xFE')) pieces.emplace_back(piece);
  net::MemoryStreamOptions options{.input = std::move(pieces), .piece_limit = 1UL + data[2]};
  if ((data[0] & 1) != 0) options.peer = net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000);
  net::MemoryStream stream(std::move(options));
  if (data[3] != 0) stream.fail_at(data[3], ErrorKind::io);

  Server server(logins, mailboxes, clock, metrics, {.window_bytes = 100, .read_ahead = 3});
  net::run_to_end(
      server.serve(&stream, {.id = "fuzz", .log = Log()}, {.starttls = (data[0] & 2) != 0, .tls = nullptr}));

  const auto& out = stream.written();
  check(stream.is_closed());
  check(mailboxes.alive == 0);
  check(data[3] != 0 || (out.starts_with("+OK ") && out.ends_with("\r\n")));
  const bool said_removed =
      out.find(" messages removed\r\n") != std::string::npos ||
      out.find("\xEC\xA7\x80\xEC\x9B\xA0\xEC\x8A\xB5\xEB\x8B\x88\xEB\x8B\xA4") != std::string::npos;
  check(said_removed || data[3] != 0 || mailboxes.letters.size() == 4);
  return 0;
}
