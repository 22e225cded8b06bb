// pabal sendmail: the command line of sendmail(8), as programs use it to hand in a message on standard input.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/cli.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"

namespace pabal::app {

struct SendmailOptions {
  bool from_header = false;  ///< -t: recipients are those in To, Cc and Bcc
  bool dots = false;         ///< -i, -oi: a line with a dot alone doesn't end the message
  bool list_queue = false;   ///< -bp
  bool session = false;      ///< -bs
  bool help = false;
  std::string sender;     ///< -f, -r
  std::string full_name;  ///< -F
  std::string config = "/etc/pabal/pabal.toml";
  std::vector<std::string> recipients;
};

/// The words after "sendmail". An error says what is wrong with them.
[[nodiscard]] Result<SendmailOptions> read_sendmail_options(const std::vector<std::string>& words);

/// The addresses in To, Cc and Bcc fields of the header (RFC 5322 §3.4: comments, names, quoted strings, groups).
[[nodiscard]] std::vector<std::string> header_recipients(std::string_view message);

/// The message as it is posted: lines end with CRLF, Bcc is taken away (with `from_header`), From, Date and Message-ID
/// are there.
[[nodiscard]] std::string complete_message(std::string_view input, const SendmailOptions& options,
                                           const std::string& sender, std::string_view id, SystemTime now);

/// Whole command; returns the exit status.
[[nodiscard]] int sendmail(const std::vector<std::string>& words);

/// Shows it among the commands; its own words are read by sendmail().
void add_sendmail_command(CLI::App& root);

}  // namespace pabal::app
