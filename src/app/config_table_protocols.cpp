// The settings of listeners, certificates and each protocol.
#include <fmt/format.h>

#include "address/email_address.hpp"
#include "app/config_kinds.hpp"
#include "app/config_table.hpp"
#include "base/text.hpp"

namespace pabal::app {
namespace {

using namespace kinds;
using namespace std::chrono_literals;

std::optional<net::Network> network(const std::string& written, const ReadContext&) {
  auto parsed = net::Network::parse(written);
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}

std::vector<Setting<ListenerDraft>> make_listener_settings() {
  using L = ListenerDraft;
  std::vector<Setting<L>> all;
  const auto word = [](std::vector<std::string_view> words) {
    std::vector<Choice<std::string>> choices;
    choices.reserve(words.size());
    for (const auto w : words) choices.push_back({w, std::string(w)});
    return choices;
  };
  all.push_back(choice<L>(
      {"listener", "protocol", "What is spoken there. Must be given."}, [](L& l) -> auto& { return l.protocol; },
      word({"smtp", "submission", "lmtp", "imap", "pop3", "managesieve", "http", "metrics"})));
  all.push_back(from_text<L>(
      {"listener", "address",
       "An IP address (\"::\" takes IPv6 alone; make a second listener for IPv4), or \"unix:PATH\"."},
      "text", "an IP address or \"unix:PATH\"", [](L& l) -> auto& { return l.settings.address; },
      [](std::string& value, const std::string& written, const ReadContext& context) {
        if (written.starts_with("unix:") && written.size() > 5 && !written.contains('\0')) {
          value = "unix:" + context.path(written.substr(5));
          return true;
        }
        if (!is_address(written)) return false;
        value = written;
        return true;
      },
      itself));
  all.push_back({.section = "listener",
                 .name = "port",
                 .type = "number",
                 .range = "a whole number from 1 to 65535",
                 .default_text = "",
                 .doc = "Without it the protocol's own: smtp 25, submission 587 or with implicit TLS 465, lmtp 24, "
                        "imap 143 or 993, pop3 110 or 995, "
                        "managesieve 4190, http 80 or 443, metrics 9464. Not for Unix sockets.",
                 .live = false,
                 .set = [](L& l, const Value& value, const ReadContext&) -> std::string {
                   const auto* written = std::get_if<std::int64_t>(&value);
                   if (written == nullptr || *written < 1 || *written > 65535) return "a whole number from 1 to 65535";
                   l.port = *written;
                   return {};
                 },
                 .copy = [](L& to, const L& from) { to.port = from.port; },
                 .get = [](const L& l) { return l.port ? fmt::to_string(*l.port) : ""; }});
  all.push_back(choice<L>(
      {"listener", "tls",
       "\"off\", \"starttls\" (the client asks for it), or \"implicit\" (from the first octet). Without it "
       "\"starttls\" for smtp, "
       "submission, imap, pop3 and managesieve, else \"off\"."},
      [](L& l) -> auto& { return l.tls; }, word({"off", "starttls", "implicit"})));
  all.push_back(from_text<L>(
      {"listener", "mode",
       "Who may connect to a Unix socket: the mode of its file, in octal. Without it 0777 less the umask. Its owner is "
       "whoever starts the server."},
      "text", "an octal mode from \"0600\" to \"0777\"", [](L& l) -> auto& { return l.settings.unix_mode; },
      [](std::optional<unsigned>& value, const std::string& written, const ReadContext&) {
        unsigned mode = 0;
        for (const char c : written) {
          if (c < '0' || c > '7' || mode > 0777) return false;
          mode = mode * 8 + static_cast<unsigned>(c - '0');
        }
        if (written.empty() || mode < 0600 || mode > 0777) return false;
        value = mode;
        return true;
      },
      [](const std::optional<unsigned>& value) { return value ? fmt::format("{:04o}", *value) : std::string(); }));
  all.push_back(list<L>(
      {"listener", "proxy_protocol",
       "Networks of the proxies whose PROXY header (version 1 or 2) is believed and demanded; connections from "
       "elsewhere are then closed.",
       true},
      "networks, like \"10.0.0.0/8\"", [](L& l) -> auto& { return l.settings.proxy_protocol; }, network,
      [](const net::Network& n) { return n.text(); }));
  all.push_back(boolean<L>(
      {"listener", "allow_plaintext_auth",
       "Take passwords on connections without TLS, too. Connections whose both ends are loopback always may.", true},
      [](L& l) -> auto& { return l.settings.allow_plaintext_auth; }));
  all.push_back(boolean<L>({"listener", "require_tls",
                            "Refuse all but STARTTLS and greetings before TLS (RFC 3207). For smtp, submission and "
                            "lmtp; not for a server that "
                            "takes mail from the whole Internet.",
                            true},
                           [](L& l) -> auto& { return l.settings.require_tls; }));
  return all;
}

std::vector<Setting<net::CertificateFiles>> make_certificate_settings() {
  using F = net::CertificateFiles;
  std::vector<Setting<F>> all;
  all.push_back(path<F>({"tls", "certificate",
                         "PEM file: the certificate and those between it and its root. None: a self-signed one for the "
                         "hostname is made in the data "
                         "folder at the first start.",
                         true},
                        [](F& f) -> auto& { return f.certificate; }));
  all.push_back(
      path<F>({"tls", "key", "PEM file of the certificate's key.", true}, [](F& f) -> auto& { return f.key; }));
  return all;
}

}  // namespace

std::vector<Setting<Config>> protocol_settings() {
  using C = Config;
  std::vector<Setting<Config>> all;
  const auto add = [&](Setting<Config> setting) { all.push_back(std::move(setting)); };
  add(size<C>(
      {"smtp", "max_message_size", "The biggest message: announced (SIZE), and enforced while reading."},
      [](C& c) -> auto& { return c.smtp.max_message_size; }, 64 << 10, 4ULL << 30));
  add(number<C>(
      {"smtp", "max_recipients", "Recipients of one message; RFC 5321 asks for 100 at least."},
      [](C& c) -> auto& { return c.smtp.max_recipients; }, 100, 100'000));
  add(number<C>(
      {"smtp", "max_mailboxes",
       "Mailboxes that the recipients of one message may lead to, all aliases together; more come with the next "
       "message."},
      [](C& c) -> auto& { return c.smtp.max_mailboxes; }, 100, 10'000'000));
  add(number<C>(
      {"smtp", "max_command_line", "Octets of a command line with its end; RFC 5321 asks for 512 at least."},
      [](C& c) -> auto& { return c.smtp.max_command_line; }, 512, 65536));
  add(number<C>(
      {"smtp", "max_auth_line", "Octets of a line of an AUTH exchange; RFC 4954 has 12288."},
      [](C& c) -> auto& { return c.smtp.max_auth_line; }, 512, 65536));
  add(boolean<C>({"smtp", "long_lines", "Take text lines of any length; false: only up to max_text_line."},
                 [](C& c) -> auto& { return c.smtp.long_lines; }));
  add(number<C>(
      {"smtp", "max_text_line", "Octets of a text line with its end, where long_lines is false; RFC 5322 has 1000."},
      [](C& c) -> auto& { return c.smtp.max_text_line; }, 80, 1'000'000));
  add(size<C>(
      {"smtp", "max_header_size", "Octets of a message's header."},
      [](C& c) -> auto& { return c.smtp.max_header_size; }, 8 << 10, 16 << 20));
  add(number<C>(
      {"smtp", "max_received_hops", "Received fields; a message with more goes in circles and is refused."},
      [](C& c) -> auto& { return c.smtp.max_received_hops; }, 10, 1000));
  add(size<C>(
      {"smtp", "max_discarded_data", "What is read and thrown away of a refused message before the connection is cut."},
      [](C& c) -> auto& { return c.smtp.max_discarded_data; }, 1 << 20, 1ULL << 40));
  add(number<C>(
      {"smtp", "max_errors", "Refused commands since the last accepted message; then the session is ended with 421."},
      [](C& c) -> auto& { return c.smtp.max_errors; }, 1, 10'000));
  add(number<C>(
      {"smtp", "max_auth_failures", "Wrong passwords before a session is ended."},
      [](C& c) -> auto& { return c.smtp.max_auth_failures; }, 1, 100));
  add(number<C>(
      {"smtp", "max_transactions", "Messages of one session; announced (LIMITS)."},
      [](C& c) -> auto& { return c.smtp.max_transactions; }, 1, 1'000'000));
  add(number<C>(
      {"smtp", "max_commands_without_mail",
       "NOOP, RSET, EHLO and the like since the last MAIL; then the session is ended with 421."},
      [](C& c) -> auto& { return c.smtp.max_commands_without_mail; }, 5, 100'000));
  add(duration<C>(
      {"smtp", "command_timeout", "How long a client may say nothing between commands; RFC 5321 asks for 5 minutes."},
      [](C& c) -> auto& { return c.smtp.command_timeout; }, 1s, 1h));
  add(duration<C>(
      {"smtp", "data_timeout", "How long a client may pause within a message; RFC 5321 asks for 3 minutes."},
      [](C& c) -> auto& { return c.smtp.data_timeout; }, 1s, 1h));
  add(duration<C>(
      {"smtp", "max_session_time", "How long a session may take in all."},
      [](C& c) -> auto& { return c.smtp.max_session_time; }, 1min, 24h * 7));
  add(duration<C>(
      {"smtp", "greeting_delay", "How long the greeting is held back; a client that talks before it is refused."},
      [](C& c) -> auto& { return c.smtp.greeting_delay; }, 0s, 60s));
  add(duration<C>(
      {"smtp", "max_hold", "How far ahead a submitter may date a letter (FUTURERELEASE, RFC 4865); announced."},
      [](C& c) -> auto& { return c.smtp.max_hold; }, 1min, 24h * 365));
  add(boolean<C>({"smtp", "require_hello", "Want HELO or EHLO before MAIL."},
                 [](C& c) -> auto& { return c.smtp.require_hello; }));
  add(boolean<C>({"smtp", "strict_pipelining", "Refuse clients that talk on where they must wait for an answer."},
                 [](C& c) -> auto& { return c.smtp.strict_pipelining; }));
  add(boolean<C>({"smtp", "spaces_after_colon", "Bear MAIL FROM: <a@b>, with spaces."},
                 [](C& c) -> auto& { return c.smtp.spaces_after_colon; }));
  add(boolean<C>({"smtp", "missing_brackets", "Bear MAIL FROM:a@b, without angle brackets."},
                 [](C& c) -> auto& { return c.smtp.missing_brackets; }));
  add(boolean<C>(
      {"smtp", "normalise_bare_newlines", "Make CRLF of bare CRs and LFs in a message instead of refusing it."},
      [](C& c) -> auto& { return c.smtp.normalise_bare_newlines; }));
  add(boolean<C>(
      {"smtp", "full_mailbox_is_temporary", "Answer 452 for a full mailbox (its sender tries again), not 552."},
      [](C& c) -> auto& { return c.smtp.full_mailbox_is_temporary; }));
  add(boolean<C>(
      {"smtp", "binary_mime", "Offer BINARYMIME: messages of any octets, in BDAT. Readers of lines get them encoded."},
      [](C& c) -> auto& { return c.smtp.binary_mime; }));
  add(boolean<C>({"smtp", "offer_auth_on_smtp", "AUTH on smtp listeners too, under TLS."},
                 [](C& c) -> auto& { return c.smtp.offer_auth_on_smtp; }));
  add(boolean<C>({"smtp", "check_sender_fields",
                  "From and Sender fields of those who submit must be theirs, as the envelope's sender must always."},
                 [](C& c) -> auto& { return c.smtp.check_sender_fields; }));
  add(number<C>(
      {"smtp", "messages_per_minute", "Messages a minute from one IPv4 address or IPv6 /64. Loopback is exempt."},
      [](C& c) -> auto& { return c.smtp.messages_per_minute; }, 1, 1'000'000));
  add(number<C>(
      {"smtp", "recipients_per_minute", "Recipients a minute from one IPv4 address or IPv6 /64. Loopback is exempt."},
      [](C& c) -> auto& { return c.smtp.recipients_per_minute; }, 1, 10'000'000));
  add(number<C>(
      {"smtp", "rate_tracked_addresses", "Addresses whose rates are remembered."},
      [](C& c) -> auto& { return c.smtp.rate_tracked_addresses; }, 100, 10'000'000));
  add(list<C>(
      {"smtp", "rate_exempt", "Networks whose rates are not limited."}, "networks, like \"10.0.0.0/8\"",
      [](C& c) -> auto& { return c.smtp.rate_exempt; }, network, [](const net::Network& n) { return n.text(); }));

  add(duration<C>(
      {"imap", "idle_timeout",
       "How long a client may say nothing, in IDLE too; RFC 9051 asks for 30 minutes at least."},
      [](C& c) -> auto& { return c.imap.idle_timeout; }, 10s, 24h));
  add(duration<C>(
      {"imap", "login_timeout", "How long a client may take from the greeting to its login."},
      [](C& c) -> auto& { return c.imap.login_timeout; }, 1s, 24h));
  add(duration<C>(
      {"imap", "write_timeout", "How long a client may take to read what it asked for, for each window_size of it."},
      [](C& c) -> auto& { return c.imap.write_timeout; }, 1s, 24h));
  add(size<C>(
      {"imap", "max_command_size", "Octets of a command with its literals; the messages of APPEND are none of them."},
      [](C& c) -> auto& { return c.imap.max_command_octets; }, 8 << 10, 16 << 20));
  add(number<C>(
      {"imap", "max_errors", "Unknown or misplaced commands before a session is ended."},
      [](C& c) -> auto& { return c.imap.max_errors; }, 1, 10'000));
  add(number<C>(
      {"imap", "max_commands_before_login", "Commands before the login, whatever they are; then the session is ended."},
      [](C& c) -> auto& { return c.imap.max_commands_before_login; }, 10, 100'000));
  add(number<C>(
      {"imap", "max_login_failures", "Wrong passwords before a session is ended."},
      [](C& c) -> auto& { return c.imap.max_login_failures; }, 1, 100));
  add(size<C>(
      {"imap", "window_size", "How much is read of a message, or gathered of an answer, before it is written."},
      [](C& c) -> auto& { return c.imap.window_bytes; }, 4 << 10, 1 << 20));
  add(size<C>(
      {"imap", "max_message_size", "The biggest message that may be appended: announced (APPENDLIMIT), and enforced."},
      [](C& c) -> auto& { return c.imap.max_message_bytes; }, 64 << 10, 4ULL << 30));
  add(number<C>(
      {"imap", "max_messages_in_append", "Messages of one APPEND (MULTIAPPEND)."},
      [](C& c) -> auto& { return c.imap.max_messages_in_append; }, 1, 100'000));
  add(number<C>(
      {"imap", "message_limit",
       "Messages of one FETCH, STORE, SEARCH, MOVE, UID EXPUNGE, COPY or APPEND: announced (MESSAGELIMIT), and "
       "enforced; "
       "less than 1000 surprises clients. 0: no limit, and nothing is announced."},
      [](C& c) -> auto& { return c.imap.message_limit; }, 0, 10'000'000));
  add(number<C>(
      {"imap", "save_limit",
       "Messages of one COPY or APPEND: announced (SAVELIMIT), and enforced. 0: no limit, and nothing is announced."},
      [](C& c) -> auto& { return c.imap.save_limit; }, 0, 1'000'000));
  add(list<C>(
      {"imap", "url_submitters",
       "Accounts that may read what others made URLs for \"submit+\" for (URLAUTH): those that submission servers log "
       "in "
       "with."},
      "addresses, like \"submission@example.com\"", [](C& c) -> auto& { return c.imap.url_submitters; },
      [](const std::string& written, const ReadContext& /*context*/) -> std::optional<std::string> {
        const auto address = EmailAddress::parse(written);
        if (!address) return std::nullopt;
        return address->text();
      },
      itself));
  add(list<C>(
      {"imap", "quota_administrators",
       "Accounts that may ask for and set the quotas of all (SETQUOTA); QUOTASET is announced to them alone."},
      "addresses, like \"postmaster@example.com\"", [](C& c) -> auto& { return c.imap.quota_administrators; },
      [](const std::string& written, const ReadContext& /*context*/) -> std::optional<std::string> {
        const auto address = EmailAddress::parse(written);
        if (!address) return std::nullopt;
        return address->text();
      },
      itself));
  add(boolean<C>(
      {"imap", "literal_plus", "Announce LITERAL+ instead of LITERAL-: literals of any size without waiting."},
      [](C& c) -> auto& { return c.imap.literal_plus; }));
  add(boolean<C>({"imap", "uid_batches",
                  "Announce UIDBATCHES as RFC 10022 has it; public tests of servers still expect another form."},
                 [](C& c) -> auto& { return c.imap.uid_batches; }));

  add(duration<C>(
      {"pop3", "idle_timeout", "How long a client may say nothing; RFC 1939 asks for 10 minutes at least."},
      [](C& c) -> auto& { return c.pop3.idle_timeout; }, 10s, 24h));
  add(duration<C>(
      {"pop3", "login_timeout", "How long a client may take from the greeting to its login."},
      [](C& c) -> auto& { return c.pop3.login_timeout; }, 1s, 24h));
  add(duration<C>(
      {"pop3", "write_timeout", "How long a client may take to read what it asked for, for each window_size of it."},
      [](C& c) -> auto& { return c.pop3.write_timeout; }, 1s, 24h));
  add(duration<C>(
      {"pop3", "relax_after", "When an idle session gives back the memory of what it read ahead."},
      [](C& c) -> auto& { return c.pop3.relax_after; }, 100ms, 24h));
  add(number<C>(
      {"pop3", "max_errors", "Unknown or misplaced commands before a session is ended."},
      [](C& c) -> auto& { return c.pop3.max_errors; }, 1, 10'000));
  add(number<C>(
      {"pop3", "max_commands_before_login", "Commands before the login, whatever they are; then the session is ended."},
      [](C& c) -> auto& { return c.pop3.max_commands_before_login; }, 10, 100'000));
  add(number<C>(
      {"pop3", "max_login_failures", "Wrong passwords before a session is ended."},
      [](C& c) -> auto& { return c.pop3.max_login_failures; }, 1, 100));
  add(number<C>(
      {"pop3", "max_command_line", "Octets of a command line with its end; RFC 2449 has 255."},
      [](C& c) -> auto& { return c.pop3.lines.command; }, 255, 65536));
  add(number<C>(
      {"pop3", "max_auth_line", "Octets of a line of an AUTH exchange."},
      [](C& c) -> auto& { return c.pop3.lines.authentication; }, 512, 65536));
  add(size<C>(
      {"pop3", "window_size", "How much of a message is read and written at once."},
      [](C& c) -> auto& { return c.pop3.window_bytes; }, 4 << 10, 1 << 20));
  add(number<C>(
      {"pop3", "read_ahead", "Messages that are opened at once for a client that takes one after another."},
      [](C& c) -> auto& { return c.pop3.read_ahead; }, 1, 1000));
  add(size<C>(
      {"pop3", "read_ahead_size", "And how much of them together."},
      [](C& c) -> auto& { return c.pop3.read_ahead_bytes; }, 64 << 10, 64 << 20));
  // A reload makes these servers anew.
  for (auto& setting : all) setting.live = true;
  return all;
}

std::span<const Setting<ListenerDraft>> listener_settings() {
  static const std::vector<Setting<ListenerDraft>> all = make_listener_settings();
  return all;
}

std::span<const Setting<net::CertificateFiles>> certificate_settings() {
  static const std::vector<Setting<net::CertificateFiles>> all = make_certificate_settings();
  return all;
}

}  // namespace pabal::app
