// Whole sessions over a real store on a disk in memory: octets from a client in each state. The first four octets
// choose the state and what is switched on, how the input is cut and what goes before it, which operation of the stream
// fails, and which of the store's statements. Whatever comes: what is said are whole responses, the store stays sound,
// and each run is like the other.
#include <cstdint>
#include <cstdlib>

#include "account/scripted_logins.hpp"
#include "net/deflate.hpp"
#include "net/memory_stream.hpp"
#include "net/test_support.hpp"
#include "server/imap/server.hpp"
#include "store/store_fixture.hpp"

namespace {

using namespace pabal;

void check(bool holds) {
  if (!holds) std::abort();
}

constexpr std::string_view kLetters[] = {
    "From: Bob <bob@busan.example>\r\nSubject: one\r\nDate: Sun, 22 Nov 2026 10:00:00 +0900\r\n\r\nHello\r\n",
    "Subject: =?UTF-8?B?7YyM67Cc?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
    "text\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx\r\n--b\r\nContent-Transfer-Encoding: "
    "base64\r\n\r\nAAEC\r\n--b--\r\n",
    "no header\nbare\rlines\x80\r\n",
};

store::DeliveryTarget inbox() {
  auto target = store::TestStore::target(7);
  target.prefix = "X: y\r\n";
  return target;
}

// A disk with one account and three letters.
MemoryFileSystem& clean_disk() {
  static const auto disk = [] {
    auto made = std::make_unique<MemoryFileSystem>();
    store::TestStore store(*made);
    check(store.open().has_value());
    check(store->create_account(store::TestStore::place(7), std::nullopt).has_value());
    int number = 0;
    for (const auto letter : kLetters) {
      check(store.deliver(std::to_string(++number), letter, {inbox()}).has_value());
    }
    return made;
  }();
  return *disk;
}

std::string opening(unsigned state) {
  constexpr std::string_view kLogin = "L1 LOGIN alice@seoul.example demo\r\n";
  std::string words;
  if ((state & 3U) != 0) words = kLogin;
  if ((state & 4U) != 0) words += "L2 ENABLE IMAP4rev2\r\n";
  if ((state & 8U) != 0) words += "L3 ENABLE UTF8=ACCEPT CONDSTORE QRESYNC\r\n";
  if ((state & 3U) == 2) words += "L4 SELECT INBOX\r\n";
  if ((state & 3U) == 3) words += "L4 EXAMINE INBOX\r\n";
  return words;
}

// Behind COMPRESS=DEFLATE (RFC 4978) the input as a client would send it, or as octets that nobody has deflated.
constexpr unsigned kCompressed = 9;
constexpr unsigned kNotCompressed = 10;

// What a session in a mailbox may have begun with, besides; where it makes no sense it is refused.
std::string_view beginning(unsigned which) {
  switch (which) {
    case 1:
      return "L5 ENABLE UIDONLY\r\n";
    case 2:
      return "L5 IDLE\r\n";
    case 3:
      return "L5 NOTIFY SET STATUS (selected (MessageNew (UID FLAGS BODY.PEEK[1]) MessageExpunge FlagChange)) "
             "(personal "
             "(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange))\r\n";
    case 4:
      return "L5 NOTIFY SET (selected-delayed (MessageNew MessageExpunge)) (inboxes (MessageNew MessageExpunge))\r\n";
    case 5:
      return "L5 FETCH 1 MODSEQ\r\n";
    case 6:
      return "L5 ENABLE QRESYNC UIDONLY\r\nL6 SELECT INBOX (QRESYNC (1 1 1:9))\r\n";
    case 7:
      return "L5 SEARCH RETURN (SAVE) 1:2\r\nL6 UID SEARCH RETURN (UPDATE COUNT) UNSEEN\r\n";
    case 8:
      return "L5 UID STORE 2 +FLAGS.SILENT (\\Deleted)\r\nL6 LANGUAGE ko\r\n";
    case kCompressed:
    case kNotCompressed:
      return "L5 COMPRESS DEFLATE\r\n";
    default:
      return "";
  }
}

std::string deflated(std::string_view input) {
  std::string out;
  net::Deflater deflater;
  deflater.write(input, out);
  return out;
}

// What is said behind the answer to COMPRESS, as the client reads it.
std::string inflated(std::string_view said) {
  constexpr std::string_view kBegins = "\r\nL5 OK ";
  const auto answer = said.find(kBegins);
  if (answer == std::string_view::npos) return std::string(said);
  const auto end = said.find("\r\n", answer + 2) + 2;
  std::string out(said.substr(0, end));
  said.remove_prefix(end);
  net::Inflater inflater;
  for (bool more = !said.empty(); more;) {
    constexpr std::size_t kMost = 1 << 16;
    const auto before = said.size();
    const auto had = out.size();
    check(inflater.read(said, out, kMost).has_value());
    more = !said.empty() || out.size() - had == kMost;
    check(!more || said.size() < before || out.size() > had);
  }
  return out;
}

// Lines that end with CRLF, each literal as long as it says.
bool well_formed(std::string_view said) {
  while (!said.empty()) {
    const auto end = said.find("\r\n");
    if (end == std::string_view::npos) return false;
    const auto line = said.substr(0, end);
    said.remove_prefix(end + 2);
    const auto open = line.rfind('{');
    if (open == std::string_view::npos || !line.ends_with('}')) continue;
    std::size_t size = 0;
    bool number = open + 2 < line.size();
    for (const char c : line.substr(open + 1, line.size() - open - 2)) {
      number = number && c >= '0' && c <= '9';
      size = size * 10 + static_cast<std::size_t>(c - '0');
    }
    // Words that someone chose to end so are no literal.
    if (!number || !line.starts_with("* ")) continue;
    if (size > said.size()) return false;
    said.remove_prefix(size);
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 4, size - 4);
  static const RealClock clock;
  static Metrics metrics;

  auto disk = clean_disk().copy();
  store::TestStore store(*disk);
  if (data[3] != 0) store.failure.statement = data[3];
  if (!store.open()) return 0;
  account::ScriptedLogins logins;
  server::imap::Server server(logins, *store, clock, metrics,
                              {.max_command_octets = 3000,
                               .window_bytes = 200,
                               .max_message_bytes = 2000,
                               .max_messages_in_append = 3,
                               .literal_plus = (data[0] & 32U) != 0});
  const unsigned which = data[1] >> 4U;
  net::MemoryStreamOptions options{
      .input = {opening(data[0]).append(beginning(which)), which == kCompressed ? deflated(input) : std::string(input)},
      .piece_limit = 1UL + (data[1] & 15U) * 64UL};
  if ((data[0] & 16U) == 0) options.peer = net::Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 4000);
  net::MemoryStream stream(std::move(options));
  if (data[2] != 0) stream.fail_at(data[2], ErrorKind::io);
  net::run_to_end(
      server.serve(&stream, {.id = "fuzz", .log = Log()}, {.starttls = (data[0] & 64U) != 0, .tls = nullptr}));

  const auto& out = stream.written();
  check(stream.is_closed());
  check(data[2] != 0 || out.starts_with("* OK "));
  const bool compresses = which == kCompressed || which == kNotCompressed;
  check(data[2] != 0 || data[3] != 0 || well_formed(compresses ? inflated(out) : out));
  if ((data[0] & 128U) != 0 && data[3] == 0) check(store.check().empty());
  return 0;
}
