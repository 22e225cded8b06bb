#include "app/sendmail.hpp"

#include <csignal>
#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "app/maildrop.hpp"
#include "app/operator.hpp"
#include "app/sendmail_session.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "codec/date.hpp"

namespace pabal::app {
namespace {

constexpr const char* help_text =
    R"(Usage: pabal sendmail [-t] [-i] [-f SENDER] [-F NAME] [--config FILE] [RECIPIENT...]
       pabal sendmail -bs
       pabal sendmail -bp

Takes a message on standard input and delivers it, as sendmail(8) does for programs; link /usr/sbin/sendmail (and mailq) to it.

  -t          the recipients are those in To, Cc and Bcc; Bcc is then taken away
  -i, -oi     a line with a dot alone doesn't end the message
  -f SENDER   the envelope's sender; without it, you at this host
  -F NAME     your full name, for a From field where the message has none
  -bs         speak SMTP on standard input and output
  -bp         list the letters that wait, like pabal queue list
  --config    the settings file (default /etc/pabal/pabal.toml)

This version delivers to local recipients only. The letter goes to the running server by its control socket, or, while none runs, into
the mailboxes. Who may open neither puts it into the maildrop (a setting), which the server empties at its start and while it runs.
Other -o, -B, -N, -R and -V options are taken and passed over.
)";

/// One header field, unfolded, without its line end.
struct Field {
  std::string_view name;
  std::string value;
  std::size_t begin = 0;  ///< where it stands in the message
  std::size_t end = 0;
};

/// Fields up to the empty line; stops at a line that is none.
std::vector<Field> header_fields(std::string_view message) {
  std::vector<Field> fields;
  std::size_t at = 0;
  while (at < message.size()) {
    const std::size_t line_end = std::min(message.find('\n', at), message.size() - 1) + 1;
    std::string_view line = message.substr(at, line_end - at);
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    if ((line.front() == ' ' || line.front() == '\t') && !fields.empty()) {
      fields.back().value += line;
      fields.back().end = line_end;
    } else {
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos || colon == 0) break;
      fields.push_back({trim(line.substr(0, colon)), std::string(line.substr(colon + 1)), at, line_end});
    }
    at = line_end;
  }
  return fields;
}

/// The addresses of one address list.
void collect(std::string_view list, std::vector<std::string>& into) {
  std::string word;
  std::string angle;
  bool in_angle = false;
  bool had_angle = false;
  int comment = 0;
  const auto finish = [&] {
    const std::string_view address = trim(had_angle ? angle : word);
    if (!address.empty()) into.emplace_back(address);
    word.clear();
    angle.clear();
    in_angle = had_angle = false;
  };
  for (std::size_t i = 0; i < list.size(); ++i) {
    const char c = list[i];
    std::string& current = in_angle ? angle : word;
    if (comment > 0) {
      if (c == '\\') ++i;
      comment += c == '(' ? 1 : c == ')' ? -1 : 0;
    } else if (c == '(') {
      ++comment;
    } else if (c == '"') {
      const std::size_t begin = i++;
      while (i < list.size() && list[i] != '"') i += list[i] == '\\' ? 2 : 1;
      current += list.substr(begin, i - begin + 1);
    } else if (c == '<') {
      in_angle = had_angle = true;
    } else if (c == '>') {
      in_angle = false;
    } else if (!in_angle && (c == ',' || c == ';')) {
      finish();
    } else if (!in_angle && c == ':') {
      word.clear();  // a group's name
    } else {
      current += c;
    }
  }
  finish();
}

std::string with_crlf(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out += text.substr(0, end);
    out += "\r\n";
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

/// Programs end lines with LF, CRLF or, some, with CR alone: all become LF.
std::string with_lf(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
    } else if (i + 1 == text.size() || text[i + 1] != '\n') {
      out += '\n';
    }
  }
  return out;
}

std::string user_name() {
  const passwd* entry = getpwuid(getuid());
  return entry == nullptr ? "nobody" : entry->pw_name;
}

std::string read_message(bool dots) {
  std::string message;
  std::string line;
  while (std::getline(std::cin, line)) {
    if (!dots && (line == "." || line == ".\r")) break;
    message += line;
    message += '\n';
  }
  return message;
}

/// To the server, to the mailboxes where none runs, or into the maildrop.
Result<void> hand_in(const Config& config, const json::object& request, const std::string& message) {
  auto server = Operator::open(config);
  if (server) {
    const auto result = server->execute(request, message);
    if (!result) return pass(result);
    return {};
  }
  if (config.maildrop.empty()) return pass(server);
  SystemRandom random;
  const auto id = make_token(to_database(RealClock().now()), random);
  return drop_letter(config.maildrop, id, dropped_text(request, message));
}

int list_all(const std::string& config) {
  Invocation invocation;
  invocation.config = config;
  return list_queue(invocation, {{"command", "queue list"}});
}

}  // namespace

Result<SendmailOptions> read_sendmail_options(const std::vector<std::string>& words) {
  SendmailOptions options;
  bool only_recipients = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto value = [&](std::string& into) {
      if (word.size() > 2) {
        into = word.substr(2);
        return true;
      }
      if (++i == words.size()) return false;
      into = words[i];
      return true;
    };
    bool good = true;
    std::string passed_over;
    if (only_recipients || !word.starts_with('-') || word == "-") {
      options.recipients.push_back(word);
    } else if (word == "--") {
      only_recipients = true;
    } else if (word == "--help") {
      options.help = true;
    } else if (word == "--config") {
      good = ++i < words.size();
      if (good) options.config = words[i];
    } else if (word.starts_with("--config=")) {
      options.config = word.substr(9);
    } else if (word == "-i" || word == "-oi") {
      options.dots = true;
    } else if (word == "-t") {
      options.from_header = true;
    } else if (word == "-ti" || word == "-it") {
      options.dots = options.from_header = true;
    } else if (word == "-bp") {
      options.list_queue = true;
    } else if (word == "-bs") {
      options.session = true;
    } else if (word == "-bm" || word == "-v" || word == "-U" || word == "-G" || word == "-n") {
      continue;
    } else if (word.starts_with("-f") || word.starts_with("-r")) {
      good = value(options.sender);
    } else if (word.starts_with("-F")) {
      good = value(options.full_name);
    } else if (word.starts_with("-o") && word.size() > 2) {
      continue;
    } else if (word.starts_with("-o") || word.starts_with("-B") || word.starts_with("-N") || word.starts_with("-R") ||
               word.starts_with("-V") || word.starts_with("-O") || word.starts_with("-X") || word.starts_with("-h") ||
               word.starts_with("-L")) {
      good = value(passed_over);
    } else {
      return fail(ErrorKind::syntax,
                  fmt::format("sendmail: {} is not known; see pabal sendmail --help", printable(word, 60)));
    }
    if (!good) return fail(ErrorKind::syntax, fmt::format("sendmail: {} expects a value", printable(word, 60)));
  }
  return options;
}

std::vector<std::string> header_recipients(std::string_view message) {
  std::vector<std::string> recipients;
  for (const Field& field : header_fields(message)) {
    for (const std::string_view name : {"To", "Cc", "Bcc"}) {
      if (equal_ignoring_case(field.name, name)) collect(field.value, recipients);
    }
  }
  return recipients;
}

std::string complete_message(std::string_view given, const SendmailOptions& options, const std::string& sender,
                             std::string_view id, SystemTime now) {
  const std::string lines = with_lf(given);
  const std::string_view input = lines;
  const auto fields = header_fields(input);
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(fields, [&](const Field& field) { return equal_ignoring_case(field.name, name); });
  };
  std::string out;
  if (!has("Date")) out += fmt::format("Date: {}\r\n", codec::format_date(now));
  if (!has("From")) {
    std::string name;
    for (const char c : options.full_name) name += c == '"' || c == '\\' ? fmt::format("\\{}", c) : std::string(1, c);
    out += name.empty() ? fmt::format("From: {}\r\n", sender) : fmt::format("From: \"{}\" <{}>\r\n", name, sender);
  }
  if (!has("Message-ID"))
    out += fmt::format("Message-ID: <{}{}>\r\n", id, sender.substr(std::min(sender.rfind('@'), sender.size())));
  std::size_t at = 0;
  for (const Field& field : fields) {
    const bool hidden = options.from_header && equal_ignoring_case(field.name, "Bcc");
    if (!hidden) out += with_crlf(input.substr(field.begin, field.end - field.begin));
    at = field.end;
  }
  const std::string_view rest = input.substr(at);
  if (!rest.starts_with('\n')) out += "\r\n";
  return out + with_crlf(rest);
}

int sendmail(const std::vector<std::string>& words) {
  auto options = read_sendmail_options(words);
  if (!options) {
    refuse(options.error());
    return exit_usage;
  }
  if (options->help) {
    std::cout << help_text;
    return exit_done;
  }
  if (options->list_queue) return list_all(options->config);
  if (options->session) {
    const auto config = load_config(options->config);
    if (!config) return exit_refused;
    std::signal(SIGPIPE, SIG_IGN);
    speak_smtp(config->smtp, STDIN_FILENO, STDOUT_FILENO,
               [&config](const json::object& request, const std::string& message) {
                 return hand_in(*config, request, message);
               });
    return exit_done;
  }
  const std::string input = with_lf(read_message(options->dots));
  if (options->from_header) {
    // With -t, recipients on the command line are left out of the list, as sendmail does.
    auto named = header_recipients(input);
    std::erase_if(named, [&](const std::string& one) {
      return std::ranges::find(options->recipients, one) != options->recipients.end();
    });
    options->recipients = std::move(named);
  }
  if (options->recipients.empty()) {
    refuse({ErrorKind::syntax, "sendmail: expected recipients, on the command line or (with -t) in To, Cc or Bcc", {}});
    return exit_usage;
  }
  const auto config = load_config(options->config);
  if (!config) return exit_refused;
  const auto qualified = [&config](const std::string& name) {
    return name.contains('@') || name.empty() ? name : name + "@" + config->hostname;
  };
  const bool bounce = options->sender == "<>";
  std::string sender = bounce ? "" : qualified(options->sender.empty() ? user_name() : options->sender);
  json::array recipients;
  for (const std::string& recipient : options->recipients) recipients.push_back(json::string(qualified(recipient)));
  SystemRandom random;
  const RealClock clock;
  const std::string message = complete_message(input, *options, bounce ? "MAILER-DAEMON@" + config->hostname : sender,
                                               make_token(to_database(clock.now()), random), clock.now());
  const auto handed_in =
      hand_in(*config, {{"command", "sendmail"}, {"sender", sender}, {"recipients", std::move(recipients)}}, message);
  if (!handed_in) return refuse(handed_in.error());
  return exit_done;
}

void add_sendmail_command(CLI::App& root) {
  root.add_subcommand("sendmail", "take a message on standard input, as sendmail(8) does");
}

}  // namespace pabal::app
